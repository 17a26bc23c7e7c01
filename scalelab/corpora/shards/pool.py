"""Encoding processes and the shards they have in hand. The order of their answers decides nothing."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections import deque
from pathlib import Path

from scalelab.corpora.processes import command, environment
from scalelab.corpora.shards.files import Shards
from scalelab.errors import ScalelabError

PROCESSES = "SCALELAB_ENCODERS"
"""Environment variable with the number of encoding processes."""


def n_processes() -> int:
    """One a core that this process may use, unless it was said otherwise."""
    with contextlib.suppress(KeyError, ValueError):
        return max(1, min(64, int(os.environ[PROCESSES])))
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 16)


class Pool:
    """Started with the first shard, ended with `close` or with this process."""

    def __init__(self, kind: str, tokenizer: Path, size: int | None = None) -> None:
        self.size = size or n_processes()
        self._first = json.dumps({"kind": kind, "tokenizer": str(tokenizer)})
        self._idle: list[subprocess.Popen[str]] = []
        self._busy: dict[int, subprocess.Popen[str]] = {}
        self._waiting: deque[tuple[Shards, int]] = deque()

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return [process.pid for process in [*self._idle, *self._busy.values()]]

    @property
    def load(self) -> int:
        """Shards in hand and in line."""
        return len(self._busy) + len(self._waiting)

    def submit(self, shards: Shards, number: int) -> None:
        """A shard more to encode."""
        self._waiting.append((shards, number))
        self._hand_out()

    def collect(self, seconds: float = 0.0) -> None:
        """Hear the answers that are there, or that come within a time; raises ScalelabError where one failed."""
        if not self._busy:
            return
        for descriptor in select.select(list(self._busy), [], [], seconds)[0]:
            process = self._busy.pop(descriptor)
            assert process.stdout is not None
            line = process.stdout.readline()
            self._idle.append(process)
            answer = json.loads(line) if line else {"problem": f"its process ended with {process.wait()}"}
            if "problem" in answer:
                raise ScalelabError(
                    f"a shard could not be encoded: {answer['problem']}",
                    todo="make room or memory, and repeat the command: it goes on from what was made",
                )
        self._hand_out()

    def drain(self) -> None:
        """Wait until nothing is in hand."""
        while self.load:
            self.collect(1.0)

    def close(self) -> None:
        """End its processes; a shard in hand will be encoded another time."""
        for process in [*self._idle, *self._busy.values()]:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self._idle, self._busy = [], {}
        self._waiting.clear()

    def _hand_out(self) -> None:
        while self._waiting and len(self._busy) < self.size:
            process = self._idle.pop() if self._idle else self._started()
            shards, number = self._waiting.popleft()
            job = {
                "number": number, "n_train": shards.text(number).n_train,
                "text": str(shards.path(number, "text")), "tokens": str(shards.path(number, "tokens")),
            }  # fmt: skip
            assert process.stdin is not None and process.stdout is not None
            self._busy[process.stdout.fileno()] = process
            with contextlib.suppress(BrokenPipeError):  # its end is heard when its answer is asked for
                process.stdin.write(json.dumps(job) + "\n")
                process.stdin.flush()

    def _started(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command("scalelab.corpora.shards.encoding"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(self._first + "\n")
            process.stdin.flush()
        return process
