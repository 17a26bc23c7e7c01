"""Runs side by side: their training losses at one D, the largest that all of them have seen, and how they differ.

A branch counts with the part of its trunk that it came from. Arrays in, lines of words out; no widget, no law.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalelab.gate import clean
from scalelab.records import RunSpec, RunState
from scalelab.report.columns import columns
from scalelab.tui.bars import Part, cut
from scalelab.tui.curves import Array
from scalelab.tui.snapshot import Snapshot
from scalelab.units import format_count, value_error

MOST = 8
"""Runs that are told; more are looked at in the chart alone."""
GIVEN_UP = ("tok/s", "N", "held out, at its D")
"""Columns that a narrow screen gives up, the first first."""
BACK = 0.05
"""Share of D before the one that is compared at over which losses are averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One of the runs."""

    run: str
    n_params: int
    loss: float
    """Training loss at the D of the comparison, the mean over the last twentieth of it; NaN where it has none."""
    held_out: tuple[float, float] | None
    """The last held-out loss with its standard error, at the run's own D."""
    speed: float
    """Tokens a second while it trains; NaN where it does not."""


def compared(shot: Snapshot, runs: Sequence[str]) -> tuple[float, list[Compared]]:
    """The D that all have seen, and each run there, in the order given; those without a point are left out."""
    found = [(row, path) for run in runs if (row := shot.row(run)) and (path := path_of(shot, row.spec))]
    if not found:
        return math.nan, []
    tokens = min(float(path[0][-1]) for _, path in found)
    told = []
    for row, (seen, losses) in found:
        held = shot.evaluations.get(row.run)
        curve = shot.curves[row.run]
        training = shot.alive and row.state is RunState.RUNNING
        told.append(Compared(
            run=row.run, n_params=row.spec.counts.n_params, loss=_loss_at(seen, losses, tokens),
            held_out=(held[-1].loss, held[-1].loss_se) if held else None,
            speed=curve.last.tokens_per_second if training else math.nan,
        ))  # fmt: skip
    return tokens, told


def path_of(shot: Snapshot, spec: RunSpec) -> tuple[Array, Array] | None:
    """D and training loss of a run from its first step on, its trunk's part included; None before a point."""
    own = shot.curves.get(spec.run)
    if own is None or not len(own.loss):
        return None
    trunk = shot.curves.get(spec.parent) if spec.parent else None
    if trunk is None:
        return own.n_tokens, own.loss
    until = int(np.searchsorted(trunk.step, min(spec.first_step, own.step[0]), side="right"))
    return np.concatenate([trunk.n_tokens[:until], own.n_tokens]), np.concatenate([trunk.loss[:until], own.loss])


def lines(shot: Snapshot, runs: Sequence[str], width: int) -> list[list[Part]]:
    """A heading and a row for each run; the first is what the others are held against."""
    tokens, told = compared(shot, runs[:MOST])
    if len(told) < 2:
        return [[("to compare, pin two runs that have losses", "faint")]]
    head, *body = _table(told, width)
    more = f", the first {MOST} of {len(runs)}" if len(runs) > MOST else ""
    title = f"at D = {format_count(tokens)}, which all have seen: training loss{more}"
    rows = [[(cut(line, width), "")] for line in body]
    return [[(cut(title, width), "strong")], [(cut(head, width), "faint")], *rows]


def _table(told: Sequence[Compared], width: int) -> list[str]:
    """The rows, with as many columns as fit; the head first."""
    shown = {
        "": [clean(each.run, 28) for each in told],
        "N": [format_count(each.n_params) for each in told],
        "loss": [_number(each.loss) for each in told],
        "to the first": ["", *(_apart(each.loss, told[0].loss) for each in told[1:])],
        "held out, at its D": [_held(each) for each in told],
        "tok/s": [format_count(each.speed) if math.isfinite(each.speed) else "" for each in told],
    }
    shown = {name: cells for name, cells in shown.items() if any(cells)}
    for name in ("", *GIVEN_UP):
        shown.pop(name or "nothing", None)
        drawn = columns([list(shown), *map(list, zip(*shown.values(), strict=True))], left={0}, indent=2)
        if max(map(len, drawn)) <= width:
            break
    return drawn


def _loss_at(seen: Array, losses: Array, tokens: float) -> float:
    near = losses[(seen > (1.0 - BACK) * tokens) & (seen <= tokens)]
    near = near[np.isfinite(near)]
    if near.size:
        return float(near.mean())
    before = losses[(seen <= tokens) & np.isfinite(losses)]
    return float(before[-1]) if before.size else math.nan


def _number(loss: float) -> str:
    return f"{loss:.4f}" if math.isfinite(loss) else "NaN"


def _apart(loss: float, first: float) -> str:
    if not (math.isfinite(loss) and math.isfinite(first)):
        return ""
    return f"{loss - first:+.4f} ({100 * (loss / first - 1):+.2f} %)".replace("-", "−")


def _held(each: Compared) -> str:
    if each.held_out is None:
        return ""
    loss, error = each.held_out
    return value_error(loss, error) if error > 0 else _number(loss)
