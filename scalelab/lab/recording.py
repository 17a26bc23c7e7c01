"""Runs that somebody else trains, recorded into a lab: who calls says what each run is and what it measured.

A lab of such runs has no plan and no tokens; everything that reads a lab reads it. Knows no trainer and no torch.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean
from scalelab.lab import lock
from scalelab.lab.paths import LabPaths, lab_paths
from scalelab.lab.refit import assess, run_table, warm
from scalelab.records import Evaluation, Message, Point, RunSpec, RunState
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow
from scalelab.store.writer import Writer

RECORDED = "recorded"
"""A fact in the store of a lab whose runs were trained elsewhere."""
_PROCESS = "process "
"""Before a run's name: who records it, so that a run whose process is gone is not taken for one under way."""
OPEN = frozenset({RunState.PLANNED, RunState.RUNNING})


def recorded_lab(folder: str | Path) -> LabPaths:
    """The lab of recorded runs in a folder, made if there is nothing.

    Raises
    ------
    BadInput
        The folder holds other files, or a lab that trains its own runs: those of another trainer are no part of its
        plan.
    """
    paths = lab_paths(folder)
    if not paths.exists:
        _make(paths)
    with Reader(paths.store) as reader:
        recorded = reader.meta(RECORDED)
    if not recorded:
        raise BadInput(
            f"lab {paths.root} trains runs of its own plan",
            allowed="a new folder, or a lab that holds recorded runs",
            todo="give the runs of another trainer a lab of their own",
        )
    return paths


class Recorder:
    """Writes runs into one lab; several processes may do so at once, each its own runs.

    Raises
    ------
    ScalelabError
        The store cannot be written. Later trouble never raises: what cannot be written yet waits in memory.
    """

    def __init__(self, folder: str | Path) -> None:
        self.paths = recorded_lab(folder)
        self._writer = Writer(self.paths.store)
        self._since = time.time()
        self._held: lock.Lock | None = None
        with contextlib.suppress(lock.Owned):
            self._held = lock.acquire(self.paths.lock, patience=0.0)
        self._bury()

    def begin(self, spec: RunSpec, *, goes_on: bool = False) -> tuple[RunSpec, int]:
        """Put a run into the lab as running; it comes back under the name it has there, with its attempt.

        A name that is taken gets a number, unless `goes_on` says that this is that run, from a checkpoint of it.
        """
        rows = self._rows()
        there = rows.get(spec.run)
        again = goes_on and there is not None and there.state is not RunState.DONE
        if there is not None and not again:
            spec = replace(spec, run=_free(spec.run, rows))
        attempt = there.attempt + 1 if again and there is not None else 1
        with self._writer.batch():
            if again:
                self._writer.set_spec(spec)
            else:
                self._writer.add_runs([(spec, 0.0)], first=len(rows))
            self._writer.set_meta(_PROCESS + spec.run, lock.me().to_json())
            self._writer.set_state(spec.run, attempt, RunState.RUNNING)
        return spec, attempt

    def write(self, messages: Iterable[Message]) -> None:
        """Keep points and evaluations."""
        self._writer.write(messages)

    def end(self, run: str, attempt: int, state: RunState, reason: str = "") -> None:
        """Say how a run ended."""
        with self._writer.batch(durable=True):
            self._writer.set_state(run, attempt, state, reason)

    def add(self, runs: Sequence[tuple[RunSpec, Sequence[Point | Evaluation]]]) -> tuple[str, ...]:
        """Put finished runs into the lab, each with what it measured; the names they have there."""
        rows = self._rows()
        names: list[str] = []
        with self._writer.batch(durable=True):
            for position, (spec, messages) in enumerate(runs, len(rows)):
                named = replace(spec, run=_free(spec.run, [*rows, *names]))
                names.append(named.run)
                self._writer.add_runs([(named, 0.0)], first=position)
                self._writer.set_state(named.run, 1, RunState.RUNNING)
                self._writer.write([replace(each, run=named.run) for each in messages])
                self._writer.set_state(named.run, 1, RunState.DONE)
        return tuple(names)

    def ends(self) -> list[tuple[str, int, int, float]]:
        """(run, N, D, loss) of every run that is done."""
        rows = self._rows()
        with Reader(self.paths.store) as reader:
            return [
                (end.run, rows[end.run].spec.counts.n_params, end.n_tokens, end.loss)
                for end in reader.finals() if end.run in rows
            ]  # fmt: skip

    def refit(self, after_run: str) -> str:
        """Fit the laws to all that is there and keep the fit; why there is none, or ""."""
        warm()
        try:
            with Reader(self.paths.store) as reader:
                specs = [row.spec for row in reader.runs()]
                pairs = sorted({(float(spec.counts.n_params), spec.flops_per_token) for spec in specs})
                found = assess(run_table(reader), pairs)
        except ScalelabError as problem:
            return problem.line()
        except Exception as problem:  # a fit that breaks must not end somebody's training
            return f"{type(problem).__name__}: {problem}"
        self._writer.add_fit(found.to_json(), after_run)
        return ""

    def asked_to_stop(self) -> bool:
        """Whether somebody asked since the start that this lab's training stop; only the process that holds the lab
        is asked, and answers each request once.
        """
        if self._held is None:
            return False
        asked = [request for request in self._writer.requests() if request.time >= self._since]
        for request in asked:
            known = request.verb == "stop"
            self._writer.answer(request.id, "stopping" if known else f"nothing that a recorded lab can {request.verb}")
        return any(request.verb == "stop" for request in asked)

    def close(self) -> None:
        """Write what waits and let go of the lab."""
        self._writer.close()
        if self._held is not None:
            self._held.release()
            self._held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self) -> dict[str, RunRow]:
        self._writer.commit()
        with Reader(self.paths.store) as reader:
            return {row.run: row for row in reader.runs()}

    def _bury(self) -> None:
        """Runs whose process died without a word."""
        with Reader(self.paths.store) as reader:
            gone = [
                row for row in reader.runs()
                if row.state in OPEN and not _alive(reader.meta(_PROCESS + row.run))
            ]  # fmt: skip
        with self._writer.batch():
            for row in gone:
                self._writer.set_state(row.run, row.attempt, RunState.FAILED, "its process ended before the training")


