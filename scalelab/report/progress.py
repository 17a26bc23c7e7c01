"""A lab while it trains, as lines of text: a headline, the law as it moves, and the runs, the most urgent first.

Pure: a Snapshot and a size in, lines out. Who reads the store and who owns the terminal stands in `cli`. Lines and not
rich tables, because a frame is drawn up to four times a second beside training: 1 ms against 15.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scalelab.gate import clean
from scalelab.records import DeviceInfo, Evaluation, Point, RunKind, RunState
from scalelab.report.columns import columns
from scalelab.report.promise import loss_words
from scalelab.units import format_count, format_duration, value_error

if TYPE_CHECKING:
    from scalelab.lab.forecasts import Ending
    from scalelab.laws import Assessment
    from scalelab.store.rows import RunRow

BAR = 12
REASON, WIDE = 48, 120
"""Characters of a failed run's reason where the terminal is wide enough; else those of the bar."""
_ORDER = {RunState.RUNNING: 0, RunState.FAILED: 1, RunState.DIVERGED: 1, RunState.STOPPED: 2, RunState.DONE: 3,
          RunState.PLANNED: 4}  # fmt: skip
# What a narrow terminal gives up first stands last.
_KEPT = ("state", "run", "progress", "loss", "left", "ends", "tok/s", "MFU", "D")
_SHOWN = ("state", "run", "D", "progress", "loss", "ends", "tok/s", "MFU", "left")
_STYLES = {"state": "dim", "running": "bold", "failed": "color(166)", "diverged": "color(166)", "planned": "dim",
           "warning:": "color(166)"}  # fmt: skip
