"""Our end of a worker's pipe, without a process at the other end."""

from __future__ import annotations

from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, cast

import pytest

from scalelab.lab.local import LocalWorker
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
