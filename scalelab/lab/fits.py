"""When to refit, and what becomes of a fit: kept with its predictions, or the last good one stays with its age."""

from __future__ import annotations

import json

from scalelab.lab.board import Board
from scalelab.lab.hooks import Guarded
from scalelab.lab.refit import Fitted, Refit, run_table, warm
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.store.schema import StoreBusy
from scalelab.store.writer import Writer

FITTED, PROBLEM = "fitted_runs", "fit_problem"
"""Facts in the store: how many runs the last fit was tried on, and why there is no newer one ("" where there is)."""


class Fits:
    """The fits of one session; what ends while one is made is covered by one more, not by one each."""

    def __init__(self, refit: Refit, board: Board, writer: Writer, reader: Reader, views: Guarded) -> None:
        self._refit, self._board, self._writer, self._reader, self._views = refit, board, writer, reader, views
        self._after: dict[str, str] = {}
        """Group → the run after which its law is wanted anew."""

    @staticmethod
    def warm() -> None:
        """Load the numerics while the first runs train, so that the first fit holds nothing up."""
        warm()

    @property
    def pending(self) -> bool:
        """Whether a fit is being made or wanted."""
        return bool(self._after) or self._refit.busy

    @property
    def pipes(self) -> list[object]:
        """What becomes ready when a fit is."""
        return list(self._refit.pipes)

    def want(self, after_run: str) -> None:
        """A point has come, or is known never to come."""
        self._after[self._group(after_run)] = after_run

    def take(self) -> None:
        """Keep a fit that is ready; to be called inside a batch."""
        fitted = self._refit.poll()
        if fitted is not None:
            self._keep(fitted)

    def begin(self) -> None:
        """Start the fit that is wanted; to be called when the store has all that it should know."""
        if not self._after or self._refit.busy:
            return
        group, after_run = next(iter(self._after.items()))
        specs = [run.spec for run in self._board.runs.values() if run.spec.group == group]
        to_come = [spec for spec in self._board.points_to_come() if spec.group == group]
        try:
            table = run_table(self._reader, group=group)
        except StoreBusy:
            return  # the next beat asks again
        self._refit.start(table, specs, to_come, after_run)
        del self._after[group]

    def close(self) -> None:
        """Give up what is being made; the next session makes it."""
        self._after.clear()
        self._refit.stop()

    def catch_up(self) -> None:
        """Want what the last session did not come to, and predictions of points that have come into the plan since: to
        be called when the board knows what is to come.
        """
        ended: dict[str, list[str]] = {}
        for final in self._reader.finals():
            ended.setdefault(self._group(final.run), []).append(final.run)
        for group, runs in ended.items():
            if self._reader.meta(_fitted(group)) != str(len(runs)) or self._unpredicted(group):
                self._after[group] = runs[-1]

    def _unpredicted(self, group: str) -> bool:
        """Whether a law is there and points are to come of which it has said nothing: the lab was extended, or they
        were given up when it was fitted. Such a run must be predicted before it ends or can never be checked.
        """
        to_come = {spec.run for spec in self._board.points_to_come() if spec.group == group}
        if not to_come or to_come <= {each.run for each in self._reader.predictions()}:
            return False
        fit = self._reader.latest_fit(group)
        return fit is not None and json.loads(fit.json).get("best") is not None

    def _group(self, run: str) -> str:
        return self._board.runs[run].spec.group

    def _keep(self, fitted: Fitted) -> None:
        self._writer.set_meta(_fitted(self._group(fitted.after_run)), str(fitted.n_runs))
        self._writer.set_meta(PROBLEM, fitted.error and f"after {fitted.after_run}: {fitted.error}")
        if fitted.error:
            self._views.event("warning", f"no new fit after {fitted.after_run}: {fitted.error}; the last one stays")
            return
        number = self._writer.add_fit(fitted.json, fitted.after_run)
        for run, loss, low, high in fitted.predictions:
            # Said before the end or not at all: a run that ended meanwhile is no prediction any more.
            if self._board.runs[run].state is not RunState.DONE:
                self._writer.add_prediction(run, number, loss, low, high)
        self._views.event("refit", f"{fitted.n_runs} runs, after {fitted.after_run}, in {1000 * fitted.seconds:.0f} ms")


def _fitted(group: str) -> str:
    """The fact in the store that says how many runs of a group the last fit was tried on."""
    return f"{FITTED} {group}".strip()
