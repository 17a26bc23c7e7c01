"""Workers as processes of this machine, one a slot, forked from a server that has torch loaded."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import IO, Any

from scalelab.errors import BadInput, ScalelabError
from scalelab.lab import forkserver, worker
from scalelab.lab.executor import Job, Slot, Worker
from scalelab.lab.worker_log import last_words
from scalelab.records import Message, unpack

_MAX_BYTES = 1 << 20
_UNKNOWN = 255
"""What multiprocessing says of a worker whose forkserver died before it could tell."""
_AT_ONCE = 2_000
"""Messages taken from one worker before another one's turn."""


class LocalWorker:
    """One forked process and our end of its pipe."""

    def __init__(self, process: ForkServerProcess, pipe: Connection) -> None:
        self.process, self.pipe = process, pipe
        self.beats = 0
        """Signs of life so far; they say nothing else."""
        self._open, self._closed = True, False

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid or -1

    @property
    def closed(self) -> bool:
        """Whether it was let go of."""
        return self._closed

    def messages(self) -> list[Message]:
        """What has arrived since the last call."""
        found: list[Message] = []
        try:
            while self._open and len(found) < _AT_ONCE and self.pipe.poll():
                said = self.pipe.recv_bytes(_MAX_BYTES)
                if said == worker.BEAT:
                    self.beats += 1
                else:
                    found.append(unpack(said))
        except (EOFError, OSError):
            self._open = False
        return found

    def ended(self) -> str | None:
        """How the process ended, once it has and its pipe is empty."""
        if self._open or self.process.exitcode is None:
            # A dead worker's last words may still be in the pipe; its end of file comes after them.
            return None
        return _end_in_words(self.process.exitcode)

    def stop(self) -> None:
        """Ask for a checkpoint and an end; one that has ended already is heard out all the same."""
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(worker.STOP)

    def hold(self, *, on: bool) -> None:
        """Have it take no step, or go on."""
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(worker.HOLD if on else worker.GO_ON)

    def terminate(self) -> None:
        """Ask the same by a signal."""
        self.process.terminate()

    def kill(self) -> None:
        """End it now."""
        self.process.kill()

    def close(self) -> None:
        """Let go of the process and its pipe; one that still lives is killed."""
        if self._closed:
            return
        self._open, self._closed = False, True
        self.pipe.close()
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join(2)
        if self.process.exitcode is not None:
            self.process.close()


class Conversation:
    """A worker that answers one question after another, until it is let go of."""

    def __init__(self, task: str, asked: LocalWorker, log: IO[bytes]) -> None:
        self._task, self._asked, self._log = task, asked, log

    @property
    def alive(self) -> bool:
        """Whether it can be asked more."""
        return not self._asked.closed and self._asked.process.exitcode is None

    def ask(self, values: dict[str, Any], *, timeout: float = 300.0) -> Any:
        """The answer to one question.

        Raises
        ------
        ScalelabError
            What the worker says, after which it can be asked on; or that it ended or was silent for `timeout` seconds,
            after which it cannot.
        """
        try:
            self._asked.pipe.send_bytes(json.dumps(values).encode())
            if not self._asked.pipe.poll(timeout):
                self.close()
                raise ScalelabError(f"the {self._task} took longer than {timeout:g} s")
            reply = json.loads(self._asked.pipe.recv_bytes(64 * _MAX_BYTES))
        except (EOFError, OSError):
            raise self._ended() from None
        if "error" in reply:
            told = reply["error"]
            kind = BadInput if told["bad_input"] else ScalelabError
            raise kind(told["what"], allowed=told["allowed"], todo=told["todo"])
        return reply["answer"]

    def end(self) -> None:
        """End the worker from another thread than the one that asks, which hears that it has ended."""
        with contextlib.suppress(ValueError):  # let go of at this moment
            self._asked.kill()

    def close(self) -> None:
        """Let go of the worker."""
        self._asked.close()
        self._log.close()

    def outlast(self) -> None:
        """Wait until the worker that was let go of is no more: for ever, where a driver keeps it from its end."""
        with contextlib.suppress(ValueError):  # it has ended
            self._asked.process.join()

    def _ended(self) -> ScalelabError:
        if self._asked.closed:
            return ScalelabError(f"the {self._task} was ended")
        self._asked.process.join(2)
        words, todo = _end_in_words(self._asked.process.exitcode), last_words(Path(self._log.name))
        self.close()
        return ScalelabError(f"the {self._task} ended without an answer: {words}", todo=todo)