WARNINGS = 2
"""Devices that are set aside, and runs that end far from the law, that are told of above the table."""
FIRST_LAW = 6
"""Points that the power law needs."""
_LEFT = {"state", "run", "progress"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LawStep:
    """One refit, as much of it as the headline shows."""

    n_runs: int
    alpha: float
    beta: float
    best: str
    loss: float
    """At ten times the largest compute so far."""
    low: float
    high: float
    flops: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """Everything that one frame shows."""

    name: str
    rows: Sequence[RunRow]
    points: Mapping[str, Point] = field(default_factory=dict)
    """Newest point of each run."""
    finals: Mapping[str, Evaluation] = field(default_factory=dict)
    device: DeviceInfo | None = None
    laws: Sequence[LawStep] = ()
    """Refits, oldest first."""
    elapsed: float | None = None
    """Seconds of this session; None where nobody trains."""
    left: float | None = None
    """Seconds to the end of the plan, as far as it can be told."""
    event: str = ""
    """The last thing that happened."""
    stopping: str = ""
    """How the session is ending, while it is."""
    set_aside: Mapping[str, str] = field(default_factory=dict)
    """Devices that vanished, with the reasons."""
    endings: Mapping[str, Ending] = field(default_factory=dict)
    """Where the running runs will end, as far as it can be told."""


def law_step(seen: Assessment) -> LawStep | None:
    """The headline of an assessment; None before there is a law."""
    if seen.best is None or seen.optimum is None:
        return None
    power = {each.name: each.value for fit in seen.fits if fit.law == "power" for each in fit.estimates}
    best = seen.optimum
    return LawStep(
        n_runs=seen.n_runs,
        alpha=power.get("alpha", math.nan),
        beta=power.get("beta", math.nan),
        best=seen.best,
        loss=best.loss,
        low=best.low,
        high=best.high,
        flops=best.flops,
    )


def lines(shot: Snapshot, width: int, height: int) -> list[str]:
    """At most `height` lines of at most `width` cells."""
    told = (_headline(shot, width), _law(shot, width), shot.event and clean(shot.event), *_warnings(shot))
    head = [line for line in told if line]
    body = _table(shot, width, height - len(head) - 1)
    return [line[: width - 1] + "…" if len(line) > width else line for line in [*head, "", *body]][: max(height, 1)]


def style_of(line: str) -> str:
    """How a line is coloured where there is colour: what needs a look stands out, what is yet to come steps back."""
    return _STYLES.get(line.partition(" ")[0], "")


def _headline(shot: Snapshot, width: int) -> str:
    points = [row for row in shot.rows if row.spec.kind is not RunKind.TRUNK]
    done = sum(row.state is RunState.DONE for row in points)
    # (what it says, how soon it is given up in a narrow terminal)
    said = [(clean(shot.name, 40), 0), (f"{done} of {len(points)} points", 1)]
    if failed := sum(row.state in {RunState.FAILED, RunState.DIVERGED} for row in shot.rows):
        said.append((f"{failed} run{'s' if failed > 1 else ''} failed", 1))
    if shot.device:
        slots = f"{shot.device.slots} slot{'s' if shot.device.slots > 1 else ''}"
        said.insert(1, (f"{shot.device.name}, {slots}", 4))
    if shot.stopping:
        said.append((f"stopping: {clean(shot.stopping, 40)}", 1))
    if shot.elapsed is not None:
        said.append((format_duration(shot.elapsed), 3))
    if shot.left and done < len(points):
        said.append((f"about {format_duration(shot.left)} left", 2))
    for level in (4, 3, 2, 1):
        line = " · ".join(words for words, given_up in said if given_up <= level)
        if len(line) <= width:
            break
    return line


def _law(shot: Snapshot, width: int) -> str:
    """P's exponents as they moved over the last refits, and the promise at ten times the compute."""
    if not shot.laws:
        return "" if len(shot.finals) >= FIRST_LAW else f"no law yet: the first comes with {FIRST_LAW} finished points"
    now = shot.laws[-1]
    promise = f"10×C: {loss_words(now)}"
    for steps in (4, 3, 2, 1):
        trail = shot.laws[-steps:]
        alpha, beta = (
            " → ".join(f"{value:.3f}" for value in values).replace("-", "−")
            for values in ([step.alpha for step in trail], [step.beta for step in trail])
        )
        line = f"law of {now.n_runs}: α {alpha}, β {beta}   {promise}"
        if len(line) <= width:
            return line
    return promise


def _warnings(shot: Snapshot) -> list[str]:
    """What is set aside, and who ends far from the law, the farthest first."""
    aside = [f"warning: {clean(device, 20)} is set aside: {clean(why)}" for device, why in shot.set_aside.items()]
    far = sorted((each for each in shot.endings.values() if each.apart), key=lambda each: -abs(each.apart or 0.0))
    return [*aside[:WARNINGS], *(f"warning: {clean(each.sentence())}" for each in far[:WARNINGS])]


def _table(shot: Snapshot, width: int, height: int) -> list[str]:
    """The head, as many runs as fit, and a count of the others."""
    room = max(height - 1, 1)
    ordered = sorted(shot.rows, key=_urgency)
    shown = ordered if len(ordered) <= room else ordered[: max(room - 1, 1)]
    cells = [_cells(row, shot, REASON if width >= WIDE else BAR + 6) for row in shown]
    over = not any(row.state in {RunState.RUNNING, RunState.PLANNED} for row in shot.rows)
    # What only a running run has is an empty column when all are over, and before there is a forecast.
    names = [name for name in _SHOWN if not (over or name == "ends") or any(each[name] for each in cells)]
    for dropped in reversed(_KEPT[2:]):
        drawn = _drawn(cells, names)
        if max(map(len, drawn)) <= width:
            break
        if dropped in names:
            names.remove(dropped)
    lines = _drawn(cells, names)
    if len(shown) < len(ordered):
        rest = Counter(str(row.state) for row in ordered[len(shown) :])
        lines.append("… " + ", ".join(f"{count} {state}" for state, count in rest.items()))
    return lines


def _urgency(row: RunRow) -> tuple[int, float]:
    """Running first, then what went wrong, then the newest of the done, then the plan in its order."""
    return _ORDER[row.state], -row.changed if row.state is RunState.DONE else row.position


def _drawn(cells: Sequence[Mapping[str, str]], names: Sequence[str]) -> list[str]:
    head = ["" if name == "progress" else name for name in names]
    rows = [head, *([each[name] for name in names] for each in cells)]
    return columns(rows, left={index for index, name in enumerate(names) if name in _LEFT})


def _cells(row: RunRow, shot: Snapshot, room: int) -> dict[str, str]:
    spec, point, final = row.spec, shot.points.get(row.run), shot.finals.get(row.run)
    running = row.state is RunState.RUNNING
    speed = point.tokens_per_second if point and running else math.nan
    broken = row.state in {RunState.FAILED, RunState.DIVERGED}
    loss = final.loss if final else point.loss if point and not broken else math.nan
    return {
        "state": str(row.state),
        "run": clean(row.run, 40),
        "D": format_count(spec.n_tokens),
        "progress": _progress(row, room),
        "loss": f"{loss:.4f}" if math.isfinite(loss) else "",
        "ends": _ends(shot.endings.get(row.run)),
        "tok/s": format_count(speed) if math.isfinite(speed) else "",
        "MFU": _mfu(speed, spec.flops_per_token, shot.device),
        "left": _left(row, speed),
    }


def _ends(ending: Ending | None) -> str:
    """The forecast of the final loss, where it can be believed at all."""
    told = ending.forecast if ending else None
    if told is None or not told.believed or told.loss is None or told.half is None:
        return ""
    return value_error(told.loss, told.half)


def _progress(row: RunRow, room: int) -> str:
    if row.state in {RunState.FAILED, RunState.DIVERGED}:
        return clean(row.reason, room) or str(row.state)
    if row.state is RunState.PLANNED and row.progress == 0:
        return ""
    filled = round(BAR * row.progress)
    return f"{'━' * filled}{'─' * (BAR - filled)} {100 * row.progress:3.0f} %"


def _mfu(speed: float, flops_per_token: float, device: DeviceInfo | None) -> str:
    if device is None or not math.isfinite(speed) or device.peak_flops <= 0:
        return ""
    return f"{100 * speed * flops_per_token / device.peak_flops:.0f} %"


def _left(row: RunRow, speed: float) -> str:
    if row.state is RunState.RUNNING and math.isfinite(speed) and speed > 0:
        return format_duration((row.spec.n_steps - row.step) * row.spec.batch_tokens / speed)
    return format_duration(row.expected_seconds) if row.state is RunState.PLANNED else ""
