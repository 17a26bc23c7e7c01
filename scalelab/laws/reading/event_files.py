"""A folder of TensorBoard event files as a sheet: what each run last wrote under every tag.

The `tensorboard` package parses them; it is asked for only here, and streams one event at a time.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scalelab.errors import BadInput
from scalelab.laws.reading.folders import run_name
from scalelab.laws.reading.headings import ALIASES, COUNTS, spellings
from scalelab.laws.reading.model_sizes import size_of_config
from scalelab.laws.reading.records import Record, flat, sheet_of
from scalelab.laws.reading.run_settings import settings_of, tokens_a_step
from scalelab.laws.reading.sheets import Refused, Sheet

MOST_BYTES = 1 << 28
"""Of one event file: images and histograms, which no law needs, make them larger."""
MOST_TAGS = 1_000
PARTS = frozenset(("train", "training", "eval", "evaluation", "val", "valid", "validation", "test"))
"""Folders that hold a part of the run above them, as Keras and others write them."""
_STAMP = re.compile(r"\d{9,11}\.\d+")
"""The folder that torch's SummaryWriter puts the hyper-parameters of the run above it into: a time."""
RATES = ("learning_rate", "train/learning_rate", "lr", "train/lr")
HPARAMS = "_hparams_/session_start_info"
_DIM = 64
"""Of what a text summary's array may hold."""


def event_sheet(root: Path, folders: Mapping[Path, Sequence[Path]], unlisted: Sequence[Path], name: str) -> Sheet:
    """One row a run: the last value of every scalar, its hyper-parameters and its model's config.

    Raises
    ------
    BadInput
        The package that reads event files is not installed.
    """
    _loader()
    runs: dict[Path, list[tuple[str, Path]]] = {}
    for folder, files in folders.items():
        run, lead = _run_of(folder, root)
        runs.setdefault(run, []).extend((lead, file) for file in sorted(files))
    rows: list[Record] = [(None, Refused(run_name(root, folder), "its folder cannot be listed")) for folder in unlisted]
    rows += [(None, _row(run_name(root, run), runs[run])) for run in sorted(runs)]
    note = (
        f"{len(runs)} runs of event files, each by the last value of its tags; whether it had finished cannot be seen"
    )
    return sheet_of(iter(rows), name, [note])


def _run_of(folder: Path, root: Path) -> tuple[Path, str]:
    """The run that a folder belongs to, and what its tags begin with there."""
    if folder != root and folder.name.lower() in PARTS:
        return folder.parent, f"{folder.name}/"
    return (folder.parent if folder != root and _STAMP.fullmatch(folder.name) else folder), ""


def _loader() -> Any:
    """The class that streams an event file."""
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    except ImportError:
        raise BadInput(
            "TensorBoard event files need the package tensorboard", todo="pip install 'scalelab[import]'"
        ) from None
    return EventFileLoader


def _row(name: str, files: Sequence[tuple[str, Path]]) -> dict[str, Any] | Refused:
    """What a run last wrote, or why none of it can be read."""
    scalars: dict[str, float] = {}
    texts: dict[str, str] = {}
    rates: list[float] = [0.0, 0.0]
    steps = 0
    for lead, path in files:
        try:
            if path.stat().st_size > MOST_BYTES:
                return Refused(name, f"an event file of more than {MOST_BYTES >> 20} MB")
            for event in _events(path):
                steps = max(steps, int(event.step))
                _note(event, lead, scalars, texts, rates)
        except Exception as problem:  # whatever a foreign parser raises on a foreign file
            return Refused(name, f"an event file cannot be read: {type(problem).__name__}")
    if not scalars:
        return Refused(name, "its event files hold no scalars")
    return _run(name, scalars, texts, rates, steps)


def _events(path: Path) -> Iterator[Any]:
    """The events of a file up to where it is whole, without the parser's own talk."""
    talk = logging.getLogger("tensorboard")
    before = talk.disabled
    talk.disabled = True
    try:
        yield from _loader()(str(path)).Load()
    finally:
        talk.disabled = before


def _note(event: Any, lead: str, scalars: dict[str, float], texts: dict[str, str], rates: list[float]) -> None:
    """Keep the last value of each tag of an event."""
    for value in event.summary.value if event.HasField("summary") else ():
        tag = f"{lead}{value.tag}"[:200]
        plugin = value.metadata.plugin_data.plugin_name
        if value.tag == HPARAMS:
            scalars.update(_hparams(value.metadata.plugin_data.content))
        elif value.HasField("tensor") and value.tensor.dtype == 7 and len(texts) < MOST_TAGS:
            text = b"".join(value.tensor.string_val[:_DIM])
            if len(text) < MOST_TAGS * 1_000:
                texts[tag] = text.decode(errors="replace")
        elif (number := _scalar(value, plugin)) is not None and (tag in scalars or len(scalars) < MOST_TAGS):
            scalars[tag] = number
            if value.tag in RATES:
                rates[:] = [max(rates[0], number), number]


def _scalar(value: Any, plugin: str) -> float | None:
    """The number of a scalar summary; None for anything else."""
    if plugin not in ("", "scalars") or not value.HasField("tensor"):
        return None
    from tensorboard.util.tensor_util import make_ndarray

    array = make_ndarray(value.tensor)
    return float(array.reshape(())) if array.size == 1 and array.dtype.kind in "fiu" else None


def _hparams(content: bytes) -> dict[str, Any]:
    """The hyper-parameters that the HParams plugin keeps."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found = HParamsPluginData.FromString(content).session_start_info.hparams
    return {f"hparams.{key}"[:200]: getattr(value, kind)
            for key, value in found.items()
            if (kind := value.WhichOneof("kind")) in ("number_value", "string_value")}  # fmt: skip


def _run(
    name: str, scalars: dict[str, Any], texts: Mapping[str, str], rates: Sequence[float], steps: int
) -> dict[str, Any] | Refused:
    """A run's row: the tags, and what its settings say of N, D and the learning rate."""
    settings = {key.removeprefix("hparams."): value for key, value in scalars.items() if key.startswith("hparams.")}
    for text in texts.values():
        settings |= flat(settings_of(_bare(text)))
    planned = settings.get("max_steps")
    if isinstance(planned, int | float) and 0 < steps < planned and math.isfinite(planned):
        return Refused(name, f"stopped at step {steps} of {planned:.0f}")
    row: dict[str, Any] = {"run_id": name, **scalars}
    spelled = {each for key in row for each in spellings(key)}
    size = size_of_config(settings)
    if size is not None and not spelled.intersection(ALIASES["n_params"]):
        row |= {"n_params": size.n_params, "n_blocks": size.n_blocks, "n_total": size.n_total}
    if not spelled.intersection(ALIASES["n_tokens"]) and (batch := tokens_a_step(settings)):
        row["tokens"] = steps * batch
    if rates[0] > 0:
        row["lr_share"] = rates[1] / rates[0]
    known = {alias for aliases in (*COUNTS.values(), ALIASES["n_params"], ALIASES["n_tokens"]) for alias in aliases}
    for key, value in settings.items():
        if key not in row and isinstance(value, int | float) and known.intersection(spellings(key)):
            row[key] = value
    return row


def _bare(text: str) -> str:
    """A text summary without the block signs that writers put around JSON."""
    return text.strip().strip("`").removeprefix("json").strip()