class LocalExecutor:
    """Starts workers on this machine."""

    def __init__(self, slots: Sequence[Slot] = ()) -> None:
        self.slots: Sequence[Slot] = tuple(slots)
        """None are needed to `ask`."""
        self._workers: list[LocalWorker] = []
        self._listing = threading.Lock()
        """Who asks may be another thread than who trains."""

    def warm(self) -> None:
        """Let the imports begin, so that they are done when the first worker is wanted."""
        forkserver.warm()

    def start(self, job: Job, slot: Slot) -> LocalWorker:
        """Begin an attempt; the first of all waits for the imports."""
        job.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        values = {
            "spec": job.spec.to_dict(),
            "tokens": job.tokens.to_dict(),
            "attempt": job.attempt,
            "run_dir": str(job.run_dir),
            "checkpoint_seconds": job.checkpoint_seconds,
            "device": slot.device,
            "slot": slot.index,
            "trunk_checkpoint": str(job.trunk_checkpoint) if job.trunk_checkpoint else None,
            "threads": slot.threads,
            "resume_before": job.resume_before,
        }
        return self._start("train", values, job.run_dir / "log.txt")

    def wait(self, workers: Sequence[Worker], others: Sequence[object], timeout: float) -> None:
        """Return when a worker has ended, when another pipe is ready, or at the timeout.

        Messages alone wake nobody: taking them ten times a second costs less than one by one.
        """
        ends = [each.process.sentinel for each in workers if isinstance(each, LocalWorker)]
        wait([*ends, *others], timeout)  # type: ignore[list-item]

    def converse(self, task: str) -> Conversation:
        """A worker for questions of one kind: "devices", "probe", "prove", "sample", "score"."""
        # What libraries print in there must not reach the caller's terminal, but may tell why a worker died.
        log = tempfile.NamedTemporaryFile(prefix=f"scalelab-{task}-")  # noqa: SIM115  (the conversation closes it)
        return Conversation(task, self._start(task, {}, Path(log.name)), log)

    def ask(self, task: str, values: dict[str, Any], *, timeout: float = 300.0, outlast: bool = False) -> Any:
        """The answer of a worker to one question; `Conversation.ask` says what it raises."""
        asked = self.converse(task)
        try:
            return asked.ask(values, timeout=timeout)
        finally:
            asked.close()
            if outlast:
                asked.outlast()

    def close(self) -> None:
        """End everything that was started."""
        for each in self._workers:
            each.close()
        self._workers.clear()

    def _start(self, task: str, values: dict[str, Any], log: Path | None) -> LocalWorker:
        process, pipe = forkserver.start(worker.main, f"scalelab-{task}", task, json.dumps(values), str(log or ""))
        started = LocalWorker(process, pipe)
        with self._listing:
            self._workers = [*(each for each in self._workers if not each.closed), started]
        return started


def _end_in_words(code: int | None) -> str:
    if code is None:
        return "it does not end"
    if code == _UNKNOWN:
        return "ended with the process that starts workers"
    if code < 0:
        name = signal.Signals(-code).name if -code in {*signal.Signals} else str(-code)
        hint = " (the kernel may have run out of memory)" if -code == signal.SIGKILL else ""
        return f"killed by {name}{hint}"
    return f"ended with code {code} and without an outcome"
