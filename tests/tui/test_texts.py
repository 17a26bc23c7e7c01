"""Who brings texts into the app: one worker for all that is asked, in order, gone when nothing is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scalelab.lab import control
from scalelab.lab.control import Sample
from scalelab.tui import texts
from scalelab.tui.texts import Texts, Written
from scalelab.tui.views.writing import Ask

PATIENCE = 10.0


class Scribes:
    """Scribes whose texts take as long as somebody lets them."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.made = self.closed = 0
        self.go_on, self.writes, self.over = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, folder: Path) -> Scribes:
        self.made += 1
        return self

    def write(self, run: str, prompt: str, **_: Any) -> Sample:
        self.begun.append(run)
        self.writes.set()
        assert self.go_on.wait(PATIENCE)
        return Sample(run=run, prompt=prompt, text="…", ids=())

    def end(self) -> None:
        self.go_on.set()

    def close(self) -> None:
        self.closed += 1
        self.over.set()


@pytest.fixture
def scribes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scribes]:
    made = Scribes()
    monkeypatch.setattr(control, "Scribe", made)
    yield made
    made.go_on.set()


def ask(run: str) -> Ask:
    return Ask(run=run, prompt="The ", n=5, temperature=0.8, seed=0)


def test_what_was_asked_before_and_not_begun_gives_way(scribes: Scribes, tmp_path: Path) -> None:
    came: list[str] = []
    last = threading.Event()

    def post(message: Any) -> None:
        assert isinstance(message, Written)
        came.append(message.ask.run)
        if message.ask.run == "d":
            last.set()

    written = Texts(tmp_path)
    written.ask([ask("a"), ask("b")], post)
    assert scribes.writes.wait(PATIENCE)
    written.ask([ask("a"), ask("c"), ask("d")], post)
    scribes.go_on.set()
    assert last.wait(PATIENCE)
    assert came == ["a", "c", "d"] == scribes.begun
    assert scribes.made == 1 and written.loaded
    written.close()
    assert scribes.over.wait(PATIENCE)


def test_the_worker_ends_when_nothing_is_asked_and_another_begins_with_the_next_question(
    scribes: Scribes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "PATIENCE", 0.01)
    scribes.go_on.set()
    written = Texts(tmp_path)
    for number in (1, 2):
        scribes.over.clear()
        written.ask([ask("a")], lambda _: None)
        assert scribes.over.wait(PATIENCE)
        assert (scribes.made, scribes.closed) == (number, number)


def test_a_screen_that_is_left_waits_for_nothing(scribes: Scribes, tmp_path: Path) -> None:
    written = Texts(tmp_path)
    written.ask([ask("a"), ask("b")], lambda _: None)
    assert scribes.writes.wait(PATIENCE)
    written.forget()  # ends what is being written
    written.close()
    assert scribes.over.wait(PATIENCE)
    assert scribes.begun == ["a"]


def test_another_screen_that_asks_for_what_is_being_written_gets_it_too(scribes: Scribes, tmp_path: Path) -> None:
    left: list[Any] = []
    came = threading.Event()
    written = Texts(tmp_path)
    written.ask([ask("a")], left.append)
    assert scribes.writes.wait(PATIENCE)
    written.ask([ask("a")], lambda _: came.set())
    scribes.go_on.set()
    assert came.wait(PATIENCE) and len(left) == 1
    written.close()


def test_a_mistake_of_ours_is_told_and_the_next_question_is_answered(
    scribes: Scribes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    came = threading.Event()

    def fails(run: str, prompt: str, **_: Any) -> Sample:
        raise OSError(28, "No space left on device")

    def post(message: Any) -> None:
        told.append(message)
        came.set()

    written = Texts(tmp_path)
    scribes.go_on.set()
    with monkeypatch.context() as patch:
        patch.setattr(scribes, "write", fails)
        patch.setattr("tempfile.tempdir", str(tmp_path))
        written.ask([ask("a")], post)
        assert came.wait(PATIENCE)
    came.clear()
    written.ask([ask("a")], post)
    assert came.wait(PATIENCE)
    assert "No space left" in told[0].problem and told[1].problem == ""
    written.close()
