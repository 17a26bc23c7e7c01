"""Our end of a worker's pipe, without a process at the other end."""

from __future__ import annotations

from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import pytest

from scalelab.lab.local import LocalWorker, last_words
from scalelab.records import Outcome, RunState, Saved, pack

SAVED = Saved(run="a", attempt=1, step=3, path="checkpoint/3", for_branch=True)
DONE = Outcome(run="a", attempt=1, state=RunState.DONE, step=3)


class Process:
    pid = 7

    def __init__(self, exitcode: int | None) -> None:
        self.exitcode = exitcode


def _worker(exitcode: int | None) -> tuple[LocalWorker, Connection]:
    ours, theirs = Pipe()
    return LocalWorker(cast(Any, Process(exitcode)), ours), theirs


def test_a_worker_that_ends_before_it_can_be_asked_to_stop_is_heard_out() -> None:
    worker, theirs = _worker(0)
    for message in (SAVED, DONE):
        theirs.send_bytes(pack(message))
    theirs.close()
    worker.stop()
    assert worker.ended() is None
    assert worker.messages() == [SAVED, DONE]


@pytest.mark.parametrize(
    ("code", "words"),
    [(-9, "killed by SIGKILL"), (-11, "killed by SIGSEGV"), (3, "ended with code 3"), (255, "that starts workers")],
)
def test_the_end_is_told_in_words_after_the_last_message(code: int, words: str) -> None:
    worker, theirs = _worker(code)
    theirs.send_bytes(pack(SAVED))
    assert worker.ended() is None, "its pipe may hold messages"
    theirs.close()
    assert worker.messages() == [SAVED]
    assert worker.messages() == []
    assert words in (worker.ended() or "")


def test_a_worker_that_is_silent_has_not_ended() -> None:
    worker, theirs = _worker(None)
    assert worker.messages() == [] and worker.ended() is None
    theirs.close()


def test_last_words_are_the_end_of_the_log_on_one_harmless_line(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"old\n" * 5_000 + b"first\n\x1b[31mred\xff\n\nlast\n")
    said = last_words(log)
    assert said.endswith("last") and "first" in said and "\x1b" not in said and "\n" not in said
    log.write_text("a long line " * 50 + "\nMemoryError: no room\n")
    assert last_words(log).endswith("MemoryError: no room")
    assert last_words(tmp_path / "none") == ""
