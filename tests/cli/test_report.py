"""`fit` and its card, `report` and its files: what a line promises, a second run of it keeps."""

from __future__ import annotations

import csv
import json
import os
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scalelab import laws
from scalelab.cli.main import cli
from scalelab.laws.card import data_hash
from tests.cli.conftest import Ran, document

Run = Callable[..., Ran]


def replayed(shell: str) -> dict[str, Any]:
    """The document of the card's own line, run as a shell would split it."""
    words = shlex.split(shell)
    assert words[0] == "scalelab"
    ran = CliRunner().invoke(cli, [*words[1:], "--json"])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.mark.parametrize("arguments", [
    [], ["--law", "chinchilla", "--objective", "hoffmann"], ["--law", "coupled", "--fix", "E=1.1", "--level", "0.9"],
    ["--law", "power"], ["--where", "tokens > 250000", "--law", "chinchilla-tied"],
    ["--law", "chinchilla", "--interval", "profile"], ["--law", "chinchilla", "--interval", "bootstrap"],
    ["--law", "chinchilla", "--law", "coupled"], ["--objective", "hoffmann"], ["--interval", "cluster"],
])  # fmt: skip
def test_the_line_of_the_card_gives_the_same_numbers(scalelab: Run, table: Path, arguments: list[str]) -> None:
    first = document(scalelab("fit", str(table), *arguments, "--json"))
    card = first["card"]
    again = replayed(card["shell"])
    assert again["card"]["theta"] == card["theta"]
    assert again["card"]["data_hash"] == card["data_hash"]
    mine = next(fit for fit in first["assessment"]["fits"] if fit["law"] == card["law"])
    same = next(fit for fit in again["assessment"]["fits"] if fit["law"] == card["law"])
    assert same["estimates"] == mine["estimates"]
    assert again["card"]["predicting"] == card["predicting"]
    assert again["assessment"]["optimum"] == first["assessment"]["optimum"]
    assert again["intervals"] == first["intervals"]


def test_the_line_of_python_gives_the_same_numbers(scalelab: Run, table: Path) -> None:
    card = document(scalelab("fit", str(table), "--where", "tokens > 250000", "--law", "chinchilla", "--json"))["card"]
    scope: dict[str, Any] = {}
    exec(card["python"], scope)
    assert list(scope["fit"].theta) == card["theta"]
    assert data_hash(scope["runs"]) == card["data_hash"]


def test_a_labs_lines_give_the_same_numbers(scalelab: Run, finished: Path) -> None:
    card = document(scalelab("fit", str(finished), "--law", "chinchilla-tied", "--json"))["card"]
    again = replayed(card["shell"])["card"]
    scope: dict[str, Any] = {}
    exec(card["python"], scope)
    assert card["theta"] == again["theta"] == list(scope["fit"].theta)
    assert card["excluded"][0]["run"] == "24x1-D80k-s0"


def test_the_document_has_what_the_words_have(scalelab: Run, table: Path) -> None:
    told = document(scalelab("fit", str(table), "--level", "0.9", "--json"))
    assert told["schema"] == "scalelab.report/1"
    assert told["intervals"] == {"method": "t", "level": 0.9}
    assert len(told["diagnosis"]["leverage"]) == 16
    assert told["card"]["law"] == told["assessment"]["best"]
    assert "exponents" in told


