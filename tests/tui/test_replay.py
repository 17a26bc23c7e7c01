"""A recording in the app: it grows, stands still, hurries and begins anew by keys, and cannot be asked to train."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from inspect import isfunction
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from scalelab import preset_files
from scalelab.cli.main import main
from scalelab.replay.player import Player, Replay
from scalelab.tui import keys
from scalelab.tui.app import LabApp, Opening, farewell
from scalelab.tui.palette import KeyCommands
from scalelab.tui.screens.asks import Asks
from scalelab.tui.screens.help import Help
from scalelab.tui.screens.replay import RECORDING, ReplayScreen
from scalelab.tui.snapshot import Watch
from tests.replay.labs import RecordedLab
from tests.replay.same import told
from tests.tui.conftest import alone
from tests.tui.screens import settle, text, until
from tests.tui.test_process import NEVER, PATIENCE, ROOT, terminal


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RecordedLab(tmp_path_factory.mktemp("labs") / "grown").record()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    alone(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("scalelab.tui.replay.BEAT", 0.03)


@asynccontextmanager
async def played(
    lab: Path, clock: Clock, *, size: tuple[int, int] = (120, 40), **how: Any
) -> AsyncIterator[tuple[LabApp, Pilot[Any], ReplayScreen]]:
    """The app with a replay that goes by this clock."""
    made = LabApp()
    async with made.run_test(size=size) as pilot:
        player = Player(Replay(lab=lab, **{"speed": 1.0} | how), clock)
        screen = ReplayScreen(player)
        await made.push_screen(screen)
        await until(pilot, lambda: screen.snapshot is not None)
        await settle(pilot)
        yield made, pilot, screen


def shot_of(lab: Path) -> dict[str, Any]:
    with Watch(lab) as watch:
        shot = watch.poll()
    assert shot is not None
    return told(shot)


def test_at_high_speed_it_ends_as_the_lab_itself(lab: Path) -> None:
    clock = Clock()

    async def see() -> None:
        async with played(lab, clock, speed=1000.0) as (made, pilot, screen):
            assert "training 0 of 9" in text(made) and "replay ×1000" in text(made)
            while not screen._player.tempo.over:
                clock.now += 0.002
                await pilot.pause()
            await until(pilot, lambda: screen.snapshot is not None and not screen.snapshot.alive)
            await settle(pilot)
            assert screen.snapshot is not None and screen.snapshot.recorded == str(lab)
            assert told(screen.snapshot) == shot_of(lab)
            assert "replay  end" in text(made)

    asyncio.run(see())


def test_it_stands_still_and_plays_on(lab: Path) -> None:
    clock = Clock()

    async def see() -> None:
        async with played(lab, clock) as (made, pilot, screen):
            tempo = screen._player.tempo
            clock.now += tempo.length / 2
            await until(pilot, lambda: screen.snapshot is not None and len(screen.snapshot.finals) > 2)
            await pilot.press("P")
            await until(pilot, lambda: "replay paused" in text(made))
            await settle(pilot)
            before = screen.snapshot
            clock.now += 1e6
            await pilot.pause(0.05)
            assert before is not None and screen.snapshot is not None
            assert screen.snapshot.rows == before.rows and not tempo.over
            await pilot.press("P")
            clock.now += 1e6
            await until(pilot, lambda: tempo.over)

    asyncio.run(see())


@pytest.mark.parametrize("width", [50, 80])
def test_at_its_end_the_keys_offer_to_play_it_again(lab: Path, width: int) -> None:
    clock = Clock()

    async def see() -> None:
        async with played(lab, clock, size=(width, 24)) as (made, pilot, screen):
            assert "replay.pause" in {key.id for key in screen.offered()}
            clock.now += 1e6
            await until(pilot, lambda: text(made).splitlines()[-1].startswith("^ again  "))
            offered = {key.id for key in screen.offered()}
            assert not offered & {"replay.pause", "replay.faster", "replay.slower", "replay.end"}
            await pilot.press("P")
            await settle(pilot)
            assert "it has been played to its end: ^ plays it again" in text(made)

    asyncio.run(see())


def test_keys_make_it_faster_and_slower(lab: Path) -> None:
    async def see() -> None:
        async with played(lab, Clock(), speed=8.0) as (made, pilot, screen):
            for press, speed in ((">", 16.0), (">", 32.0), ("<", 16.0), ("<", 8.0), ("<", 4.0)):
                await pilot.press({">": "greater_than_sign", "<": "less_than_sign"}[press])
                assert screen._player.tempo.speed == speed
            await until(pilot, lambda: "replay ×4" in text(made))

    asyncio.run(see())


def test_to_the_end_and_from_the_start_again(lab: Path) -> None:
    async def see() -> None:
        async with played(lab, Clock(), speed=4.0) as (made, pilot, screen):
            await pilot.press("3")
            await pilot.press("dollar_sign")
            await until(pilot, lambda: "replay  end" in text(made) and "stopped 7 of 9, 1 failed" in text(made))
            folder = screen._player.root
            await pilot.press("circumflex_accent")
            await until(pilot, lambda: made.screen is not screen and getattr(made.screen, "snapshot", None) is not None)
            again = made.screen
            assert isinstance(again, ReplayScreen) and again.view == "law" and again._player.tempo.speed == 4.0
            assert len(made.screen_stack) == 2
            await settle(pilot)
            assert "training 0 of 9" in text(made)
            await until(pilot, lambda: not folder.exists())

    asyncio.run(see())


def test_nothing_can_be_asked_of_a_recording(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr("scalelab.tui.app.start", lambda *given: begun.append(given))

    async def see() -> None:
        async with played(lab, Clock(), share=0.5) as (made, pilot, screen):
            offered = {key.id for key in screen.offered()}
            assert {"replay.pause", "replay.faster", "replay.start", "replay.end", "lab.law"} <= offered
            assert not {"lab.stop", "lab.go_on", "runs.retry"} & offered
            for end in (False, True):
                if end:
                    await pilot.press("dollar_sign")
                    await until(pilot, lambda: not screen.snapshot.alive)  # type: ignore[union-attr]
                for press in ("S", "R", "E", "r"):
                    await pilot.press(press)
                    await settle(pilot)
                    assert RECORDING in text(made), press
            assert farewell([screen.snapshot]) == ""  # type: ignore[list-item]

    asyncio.run(see())
    assert not begun


def test_whatever_can_be_asked_of_a_lab_is_refused_here() -> None:
    own = {name for name, part in vars(Asks).items() if isfunction(part) and part.__module__ == Asks.__module__}
    asked = {name for name in own if not name.startswith("_")} - {"can_be_asked", "ask", "on_unmount"}
    assert {"action_stop", "retry"} <= asked
    for name in asked:
        assert getattr(ReplayScreen, name) is ReplayScreen.refuse, name


def test_a_new_plan_like_a_recorded_one_names_nothing_of_the_copy(lab: Path) -> None:
    async def see(recording: Path | None, words: str) -> None:
        made = LabApp(Opening(replay=Replay(lab=recording, paused=True)))
        async with made.run_test(size=(160, 40)) as pilot:
            await until(pilot, lambda: getattr(made.screen, "snapshot", None) is not None)
            await pilot.press("1")
            await until(pilot, lambda: "$ scalelab replay" in text(made))
            await pilot.press("n")
            await until(pilot, lambda: "scalelab run" in text(made))
            assert words in text(made) and "scalelab-replay" not in text(made)

    preset = lab / "preset.toml"
    with Watch(lab) as watch:
        assert watch.snapshot.preset is not None
        preset.write_text(preset_files.dumps(watch.snapshot.preset))
    asyncio.run(see(None, "--preset tiny"))
    asyncio.run(see(lab, "preset.toml"))


def test_help_and_palette_list_its_keys_and_only_here(lab: Path) -> None:
    async def see() -> None:
        async with played(lab, Clock()) as (made, pilot, screen):
            found = " ".join([str(hit.prompt) async for hit in KeyCommands(screen).discover()])
            assert all(key.help in found for key in keys.of("replay"))
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(made.screen, Help))
            lines = " ".join(" ".join(line.plain.split()) for line in made.screen.lines(100))  # type: ignore[attr-defined]
            assert all(key.help in lines for key in keys.of("replay"))

    asyncio.run(see())


def test_a_recording_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "lab.db").write_bytes(b"no database at all, but longer than nothing" * 100)

    async def see() -> None:
        made = LabApp(Opening(replay=Replay(lab=tmp_path)))
        async with made.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: "the lab cannot be read" in text(made))

    asyncio.run(see())


_PLAY = """
import asyncio, sys
from scalelab.replay.player import Replay
from scalelab.tui.app import LabApp, Opening
async def see():
    app = LabApp(Opening(replay=Replay(speed=1000.0)))
    async with app.run_test(size=(120, 40)) as pilot:
        while getattr(app.screen, "snapshot", None) is None or app.screen.snapshot.alive:
            await pilot.pause(0.01)
        for key in ("1", "2", "3", "4", "5"):
            await pilot.press(key)
            await pilot.pause()