def final(run: str, spec: RunSpec, *, n_tokens: int, loss: float, flops: float | None = None) -> Evaluation:
    """A held-out loss at a run's end of which nothing else is known."""
    return Evaluation(
        run=run, attempt=1, step=spec.n_steps, n_tokens=n_tokens,
        flops=n_tokens * spec.flops_per_token if flops is None else flops,
        loss=loss, loss_se=float("nan"), accuracy=float("nan"), bits_per_byte=float("nan"), evaluated_tokens=0,
        final=True,
    )  # fmt: skip


def safe_name(text: str) -> str:
    """A text as the name of a run: what a path or a screen could mind becomes a dash."""
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._+-") else "-" for sign in clean(text, 100))
    return kept.strip("-._+")[:100] or "run"


def _make(paths: LabPaths) -> None:
    """The empty lab, whole or not at all."""
    from scalelab import __version__
    from scalelab.lab.prepare import check_folder

    check_folder(paths)
    making: LabPaths | None = None
    try:
        paths.root.parent.mkdir(parents=True, exist_ok=True)
        making = LabPaths(Path(tempfile.mkdtemp(prefix=".making-", dir=paths.root.parent)))
        making.runs.mkdir(mode=0o700)
        with Writer(making.store) as writer, writer.batch(durable=True):
            writer.set_meta(RECORDED, "1")
            writer.set_meta("created", repr(time.time()))
            writer.set_meta("scalelab", __version__)
        os.rename(making.root, paths.root)
    except OSError as error:
        if not paths.exists:  # else another process made it meanwhile, which serves as well
            raise ScalelabError(f"lab {paths.root} cannot be made: {(error.strerror or '').lower()}") from None
    finally:
        if making is not None:
            shutil.rmtree(making.root, ignore_errors=True)


def _free(name: str, taken: Iterable[str]) -> str:
    known, number = set(taken), 2
    free = name
    while free in known:
        free, number = f"{name}-{number}", number + 1
    return free


def _alive(text: str | None) -> bool:
    owner = lock.Owner.from_json(text) if text else None
    return owner is not None and owner.alive