def test_fit_prints_the_law_its_numbers_and_the_line_in_eighty_columns(
    scalelab: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = scalelab("fit", str(table))
    assert "The law: " in ran.out and "value ± s.e." in ran.out and "To fit " in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    shell = ran.out[ran.out.index("  scalelab fit") :].replace("\\\n", " ")
    assert replayed(shell)["card"]["law"] in ran.out


def test_what_is_held_fixed_is_told(scalelab: Run, table: Path) -> None:
    out = scalelab("fit", str(table), "--law", "chinchilla", "--fix", "E=1.1", "--no-plot").out
    assert "held fixed" in out


def test_points_are_written_with_residuals_and_leverage(scalelab: Run, table: Path, tmp_path: Path) -> None:
    target = tmp_path / "points.csv"
    told = document(scalelab("fit", str(table), "--law", "chinchilla", "--csv", str(target), "--json"))
    rows = list(csv.DictReader(target.open()))
    fit = told["assessment"]["fits"][0]
    assert [float(row["residual"]) for row in rows] == pytest.approx(fit["residuals"], abs=1e-12)
    assert sum(float(row["leverage"]) for row in rows) == pytest.approx(5)
    assert scalelab("fit", str(table), "--csv", str(target)).code == 2
    assert scalelab("fit", str(table), "--csv", str(target), "--force").code == 0


def test_the_card_is_written(scalelab: Run, table: Path, tmp_path: Path) -> None:
    target = tmp_path / "card.json"
    told = document(scalelab("fit", str(table), "--card", str(target), "--json"))
    assert json.loads(target.read_text()) == told["card"]


def test_report_writes_one_page_and_its_figures(scalelab: Run, finished: Path, tmp_path: Path) -> None:
    page, png, svg = tmp_path / "report.html", tmp_path / "png", tmp_path / "deep" / "svg"
    ran = scalelab("report", str(finished), "-o", str(page), "--png", str(png), "--svg", str(svg))
    assert (ran.code, ran.out) == (0, "")
    text = page.read_text()
    assert text.startswith("<!doctype html>") and "24x1-D80k-s0" in text and "<script" not in text
    assert {file.stem for file in png.iterdir()} == {file.stem for file in svg.iterdir()}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in png.iterdir())
    assert f'aria-labelledby="about-{sorted(file.stem for file in svg.iterdir())[0]}' in text
    assert list(tmp_path.glob(".*")) == []


