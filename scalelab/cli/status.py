"""`scalelab status`: how a lab stands, from its store alone, once or as it changes; nobody needs to be training it."""

from __future__ import annotations

import math
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput, Interrupted
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.lab.control import Status
    from scalelab.records import PartEvaluation, Score
    from scalelab.report.progress import Snapshot
    from scalelab.store.reader import Reader

M = TypeVar("M", "Score", "PartEvaluation")
TERMINAL_SECONDS, PIPE_SECONDS = 1.0, 5.0
"""Between two looks, unless it is said: what a person can follow, and what a log can hold."""
_VOLATILE = ("seconds_left", "fit_age_seconds")
"""What changes with the clock alone and is no news."""


@click.command(
    "status",
    short_help="How far a lab is.",
    epilog=example(
        "scalelab status labs/tiny", "scalelab status labs/tiny --watch", "scalelab status labs/tiny --watch --json"
    ),
)
@click.argument("lab")
@click.option("--watch", "-w", is_flag=True, help="Show what changes, until nobody trains the lab any more.")
@click.option("--forever", is_flag=True, help="With --watch: stay when training ends, and show the next session too.")
@click.option("--interval", type=float, metavar="SECONDS", help="With --watch: the least time between two looks.")
@json_option
def command(lab: str, watch: bool, forever: bool, interval: float | None, as_json: bool) -> None:
    """Show the runs of LAB, the law so far, and who trains it.

    With --watch and --json every change is one document on one line.
    """
    if not watch:
        if forever or interval is not None:
            raise BadInput(f"{'--forever' if forever else '--interval'} without --watch", todo="give both")
        _once(lab, as_json)
        return
    if interval is not None and not 0.1 <= interval <= 86_400:
        raise BadInput(f"--interval {interval:g}", allowed="0.1 to 86400 seconds")
    try:
        _watch(lab, as_json, forever, interval)
    except KeyboardInterrupt:
        raise Interrupted("no longer watched", todo="training is another process and goes on") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One look at a lab."""

    found: Status
    shot: Snapshot
    odd: list[str]
    """What is odd about its runs, in sentences."""
    scores: list[Score]
    """What they reach in a task."""
    parts: list[PartEvaluation]
    """What they reach on each part of a mixture."""


class _Look:
    """One lab; what costs is not done again while it has not changed."""

    def __init__(self, lab: str) -> None:
        from scalelab.cli.labs import lab_at
        from scalelab.cli.live import Follower

        self._lab = lab
        self._follower = Follower(lab_at(lab).root.name, trained=False, at_once=True)
        self._odd: tuple[int, list[str]] = (0, [])

    def take(self, reader: Reader) -> _Seen:
        """How it stands."""
        from scalelab.lab import control

        found = control.status(self._lab)
        shot = replace(self._follower.snapshot(reader), stopping=found.stopping, left=found.seconds_left)
        fit = reader.latest_fit()
        if fit is not None and fit.id != self._odd[0]:
            self._odd = fit.id, _odd(fit.json)
        return _Seen(found=found, shot=shot, odd=self._odd[1], scores=reader.scores(), parts=reader.parts())


def _once(lab: str, as_json: bool) -> None:
    from scalelab.cli.labs import open_lab

    with open_lab(lab) as reader:
        seen = _Look(lab).take(reader)
    if as_json:
        print_json(_document(seen))
        return
    size = shutil.get_terminal_size()
    for line in _frame(seen, size.columns, size.lines - 3 if sys.stdout.isatty() else 10_000):
        click.echo(line)


def _watch(lab: str, as_json: bool, forever: bool, interval: float | None) -> None:
    from scalelab.cli.labs import lab_at
    from scalelab.cli.watching import Painter, looks, output, painter, waiter

    stream, look = output(), _Look(lab)
    drawn = painter(stream)
    quick = as_json or isinstance(drawn, Painter)
    seconds = interval if interval is not None else TERMINAL_SECONDS if quick else PIPE_SECONDS
    before: dict[str, Any] | None = None
    for reader in looks(lab_at(lab), seconds=seconds, forever=forever, gone=waiter(stream)):
        seen = look.take(reader)
        if not as_json:
            # A share of time left would make a new line of every look.
            shown = seen if isinstance(drawn, Painter) else replace(seen, shot=replace(seen.shot, left=None))
            drawn.paint(_frame(shown, *drawn.size()))
            continue
        document = _document(seen)
        news = {key: value for key, value in document.items() if key not in _VOLATILE}
        if news != before:
            print_json(document)
            stream.flush()
        before = news


def _frame(seen: _Seen, width: int, height: int) -> list[str]:
    """The runs, as many as there is room for, between what is said of the lab."""
    from scalelab.report import progress

    found = seen.found
    feet: list[str] = []
    for sentence in seen.odd:
        feet += textwrap.wrap(clean(f"odd: {sentence}"), width, subsequent_indent="  ") or []
    if best := [*_best_scores(seen.scores), *_least_losses(seen.parts)]:
        feet += textwrap.wrap(f"best so far: {'; '.join(best)}", width, subsequent_indent="  ")
    trained = f"trained by process {found.pid}" if found.pid else "nobody trains it now"
    feet.append(f"{trained}, which is stopping: {clean(found.stopping, 60)}" if found.stopping else trained)
    if found.waiting:
        feet += textwrap.wrap(clean(f"it waits: {found.waiting}", 600), width)
    if found.problem:
        feet += textwrap.wrap(clean(f"the last session ended early: {found.problem}", 600), width)
    if found.fit_problem:
        feet.append(f"no newer fit: {clean(found.fit_problem, 300)}")
    if height < 10_000:
        feet = feet[-max(height // 3, 1) :]
    return [*progress.lines(seen.shot, width, max(height - len(feet), 1)), *feet]


def _best_scores(scores: Sequence[Score]) -> list[str]:
    """The best of each score and whose it is; nothing without a task."""
    from scalelab.tasks import NAMES

    best = {name: max((each for each in scores if each.name == name), key=lambda each: each.value, default=None)
            for name in NAMES}  # fmt: skip
    return [f"{NAMES[name]} {100 * each.value:.1f} % by {clean(each.run, 60)}" for name, each in best.items() if each]


def _least_losses(parts: Sequence[PartEvaluation]) -> list[str]:
    """The least loss on each part of a mixture and whose it is; nothing of one corpus."""
    parts = [each for each in parts if math.isfinite(each.loss)]
    best = [min((each for each in parts if each.part == part), key=lambda each: each.loss)
            for part in dict.fromkeys(each.part for each in parts)]  # fmt: skip
    return [f"loss on {clean(each.part, 60)} {each.loss:.4f} by {clean(each.run, 60)}" for each in best]


def _document(seen: _Seen) -> dict[str, Any]:
    shot = seen.shot
    scores, parts = _by_run(seen.scores), _by_run(seen.parts)
    runs = [
        {
            "run": row.run,
            "rung": row.spec.rung,
            "kind": str(row.spec.kind),
            "state": str(row.state),
            "reason": row.reason,
            "attempt": row.attempt,
            "step": row.step,
            "n_steps": row.spec.n_steps,
            "loss": shot.finals[row.run].loss if row.run in shot.finals else None,
            "scores": {each.name: each.value for each in scores.get(row.run, [])},
            "parts": {each.part: each.loss for each in parts.get(row.run, [])},
            "ending": shot.endings[row.run].to_dict() if row.run in shot.endings else None,
        }
        for row in shot.rows
    ]
    return {"schema": "scalelab.status/1", **seen.found.to_dict(), "runs": runs, "odd": seen.odd}


def _by_run(measured: Sequence[M]) -> dict[str, list[M]]:
    found: dict[str, list[M]] = {}
    for each in measured:
        found.setdefault(each.run, []).append(each)
    return found


def _odd(kept: str) -> list[str]:
    """What is odd about the runs under the law of a fit; nothing where that was kept by another version."""
    from scalelab.laws import Assessment

    seen = Assessment.kept(kept)
    return list(seen.diagnosis.sentences()) if seen is not None and seen.diagnosis is not None else []
