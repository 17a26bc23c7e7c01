"""Where a session takes what readers ask, by rows in the store, and answers each with a word. The only way in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from scalelab.gate import clean
from scalelab.lab import checkpoints
from scalelab.lab.board import Board
from scalelab.lab.ending import Ending, Way, way_of
from scalelab.lab.paths import LabPaths
from scalelab.records import RunKind, RunSpec, RunState
from scalelab.store.rows import RequestRow
from scalelab.store.writer import Writer

RETRIED = frozenset({RunState.FAILED, RunState.DIVERGED, RunState.STOPPED})
"""States from which a run may be asked for again."""
STALE = "nothing was running"


class Desk:
    """Knows the verbs."""

    def __init__(
        self,
        paths: LabPaths,
        board: Board,
        writer: Writer,
        ending: Ending,
        *,
        since: float,
        stop: Callable[[Way, str], None],
    ) -> None:
        """`since`: when this session took the lab; `stop` is called with how and by whom."""
        self._paths, self._board, self._writer, self._ending = paths, board, writer, ending
        self._since, self._stop = since, stop
        self._seen_before = writer.newest_request()
        self._verbs = {"stop": self._on_stop, "retry": self._on_retry, "resume": self._on_resume}

    def take(self) -> None:
        """Answer all that was asked; to be called inside a batch."""
        for request in self._writer.requests():
            self._writer.answer(request.id, self._answer(request))

    def _answer(self, request: RequestRow) -> str:
        # By number too: a clock that was set back must not make what is asked now look old.
        if request.time < self._since and request.id <= self._seen_before:
            return STALE
        verb = self._verbs.get(request.verb)
        return verb(request.args) if verb else f"unknown request {clean(request.verb, 40)}"

    def _on_stop(self, args: dict[str, Any]) -> str:
        way = way_of(args)
        if not way.overrides(self._ending.way) and way is not self._ending.way:
            return f"stopping already, {self._ending.way}"
        self._stop(way, "a request")
        return "stopping"

    def _on_resume(self, _: dict[str, Any]) -> str:
        if not self._ending.withdraw():
            return "it is too late: the runs are ending"
        if self._board.only is not None:
            self._board.only = None
            self._board.reopen()
        return "going on"

    def _on_retry(self, args: dict[str, Any]) -> str:
        if self._ending.starts_nothing:
            return "refused: the lab is stopping"
        names = [str(name) for name in args.get("runs", [])]
        return self.retry(names, args.get("rate"))

    def retry(self, names: Iterable[str], rate: float | None = None) -> str:
        """Put runs back into the plan, with what they need and what failed for want of them; a word on each."""
        refused = []
        for name in names:
            if problem := self._not_again(name):
                refused.append(problem)
                continue
            if rate is not None:
                self._slow_down(name, rate)
            for each in needed_and_blocked(self._board, name):
                self._again(each)
        return f"refused: {'; '.join(refused)}" if refused else "again"

    def _not_again(self, name: str) -> str:
        run = self._board.runs.get(name)
        if run is None:
            return f"there is no run {clean(name, 60)}"
        return "" if run.state in RETRIED else f"{name} is {run.state}"

    def _again(self, name: str) -> None:
        if self._board.runs[name].state is RunState.DIVERGED:
            # Its own checkpoints lead to the same end.
            steps = checkpoints.discard(self._paths, name)
            self._writer.forget_checkpoints(name, steps)
            self._board.saved -= {(name, step) for step in steps}
            self._board.rewind(name)
        self._board.again(name)

    def _slow_down(self, name: str, rate: float) -> None:
        """A share of the learning rate, for the run and, where it is a trunk, for the branches that are to come."""
        for spec in [self._board.runs[name].spec, *_branches_to_come(self._board, name)]:
            self._board.respecify(replace(spec, schedule=replace(spec.schedule, peak=rate * spec.schedule.peak)))


def needed_and_blocked(board: Board, name: str) -> list[str]:
    """A run, before it the trunk without which it cannot start, after it the branches that its end has blocked."""
    spec = board.runs[name].spec
    found = [name]
    if spec.parent and (spec.parent, spec.first_step) not in board.saved:
        trunk = board.runs.get(spec.parent)
        if trunk is not None and trunk.state in RETRIED:
            found.insert(0, spec.parent)
    if spec.kind is RunKind.TRUNK:
        found += [
            branch.run for branch in _branches_to_come(board, name) if board.runs[branch.run].state is RunState.FAILED
        ]
    return found


def _branches_to_come(board: Board, trunk: str) -> list[RunSpec]:
    return [run.spec for run in board.runs.values() if run.spec.parent == trunk and run.state is not RunState.DONE]
