"""A recorded lab written by the store's own writer, with a clock of its own, and the app over it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scalelab.lab import lock
from scalelab.records import RunState
from tests.lab.curved import CurvedLab
from tests.tui import labs

EPOCH = 1_760_000_000.0
"""When the recorded lab began; each change of it is a second later."""
FAILED = "48x1-D600k-s0"
LOG = "2026-01-02 03:04:05 start\n2026-01-02 03:04:09 step 100\nRuntimeError: out of memory \x1b[31mred\x1b[0m\n"


def clock() -> Callable[[], float]:
    """A second at every look."""
    seconds = iter(range(10**9))
    return lambda: EPOCH + next(seconds)


@pytest.fixture(autouse=True)
def scrollbars_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app's glyphs decide for its whole process how scrollbars are drawn; the next test has another app."""
    from textual.scrollbar import ScrollBar, ScrollBarRender

    monkeypatch.setattr(ScrollBar, "renderer", ScrollBarRender)


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab that stopped: of 20 points 15 are done, one failed, a trunk and a branch were training."""
    folder = tmp_path_factory.mktemp("recorded") / "tiny"
    lab = CurvedLab(folder, clock())
    names = list(lab.specs)
    for number, run in enumerate(names[:18]):
        lab.finish(run)
        if number in {11, 17}:
            lab.refit(run)
    lab.train(FAILED, 0.6)
    lab.writer.set_state(FAILED, 1, RunState.FAILED, "the worker died of signal 9 (killed)")
    lab.train("80x1-trunk-s0", 0.4)
    lab.train("80x1-D150k-s0", 0.5)
    lab.close()
    (folder / "runs" / FAILED).mkdir(parents=True)
    (folder / "runs" / FAILED / "log.txt").write_text(LOG)
    return folder


@pytest.fixture
def recorded(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the recorded lab at labs/tiny, from where the app is started; nothing of the user's is touched."""
    return _copied(recording, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def two_groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab of two groups, all of it done."""
    return labs.grouped(tmp_path_factory.mktemp("grouped") / "both", clock())


@pytest.fixture
def grouped(two_groups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it at labs/both."""
    return _copied(two_groups, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def from_a_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab of runs that were trained elsewhere."""
    return labs.imported(tmp_path_factory.mktemp("imported") / "theirs")


@pytest.fixture
def imported(from_a_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it at labs/theirs."""
    return _copied(from_a_table, tmp_path, monkeypatch)


def _copied(lab: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = folder / "labs" / lab.name
    shutil.copytree(lab, copy)
    monkeypatch.chdir(folder)
    alone(monkeypatch, folder)
    return copy


@pytest.fixture
def training(recorded: Path) -> Iterator[Path]:
    """The recorded lab with a living supervisor: this process."""
    held = lock.acquire(recorded / "lock")
    yield recorded
    held.release()


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a lab."""
    monkeypatch.chdir(tmp_path)
    alone(monkeypatch, tmp_path)
    return tmp_path


def alone(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Settings and state of nobody, on a machine of a fixed name."""
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setattr("scalelab.tui.header.who", lambda: "me@box")
