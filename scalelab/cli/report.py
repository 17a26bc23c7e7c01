"""`scalelab report`: a lab or a table of runs as one HTML file that stands alone, and its figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.files import refuse_overwriting, save
from scalelab.cli.fitting import card_of, fit_options, fitted
from scalelab.cli.options import example, json_option, print_json
from scalelab.cli.sources import source_options, unfinished_option
from scalelab.errors import BadInput
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.report.pictures import Picture

FORMATS = ("svg", "png")


@click.command(
    "report",
    short_help="A lab's law as one HTML file with figures.",
    epilog=example(
        "scalelab report labs/tiny -o report.html",
        "scalelab report runs.csv --where outlier=0 -o report.html --png figures",
    ),
)
@source_options
@fit_options
@unfinished_option
@click.option("-o", "--output", metavar="FILE", help="The HTML file.  [default: NAME-report.html here]")
@click.option("--png", "png", metavar="DIR", help="Write each figure as a PNG into this folder too.")
@click.option("--svg", "svg", metavar="DIR", help="Likewise as SVG.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@json_option
def command(
    source: str,
    law: tuple[str, ...],
    objective: str | None,
    fix: tuple[str, ...],
    interval: str,
    level: float,
    output: str | None,
    png: str | None,
    svg: str | None,
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Write what the laws say of SOURCE, a lab's directory or a table of runs, as a page to read and to send."""
    target = Path(output) if output is not None else None
    if target is not None:
        refuse_overwriting(target, force=force)
    subject = fitted(source, reading, law=law, objective=objective, fix=fix, interval=interval, level=level)
    card = card_of(subject)
    if card is None:
        raise BadInput(f"{clean(subject.name, 120)}: {subject.assessment.verdicts[0]}")
    if target is None:
        target = Path(f"{_slug(subject.name)}-report.html")
        refuse_overwriting(target, force=force)
    from scalelab.report.page import page
    from scalelab.report.pictures import pictures_of

    pictures = pictures_of(subject)
    files = _files(pictures, {"svg": svg, "png": png}, force=force)
    text = page(subject, card, pictures)
    save(target, lambda stream: stream.write(text.encode()))
    for file, name in files:
        _draw(file, next(each for each in pictures if each.key == name))
    if as_json:
        written = [str(target), *(str(file) for file, _ in files)]
        print_json({"schema": "scalelab.written/1", "files": written, "card": card.to_dict()})
        return
    more = f", {len(files)} figures in {clean(' and '.join(filter(None, (svg, png))), 200)}" if files else ""
    click.echo(f"{clean(str(target), 200)}: {len(text) // 1000} kB{more}", err=True)


def _files(pictures: list[Picture], folders: dict[str, str | None], *, force: bool) -> list[tuple[Path, str]]:
    """(File, key of its picture) of every figure that was asked for; the folders are made, nothing is overwritten."""
    files = []
    for form, folder in folders.items():
        if folder is None:
            continue
        place = Path(folder)
        if place.exists() and not place.is_dir():
            raise BadInput(f"{clean(folder, 200)} is a file", allowed="a folder for the figures")
        place.mkdir(parents=True, exist_ok=True)
        for each in pictures:
            refuse_overwriting(place / f"{each.key}.{form}", force=force)
            files.append((place / f"{each.key}.{form}", each.key))
    return files


def _draw(target: Path, picture: Picture) -> None:
    from scalelab.report import vector

    drawn = (vector.svg_file if target.suffix == ".svg" else vector.png_file)(picture.figure, picture.key)
    save(target, lambda stream: stream.write(drawn))


def _slug(name: str) -> str:
    """A file's name from the subject's: letters, digits and hyphens of it."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in Path(name).stem)
    return "-".join(filter(None, kept.split("-")))[:60] or "scalelab"