asyncio.run(see())
print(",".join(name for name in sys.argv[1].split(",") if name in sys.modules))
"""


def test_playing_imports_nothing_that_trains_or_fits(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PLAY, ",".join(NEVER)], capture_output=True, text=True, timeout=PATIENCE, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.strip() == ""


def test_in_a_terminal_it_plays_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with terminal(tmp_path, "replay", "--speed", "2000") as seen:
        seen.until(lambda: "finished 20 of 20" in seen.seen)
        assert list((tmp_path / "tmp").glob("scalelab-replay-*"))
        seen.type("q")
        seen.until(lambda: seen.process.poll() is not None)
        seen.read(0.1)
    assert seen.process.returncode == 0, seen.seen[-5000:]
    assert not list((tmp_path / "tmp").iterdir())


def test_a_terminal_that_is_closed_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with terminal(tmp_path, "replay", "--speed", "1") as seen:
        seen.until(lambda: "training" in seen.seen)
        os.kill(seen.process.pid, signal.SIGHUP)
        seen.process.wait(PATIENCE)
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the app needs a terminal: `scalelab status "),
        (("LAB",), "`scalelab status LAB` or `scalelab fit LAB` serves without one"),
        (("LAB", "--speed", "0"), "--speed '0'"),
        (("LAB", "--speed", "-3"), "a number above 0"),
        (("LAB", "--speed", "nan"), "a number above 0"),
        (("LAB", "--speed", "fast"), "--speed 'fast'"),
        (("LAB", "--at", "soon"), "a share such as 0.8 or 80%"),
        (("LAB", "--at", "120%"), "a share such as"),
        (("LAB", "--at", "-1"), "a share such as"),
        (("nowhere",), "there is no lab at nowhere"),
    ],
)
def test_without_a_terminal_or_with_wrong_values_it_is_one_line(
    lab: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    code = main(["replay", *(word.replace("LAB", str(lab)) for word in arguments)])
    said = capfd.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1)
    assert words.replace("LAB", str(lab)) in said.err