def test_report_overwrites_only_when_told(scalelab: Run, table: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("mine")
    ran = scalelab("report", str(table), "-o", str(page), "--law", "chinchilla")
    assert (ran.code, page.read_text()) == (2, "mine")
    assert "--force overwrites it" in ran.err
    assert scalelab("report", str(table), "-o", str(page), "--law", "chinchilla", "--force").code == 0
    assert page.read_text() != "mine"
    assert stat.S_IMODE(page.stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_report_is_named_for_its_source(
    scalelab: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = document(scalelab("report", str(table), "--law", "chinchilla", "--json"))
    assert told["files"] == ["runs-report.html"]
    assert (tmp_path / "runs-report.html").exists()
    assert told["card"]["law"] == "chinchilla"


def test_names_from_a_file_stay_text(scalelab: Run, tmp_path: Path) -> None:
    bad = tmp_path / "<script>x.csv"
    hostile = "<script>alert(1)</script>\x1b[2J"
    rows = [f"{hostile}{i},{n},{d},{1.5 + 300 / n**0.4 + 900 / d**0.4}" for i, (n, d) in enumerate(
        (n, d) for n in (1e5, 1e6, 1e7) for d in (1e6, 1e7, 1e8))]  # fmt: skip
    bad.write_text("run,n_params,tokens,loss\n" + "\n".join(rows) + f"\n{hostile},-1,1,1\n")
    page = tmp_path / "out.html"
    ran = scalelab("report", str(bad), "-o", str(page))
    assert ran.code == 0, ran.err
    text = page.read_text()
    assert "<script" not in text and "\x1b" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize(("arguments", "words"), [
    (["report", "TABLE", "-o", "FOLDER/none/x.html"], "there is no folder"),
    (["report", "TABLE", "-o", "FOLDER"], "is a folder"),
    (["report", "TABLE", "-o", "FOLDER/x.html", "--png", "TABLE"], "is a file"),
    (["report", "TABLE", "-o", "FOLDER/x.html", "--interval", "magic"], "t, profile, bootstrap"),
    (["fit", "TABLE", "--level", "7"], "--level 7"),
    (["fit", "TABLE", "--level", "nan"], "--level nan"),
    (["fit", "TABLE", "--fix", "E"], "NAME=VALUE"),
    (["fit", "TABLE", "--fix", "E=x"], "NAME=VALUE"),
    (["fit", "TABLE", "--law", "chinchilla", "--fix", "Q=1"], "Q"),
    (["fit", "TABLE", "--csv", "FOLDER"], "is a folder"),
])  # fmt: skip
def test_refusals_are_one_line_and_write_nothing(
    scalelab: Run, table: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    given = [each.replace("TABLE", str(table)).replace("FOLDER", str(tmp_path)) for each in arguments]
    ran = scalelab(*given)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert list(tmp_path.iterdir()) == []


def test_the_published_objective_is_reached_by_the_line(scalelab: Run, shared_data: Path) -> None:
    source = str(shared_data / "chinchilla_epoch.csv")
    asked = ("--where", "outlier=0", "--law", "chinchilla", "--objective", "hoffmann")
    card = document(scalelab("fit", source, *asked, "--json"))["card"]
    assert card["objective_value"] <= 0.0010182741
    assert replayed(card["shell"])["card"]["theta"] == card["theta"]
    assert len(laws.read_runs(source, where={"outlier": "0"})) == card["n_runs"] == 240


def test_fit_draws_the_figures_that_are_named(scalelab: Run, table: Path) -> None:
    out = scalelab("fit", str(table), "--law", "chinchilla", "--plot", "surface", "--plot", "residuals").out
    assert "Loss by chinchilla" in out and "Residuals of chinchilla" in out and "one loss" in out
    ran = scalelab("fit", str(table), "--law", "chinchilla", "--plot", "isoflop")
    assert ran.code == 2
    assert "no figure 'isoflop' (allowed: loss-against-compute, surface, residuals" in ran.err


def test_runs_that_cannot_tell_n_from_d_show_the_law_of_compute_alone(scalelab: Run, tmp_path: Path) -> None:
    line, page = tmp_path / "line.csv", tmp_path / "line.html"
    sizes = [1e4 * 2**i for i in range(12)]
    line.write_text(
        "n_params,tokens,loss\n"
        + "".join(f"{n},{20 * n},{1.5 + 30 * n**-0.35 * (1 + 0.001 * (-1) ** i)}\n" for i, n in enumerate(sizes))
    )
    out = scalelab("fit", str(line), "--no-plot").out
    assert "The law: compute" in out and "(6·N·D)^" in out and "exponents are withheld" in out
    assert "a of N*" not in out
    assert scalelab("report", str(line), "-o", str(page)).code == 0
    assert "exponents are withheld" in page.read_text() and 'id="about-optimal"' not in page.read_text()


def test_repeated_data_are_reported(scalelab: Run, shared_data: Path, tmp_path: Path) -> None:
    page = tmp_path / "m.html"
    ran = scalelab("report", str(shared_data / "muennighoff.csv"), "--law", "data-constrained", "-o", str(page))
    assert ran.code == 0, ran.err
    assert "unique_tokens" in page.read_text()


@pytest.mark.parametrize(("arguments", "words"), [
    (["--fix", "E=nan"], "allowed: NAME=VALUE"), (["--fix", "E=inf"], "allowed: NAME=VALUE"),
    (["--fix", "E=-5"], "E of power+E is fixed at -5"), (["--csv", "one", "--card", "./one"], "are both one"),
    (["--interval", "nope"], ", ".join(("t", "profile", "bootstrap", "cluster"))),
])  # fmt: skip
def test_fit_refuses_in_one_line_and_writes_nothing(
    scalelab: Run, table: Path, tmp_path: Path, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    ran = scalelab("fit", str(table), *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert words in ran.err and sorted(tmp_path.iterdir()) == before


def test_the_help_names_every_method_of_intervals(scalelab: Run) -> None:
    from scalelab.laws.intervals.method import DETAILS, METHODS

    said = " ".join(scalelab("fit", "--help").out.split())
    assert ", ".join(list(METHODS)[:-1]) + f" or {list(METHODS)[-1]}" in said
    assert set(METHODS) == set(DETAILS)
