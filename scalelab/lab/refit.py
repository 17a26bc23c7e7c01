"""The fit after a finished run, in a child with a time limit: whatever it does, the lab goes on and keeps the last one.

Predictions for runs that have not ended are made with each fit, before anyone can know their losses.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from scalelab.errors import ScalelabError
from scalelab.lab import tether
from scalelab.lab.table import run_table
from scalelab.records import RunSpec

if TYPE_CHECKING:
    from scalelab.laws import Assessment, RunTable

__all__ = ["LIMIT_SECONDS", "Fitted", "Refit", "run_table"]

LIMIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What came of a refit."""

    after_run: str
    n_runs: int
    """Runs in the table."""
    seconds: float
    json: str = ""
    """laws.Assessment as JSON; empty where it failed."""
    predictions: tuple[tuple[str, float, float, float], ...] = ()
    """(run, loss, low, high) for runs that have not ended."""
    error: str = ""


def assess(table: RunTable, flops_per_token: Sequence[tuple[float, float]] | None) -> Assessment:
    """What the laws say about a table; the pairs are (N, FLOPs a token) of the lab's own rungs."""
    from scalelab import laws

    return laws.assess(table, flops_per_token=flops_per_token)


def warm() -> None:
    """Load what a fit needs: the fork inherits it, and importing it anew would take longer than the fit."""
    import scipy.special  # noqa: F401

    import scalelab.laws  # noqa: F401


class Refit:
    """At most one child that fits; what finishes meanwhile waits for the next one."""

    def __init__(self, fit: Callable[..., Assessment] = assess, limit: float = LIMIT_SECONDS) -> None:
        self._fit, self._limit = fit, limit
        self._child: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._began = 0.0
        self._about = ("", 0)
        self._refused = ""

    @property
    def busy(self) -> bool:
        """Whether a child is at work, or a result waits to be taken."""
        return self._child is not None or bool(self._refused)

    @property
    def pipes(self) -> list[Connection]:
        """What becomes ready when there is a result."""
        return [self._pipe] if self._pipe else []

    def start(self, table: RunTable, specs: Sequence[RunSpec], open_runs: Sequence[RunSpec], after_run: str) -> None:
        """Begin; `specs` are all runs of the lab, `open_runs` those to predict.

        Other counts of N are compared once nothing is left to train: each costs a live refit some five milliseconds,
        and what is said of them changes with every run.
        """
        warm()
        table = replace(table, counts={}) if open_runs else table
        pairs = sorted({(float(spec.counts.n_params), spec.flops_per_token) for spec in specs})
        wanted = [(spec.run, spec.counts.n_params, spec.n_tokens) for spec in open_runs]
        # Only Linux forks safely with numpy loaded; a spawned child elsewhere pays the imports.
        context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self._began, self._about = time.monotonic(), (after_run, len(table))
        try:
            self._pipe, theirs = context.Pipe(duplex=False)
        except OSError as error:
            self._refused = f"no pipe for the fit: {error}"
            return
        child = context.Process(
            target=_work,
            daemon=True,
            name="scalelab-refit",
            args=(theirs, self._fit, table, pairs, wanted, os.getpid()),
        )
        try:
            child.start()
        except OSError as error:
            self._refused = f"no process for the fit: {error}"
        else:
            self._child = child
        theirs.close()

    def poll(self) -> Fitted | None:
        """The result, once there is one; past the time limit the child is killed and that is the result."""
        reply: dict[str, Any] | None = None
        if self._refused:
            reply, self._refused = {"error": self._refused}, ""
        elif self._child is None or self._pipe is None:
            return None
        elif self._pipe.poll():
            try:
                reply = json.loads(self._pipe.recv_bytes())
            except (EOFError, OSError, ValueError):
                self._child.join(1)
                reply = {"error": f"the fit ended without a result (exit code {self._child.exitcode})"}
        elif time.monotonic() - self._began > self._limit:
            reply = {"error": f"the fit took longer than {self._limit:g} s"}
        if reply is None:
            return None
        seconds = time.monotonic() - self._began
        self.stop()
        predictions = tuple((run, loss, low, high) for run, loss, low, high in reply.get("predictions", ()))
        return Fitted(
            after_run=self._about[0],
            n_runs=self._about[1],
            seconds=seconds,
            json=reply.get("json", ""),
            error=reply.get("error", ""),
            predictions=predictions,
        )

    def stop(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._child.kill()
            self._child.join()
            self._child.close()
            self._child = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


def _work(
    pipe: Connection,
    fit: Callable[..., Assessment],
    table: RunTable,
    pairs: list[tuple[float, float]],
    wanted: list[tuple[str, int, int]],
    parent: int,
) -> None:
    tether.die_with_parent(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        assessment = fit(table, pairs)
        reply = {"json": assessment.to_json(), "predictions": _predictions(assessment, wanted)}
    except ScalelabError as error:
        reply = {"error": error.line()}
    except BaseException as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    pipe.send_bytes(json.dumps(reply).encode())


def _predictions(assessment: Assessment, wanted: list[tuple[str, int, int]]) -> list[tuple[str, float, float, float]]:
    if assessment.best is None:
        return []
    found = []
    for run, n_params, n_tokens in wanted:
        there = assessment.predict(n_params, n_tokens)
        found.append((run, there.loss, there.low, there.high))
    return found
