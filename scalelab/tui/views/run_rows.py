"""The table of runs as rows of text, and one run in words. Pure: a snapshot in, rows out."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalelab.gate import clean
from scalelab.records import RunKind, RunState
from scalelab.tasks import NAMES
from scalelab.tui.columns import Column, Row
from scalelab.units import format_count, format_duration, value_error

if TYPE_CHECKING:
    from scalelab.store.rows import RunRow
    from scalelab.tui.snapshot import Snapshot

COLUMNS = (
    Column(name="pin", title="", keep=0, left=True, most=1),
    Column(name="state", title="state", keep=1, left=True, least=8),
    Column(name="run", title="run", keep=0, left=True, most=28),
    Column(name="rung", title="rung", keep=11, left=True, most=12),
    Column(name="tokens", title="D", keep=5),
    Column(name="progress", title="progress", keep=2, left=True, least=13, most=13),
    Column(name="loss", title="loss", keep=0, least=6),
    Column(name="ends", title="ends at", keep=7, least=13),
    Column(name="speed", title="tok/s", keep=4, least=5),
    Column(name="mfu", title="MFU", keep=8, least=4),
    Column(name="device", title="device", keep=10, left=True, most=10),
    Column(name="left", title="left", keep=3, least=5),
)
"""In the order in which they stand; `keep` says which a narrow terminal gives up."""
LIVE = frozenset({"ends", "speed", "mfu", "device", "left"})
"""Columns that only training fills."""
BAR = 8
_ORDER = {RunState.RUNNING: 0, RunState.FAILED: 1, RunState.DIVERGED: 1, RunState.STOPPED: 2, RunState.DONE: 3,
          RunState.PLANNED: 4}  # fmt: skip
_STYLES = {RunState.RUNNING: "strong", RunState.FAILED: "bad", RunState.DIVERGED: "bad", RunState.DONE: "good",
           RunState.PLANNED: "faint", RunState.STOPPED: ""}  # fmt: skip
HALTED = "halted"
TRAINING = "~"
"""Before a loss of the text that is trained on: the others are held-out ones, and most of them are higher."""
BROKEN = frozenset({RunState.FAILED, RunState.DIVERGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """The few signs of the table, for fonts without them too."""

    full: str = "━"
    empty: str = "─"
    pin: str = "●"


PLAIN = Glyphs(full="=", empty="-", pin="*")


def ordered(shot: Snapshot, *, planned: bool, letters: str = "") -> list[RunRow]:
    """The runs as planned, or the most urgent first; with `letters`, only those that have them in name or state."""
    found = [row for row in shot.rows if letters.lower() in f"{row.run} {row.state}".lower()]
    return found if planned else sorted(found, key=_urgency)


def rows(shot: Snapshot, runs: Iterable[RunRow], pinned: Collection[str], glyphs: Glyphs) -> list[Row]:
    """One line a run."""
    finals = {final.run: final.loss for final in shot.finals}
    return [_row(shot, row, row.run in pinned, _ended(shot, row, finals), glyphs) for row in runs]


def _ended(shot: Snapshot, row: RunRow, finals: Mapping[str, float]) -> float | None:
    """The held-out loss that a run ended with, a trunk too; None where it has none."""
    if row.run in finals:
        return finals[row.run]
    measured = shot.evaluations.get(row.run, ())
    at_end = row.state is RunState.DONE and measured and measured[-1].step == row.spec.n_steps
    return measured[-1].loss if at_end else None


def in_words(shot: Snapshot, run: str) -> str:
    """What a table has no room for: size, compute, held-out loss, attempts, why it failed."""
    row = shot.row(run)
    if row is None:
        return ""
    spec, said = row.spec, [clean(row.run, 60)]
    if row.state in BROKEN or (row.reason and row.state in {RunState.STOPPED, RunState.RUNNING}):
        said.append(f"{row.state} at step {row.step} of {spec.n_steps}: {clean(row.reason, 300) or 'no reason told'}")
    said.append(f"N {format_count(spec.counts.n_params)}, D {format_count(spec.n_tokens)}, {_kind(row)}")
    if run in shot.curves and _ended(shot, row, {final.run: final.loss for final in shot.finals}) is None:
        said.append(f"{TRAINING} training loss")
    if held := shot.evaluations.get(run):
        last = held[-1]
        # Who trained a run elsewhere may have told no error.
        loss = value_error(last.loss, last.loss_se) if last.loss_se > 0 else f"{last.loss:.4f}"
        said.append(f"held-out loss {loss} at D {format_count(last.n_tokens)}")
    if scores := shot.scores.get(run):
        told = (f"{NAMES.get(each.name, each.name)} {100 * each.value:.1f} %" for each in scores)
        said.append(f"{', '.join(told)} of {scores[0].n} held-out prompts")
    if (ending := shot.endings.get(run)) and (warning := ending.sentence()):
        said.append(clean(warning, 200))
    if row.attempt > 1:
        said.append(f"attempt {row.attempt}")
    return " · ".join(said)


def _kind(row: RunRow) -> str:
    match row.spec.kind:
        case RunKind.TRUNK:
            return "trunk, from which its branches are annealed"
        case RunKind.BRANCH:
            return f"annealed from {clean(row.spec.parent or '', 40)}"
        case _:
            return _ORIGINS.get(row.spec.origin, "one run from the first step to the last")


_ORIGINS = {
    "evaluated": "a finished model that was evaluated, not trained here", "imported": "imported from a table of runs",
    "trainer": "recorded while another trainer trained it",
}  # fmt: skip


def _urgency(row: RunRow) -> tuple[int, float]:
    """Running first, then what went wrong, then the newest of the done, then the plan in its order."""
    return _ORDER[row.state], -row.changed if row.state is RunState.DONE else row.position


def _row(shot: Snapshot, row: RunRow, pinned: bool, ended: float | None, glyphs: Glyphs) -> Row:
    running = row.state is RunState.RUNNING and shot.alive
    curve = shot.curves.get(row.run)
    speed = curve.last.tokens_per_second if curve and running else math.nan
    loss = ended if ended is not None else curve.last.loss if curve else math.nan
    cells = {
        "pin": glyphs.pin if pinned else "",
        # Whoever trained it died without a word: the next supervisor takes it up.
        "state": HALTED if row.state is RunState.RUNNING and not running else str(row.state),
        "run": row.run,
        "rung": row.spec.rung,
        "tokens": format_count(row.spec.n_tokens),
        "progress": _progress(row, glyphs),
        "loss": _loss(loss, ended is None) if math.isfinite(loss) else "NaN" if curve else "",
        "ends": _ends(shot, row),
        "speed": format_count(speed) if math.isfinite(speed) else "",
        "mfu": _mfu(shot, speed * row.spec.flops_per_token),
        "device": shot.device.name if shot.device and running else "",
        "left": _left(row, speed) if shot.alive else "",
    }
    return Row(key=row.run, cells=cells, styles=_styles(row, ended is None))


def _loss(loss: float, training: bool) -> str:
    """In as many cells: the fourth digit of what one step trains on is noise."""
    return f"{TRAINING}{loss:.{3 if loss < 10 else 2}f}" if training else f"{loss:.4f}"


def _styles(row: RunRow, training: bool) -> dict[str, str]:
    if row.state is RunState.PLANNED:
        return {"": "faint"}
    broken = {"progress": "bad"} if row.state in BROKEN else {}
    return {"state": _STYLES[row.state], **broken, **({"loss": "faint"} if training else {})}


def _progress(row: RunRow, glyphs: Glyphs) -> str:
    if row.state is RunState.PLANNED and row.progress == 0:
        return ""
    # A run that has not finished is never at 100 %.
    share = 1.0 if row.state is RunState.DONE else min(row.progress, 0.99)
    filled = round(BAR * share)
    return f"{glyphs.full * filled}{glyphs.empty * (BAR - filled)} {100 * share:2.0f}%"


def _ends(shot: Snapshot, row: RunRow) -> str:
    ending = shot.endings.get(row.run)
    told = ending.forecast if ending else None
    if told is None or not told.believed or told.loss is None or told.half is None:
        return ""
    return value_error(told.loss, told.half)


def _mfu(shot: Snapshot, flops_per_second: float) -> str:
    if shot.device is None or shot.device.peak_flops <= 0 or not math.isfinite(flops_per_second):
        return ""
    return f"{100 * flops_per_second / shot.device.peak_flops:.0f} %"


def _left(row: RunRow, speed: float) -> str:
    if row.state is RunState.RUNNING and math.isfinite(speed) and speed > 0:
        return format_duration((row.spec.n_steps - row.step) * row.spec.batch_tokens / speed)
    return format_duration(row.expected_seconds) if row.state is RunState.PLANNED else ""


def wrapped(text: str, width: int, most: int) -> list[str]:
    """The words in at most so many lines; the last is cut where they do not fit."""
    found = textwrap.wrap(text, width) or [""]
    return found if len(found) <= most else [*found[: most - 1], found[most - 1][: width - 1] + "…"]
