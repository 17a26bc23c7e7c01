"""Whatever keys come at whatever moments: no error, never lost, and the way out always works.

Each visit is drawn from a seed, which a failure prints with the keys that led to it: `KEY_SEEDS=18 pytest FILE` makes
that one again. `--soak` makes many.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.keys import key_to_character
from textual.pilot import Pilot

from scalelab.errors import ScalelabError
from scalelab.lab import control, lock
from scalelab.records import DeviceInfo, RunState
from scalelab.replay.player import Replay
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from scalelab.tui import keys
from scalelab.tui.app import LabApp, Opening
from scalelab.tui.screens.base import Room
from scalelab.tui.screens.start import StartScreen
from scalelab.tui.starting import Started, StartFailed, StartTold
from scalelab.tui.views import predict
from tests.tui.conftest import alone
from tests.tui.screens import NOW, text, until
from tests.tui.test_text_screen import wrote

QUICK, SOAK = 6, 600
"""Visits of a usual run, and of a soak, which takes about ten minutes."""
STEPS = 60
"""Keys of a visit."""
SIZES = ((50, 24), (80, 24), (120, 40), (200, 50), (20, 6), (1, 1))
TABLE = tuple(name.strip() for key in keys.KEYS if key.id != "app.leave" for name in key.keys.split(","))
TYPED = (*"0123456789.,kKmM=x[]/ -é界", "backspace", "delete", "ctrl+u", "ctrl+w", "tab", "f5")
MOMENTS = (0, 0, 0, 1, 1, 2, 3, 5, 8)
"""Turns of the event loop between two keys."""
ESCAPES = 6
"""Presses of escape that lead from anywhere to the list of labs."""


class Visit:
    """One app with somebody at its keys who knows no pause."""

    def __init__(self, seed: int, lab: Path) -> None:
        self.seed, self.lab = seed, lab
        self.drawn = random.Random(seed)
        self.did: list[str] = []
        self.app = LabApp(self._opening(), now=lambda: NOW)

    def _opening(self) -> Opening:
        return self.drawn.choice((
            Opening(), Opening(lab=self.lab), Opening(lab=self.lab), Opening(preset="tiny"),
            Opening(replay=Replay(share=self.drawn.random(), paused=self.drawn.random() < 0.5)),
        ))  # fmt: skip

    async def make(self) -> None:
        """Press keys, then leave, at some moment or by way of the list of labs."""
        async with self.app.run_test(size=self.drawn.choice(SIZES[:4])) as pilot:
            for _ in range(self.drawn.randint(1, STEPS)):
                await self._step(pilot)
                if self.app._exit:
                    break
            home = self.drawn.random() < 0.5
            if home:
                await self._come_home(pilot)
            if not self.app._exit:
                # Where a key before still opens a window, q would only close that.
                self._press("q" if home else "ctrl+q")
            await until(pilot, lambda: self.app._exit)
        assert self.app.return_code == 0

    async def _step(self, pilot: Pilot[Any]) -> None:
        what = self.drawn.random()
        if what < 0.05:
            size = self.drawn.choice(SIZES)
            self.did.append(f"{size[0]}x{size[1]}")
            await pilot.resize_terminal(*size)
        elif what < 0.08:
            self.did.append("the lab moves")
            self._move_on()
        elif what < 0.11:
            self._click()
        elif what < 0.13:
            self.did.append("paste")
            self.app.post_message(events.Paste(self.drawn.choice(("1e9, 2M", "\x1b[2J\n\t[/b]", "x" * 500))))
        else:
            self._press(self._key())
        await self._wait(pilot)

    def _key(self) -> str:
        offered = list(self.app.screen.offered()) if isinstance(self.app.screen, Room) else []
        kind = self.drawn.random()
        if kind < 0.55 and (here := [key.keys for key in offered if key.id != "app.leave"]):
            return self.drawn.choice(self.drawn.choice(here).split(",")).strip()
        return self.drawn.choice(TABLE if kind < 0.85 else TYPED)

    def _press(self, name: str) -> None:
        self.did.append(name)
        self.app.post_message(events.Key(name, key_to_character(name) if len(name) > 1 else name))

    def _click(self) -> None:
        x, y = self.drawn.randrange(self.app.size.width), self.drawn.randrange(self.app.size.height)
        self.did.append(f"click {x},{y}")
        for kind in (events.MouseMove, events.MouseDown, events.MouseUp):
            self.app.post_message(kind(None, x, y, 0, 0, 1, False, False, False, x, y))

    def _move_on(self) -> None:
        with Reader(self.lab / "lab.db") as reader:
            run = self.drawn.choice([row.run for row in reader.runs()])
        with Writer(self.lab / "lab.db") as writer:
            writer.set_state(run, 1, self.drawn.choice(tuple(RunState)), "[/b] of \x1b[31m a fault")

    async def _wait(self, pilot: Pilot[Any]) -> None:
        if self.drawn.random() < 0.1:
            await pilot.pause(self.drawn.choice((0.0, 0.02, 0.1, 0.3)))
        for _ in range(self.drawn.choice(MOMENTS)):
            await asyncio.sleep(0)

    async def _come_home(self, pilot: Pilot[Any]) -> None:
        """Escape leads back to the list of labs from anywhere, and what is shown on the way is sound."""
        await pilot.resize_terminal(80, 24)
        for _ in range(ESCAPES):
            if self.app._exit:  # a key before was the one that leaves
                return
            shown = text(self.app)
            assert all(letter == "\n" or letter.isprintable() for letter in shown), repr(shown)
            self._press("escape")
            await pilot.pause()
        try:
            await until(pilot, lambda: self.app._exit or isinstance(self.app.screen, StartScreen))
        except AssertionError:
            raise AssertionError(f"{self.app.screen_stack} under {self.app.focused}\n{text(self.app)}") from None


def starts(drawn: random.Random) -> Callable[..., None]:
    """A starter that answers at once, in every way in which one can."""

    def start(arguments: Sequence[str], root: Path, post: Callable[[object], object]) -> None:
        del arguments
        post(StartTold("reading the corpus"))
        if drawn.random() < 0.5:
            post(Started(root))
        else:
            post(StartFailed(root, ScalelabError("no room on the disk")))

    return start


@pytest.fixture
def harmless(cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would measure or write text in another process answers at once."""
    monkeypatch.setattr(control, "Scribe", wrote([]))
    monkeypatch.setattr(control, "devices", lambda: [cpu])
    monkeypatch.setattr(predict, "link_of", lambda *_: (None, ""))


@contextmanager
def at_home(recording: Path, home: Path) -> Iterator[Path]:
    """A lab that trains, in a folder that nobody has been to."""
    lab = home / "labs" / "tiny"
    shutil.copytree(recording, lab)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        alone(patch, home)
        held = lock.acquire(lab / "lock")
        try:
            yield lab
        finally:
            held.release()
    shutil.rmtree(home)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each visit is a test with a time limit of its own; one that fails hides none of those behind it."""
    many = SOAK if metafunc.config.getoption("--soak") else QUICK
    named = os.environ.get("KEY_SEEDS", "")
    metafunc.parametrize("seed", [int(seed) for seed in named.split(",")] if named else range(many))


@pytest.mark.usefixtures("harmless")
def test_any_keys_at_any_moment(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    with at_home(recording, tmp_path / "home") as lab:
        visit = Visit(seed, lab)
        monkeypatch.setattr("scalelab.tui.app.start", starts(visit.drawn))
        try:
            asyncio.run(visit.make())
        except BaseException:
            print(f"KEY_SEEDS={seed}: {' '.join(visit.did)}, then {visit.app.screen_stack[-1:]} at {visit.app.size}")
            raise
