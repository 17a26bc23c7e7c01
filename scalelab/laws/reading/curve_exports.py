"""A chart that W&B exported as CSV (a column for each run, with __MIN and __MAX beside it) as a sheet of runs.

Such a file has a row for each step: a run is what its columns last hold. The export of the runs' table needs nothing of
this: it is a plain CSV.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from scalelab.errors import BadInput
from scalelab.laws.reading.cells import as_text
from scalelab.laws.reading.headings import ALIASES, spellings
from scalelab.laws.reading.records import Record, sheet_of
from scalelab.laws.reading.sheets import Refused, Sheet
from scalelab.units import parse_count

TWINS = ("__MIN", "__MAX")
MOST_CURVES = 200_000
_SIZE = r"\d+(?:\.\d+)?[kmbt]"
_TOKENS = re.compile(rf"(?<![a-z0-9.])(?:d|tok(?:en)?s?)[-_=]?({_SIZE})(?![a-z0-9])|"
                     rf"(?<![a-z0-9.])({_SIZE})[-_ ]?tok(?:en)?s?(?![a-z])", re.IGNORECASE)  # fmt: skip
_PARAMS = re.compile(rf"(?<![a-z0-9.])(?:n|params)?[-_=]?({_SIZE})(?![a-z0-9])", re.IGNORECASE)


def is_curve_export(headings: Sequence[str]) -> bool:
    """Whether columns come as "run - metric" with the smallest and largest value beside them."""
    return any(heading.endswith(TWINS) and heading[: -len(TWINS[0])] in headings for heading in headings)


def runs_of_curves(sheet: Sheet, name: str) -> Sheet:
    """One row a run: the last value of each of its curves, and where on the x axis that was.

    Raises
    ------
    BadInput
        More curves than anybody draws.
    """
    curves = _curves(sheet.headings)
    if len(curves) > MOST_CURVES:
        raise BadInput(f"{name} has {len(curves):,} curves", allowed=f"up to {MOST_CURVES:,}")
    runs = _last_values(sheet, curves)
    notes = ["a chart of W&B: each run is what its curve last holds; whether it had finished cannot be seen"]
    notes += _named_sizes(runs)
    return sheet_of(_records(runs), name, notes)


def _curves(headings: Sequence[str]) -> dict[int, tuple[str, str]]:
    """Position → (run, metric)."""
    curves = {}
    for at, heading in enumerate(headings):
        run, dash, metric = heading.rpartition(" - ")
        if dash and not heading.endswith(TWINS):
            curves[at] = (run.strip(), metric.strip())
    return curves


def _last_values(sheet: Sheet, curves: dict[int, tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Run → metric → its last value, and the x axis where that stood."""
    axis = next((at for at in range(len(sheet.headings)) if at not in curves), None)
    axis = None if axis is not None and sheet.headings[axis].endswith(TWINS) else axis
    runs: dict[str, dict[str, Any]] = {run: {} for run, _ in curves.values()}
    for _, cells in sheet.rows(()):
        if isinstance(cells, Refused) or len(cells) != len(sheet.headings):
            continue
        for at, (run, metric) in curves.items():
            if cells[at]:
                runs[run][metric] = cells[at]
                if axis is not None:
                    runs[run][sheet.headings[axis]] = cells[axis]
    return runs


def _records(runs: dict[str, dict[str, Any]]) -> Iterator[Record]:
    for run, metrics in runs.items():
        yield None, {"run_id": run, **metrics} if metrics else Refused(run, "its curves are empty")


def _named_sizes(runs: dict[str, dict[str, Any]]) -> list[str]:
    """N and D out of names like "llama-125M-D2.5B", where no curve says them and every name does."""
    keys = {spelled for metrics in runs.values() for key in metrics for spelled in spellings(key)}
    notes = []
    for quantity, position in (("n_params", 1), ("tokens", 0)):
        alias = "n_tokens" if quantity == "tokens" else quantity
        sizes = {run: _sizes(run)[1 - position] for run in runs}
        if keys.intersection(ALIASES[alias]) or not all(sizes.values()):
            continue
        for run, size in sizes.items():
            if runs[run]:
                runs[run][quantity] = parse_count(size)
        first = next(iter(runs))
        notes.append(f"{quantity} read from the runs' names: {sizes[first]} in {as_text(first)[:60]!r}")
    return notes


def _sizes(run: str) -> tuple[str, str]:
    """(N, D) as a name writes them; "" where it does not, or not once."""
    tokens = _TOKENS.findall(run)
    params = _PARAMS.findall(_TOKENS.sub(" ", run))
    return params[0] if len(params) == 1 else "", "".join(tokens[0]) if len(tokens) == 1 else ""
