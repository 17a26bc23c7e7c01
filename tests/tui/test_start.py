"""The first screen: labs with state, law and age, presets, and what an empty one says."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from scalelab import preset_files
from scalelab.records import RunState
from scalelab.store.writer import Writer
from scalelab.tui import presets, settings
from scalelab.tui.bars import Lines
from scalelab.tui.screens import start
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.screens.plan import PlanScreen
from scalelab.tui.screens.start import StartScreen
from scalelab.tui.table import Table
from tests import simulated
from tests.tui.conftest import FAILED
from tests.tui.screens import app, golden, settle, text, until


def test_nothing_yet_says_what_to_do(nothing: Path) -> None:
    async def see() -> None:
        async with app() as (made, _):
            golden("start-empty", text(made))

    asyncio.run(see())


def test_nothing_yet_says_it_whole_at_50_columns(nothing: Path) -> None:
    async def see() -> None:
        async with app(size=(50, 24)) as (made, _):
            assert "none yet: choose a preset below; enter plans it, then s trains it" in " ".join(text(made).split())

    asyncio.run(see())


def test_enter_opens_the_lab_and_b_comes_back(recorded: Path) -> None:
    async def see() -> None:
        async with app() as (made, pilot):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(made.screen, LabScreen) and made.screen.is_read)
            assert made.screen.root == recorded  # type: ignore[attr-defined]
            await pilot.press("b")
            await until(pilot, lambda: isinstance(made.screen, StartScreen))

    asyncio.run(see())
    assert settings.recent() == [recorded]


def test_a_lab_that_trains_moves_in_the_list_and_the_cursor_stays(
    training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "LOOKS_EVERY", 0.05)

    async def see() -> None:
        async with app(size=(120, 40)) as (made, pilot):
            assert "14 of 20, 1 failed" in text(made)
            await pilot.press("j")
            cursor = made.screen.query_one(Table).cursor
            with Writer(training / "lab.db") as writer:
                writer.set_state(FAILED, 1, RunState.DONE)
            await until(pilot, lambda: "15 of 20 " in text(made))
            assert made.screen.query_one(Table).cursor == cursor

    asyncio.run(see())


def test_the_lab_that_was_left_is_under_the_cursor(recorded: Path) -> None:
    async def see() -> None:
        async with app() as (made, pilot):
            await pilot.press("G")
            made.open_lab(recorded)
            await until(pilot, lambda: isinstance(made.screen, LabScreen) and made.screen.is_read)
            await pilot.press("b")
            await until(pilot, lambda: isinstance(made.screen, StartScreen))
            await until(pilot, lambda: made.screen.query_one(Table).cursor == f"lab:{recorded}")

    asyncio.run(see())


def test_a_lab_elsewhere_is_remembered(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.remember(recorded)
    (elsewhere := recorded.parents[1] / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)

    async def see() -> None:
        async with app(size=(120, 40)) as (made, _):
            assert "/labs/tiny  stopped" in text(made)

    asyncio.run(see())


def test_n_plans_the_preset_under_the_cursor(nothing: Path) -> None:
    async def see() -> None:
        async with app() as (made, pilot):
            await pilot.press("j", "n")
            await until(pilot, lambda: isinstance(made.screen, PlanScreen))
            await settle(pilot)
            assert "--preset smoke" in text(made)
            await pilot.press("b")
            await until(pilot, lambda: isinstance(made.screen, StartScreen))

    asyncio.run(see())


def test_what_is_no_store_is_told_in_its_line(nothing: Path) -> None:
    (bad := nothing / "labs" / "odd").mkdir(parents=True)
    (bad / "lab.db").write_bytes(b"no database at all" * 100)

    async def see() -> None:
        async with app(size=(120, 40)) as (made, pilot):
            assert "unreadable" in text(made)
            await pilot.press("enter")
            await until(pilot, lambda: "what happened" in text(made))

    asyncio.run(see())


@pytest.mark.parametrize("width", [50, 80, 120])
def test_the_row_under_the_cursor_is_told_in_full_where_it_is_cut(recorded: Path, width: int) -> None:
    async def see() -> None:
        async with app(size=(width, 24)) as (made, pilot):
            table, about = made.screen.query_one(Table), made.screen.query_one("#about", Lines)
            rows = table.size.height
            whole = {name: preset_files.load(name).description for name in preset_files.shipped()}
            for _ in table.keys:
                name = table.cursor.removeprefix("preset:")
                if name in whole:
                    told = text(made) if about.text.strip() == "" else about.text
                    assert " ".join(whole[name].split()) in " ".join(told.split())
                else:
                    assert "332/D^0.463" in text(made)
                assert table.size.height == rows, "the list stands still"
                await pilot.press("j")
                await settle(pilot)

    asyncio.run(see())


def test_what_a_preset_is_begins_behind_its_name_however_long_a_lab_is_called(nothing: Path) -> None:
    far = nothing / "a-folder-with-a-very-long-name-indeed" / "lab"
    simulated.SimulatedLab(far).close()
    settings.remember(far)

    async def see() -> None:
        async with app() as (made, pilot):
            await until(pilot, lambda: "tiny" in text(made))
            (line,) = (line for line in text(made).splitlines() if "tiny " in line)
            longest = max(map(len, preset_files.shipped()))
            assert line.index("Twenty small models") == line.index("tiny") + longest + 2
            assert "…" in line  # and is cut at the right edge alone
            assert line.rstrip().endswith("…") and len(line.rstrip()) > 75

    asyncio.run(see())


def test_presets_of_the_folder_stand_behind_the_shipped_ones_and_whatever_else_lies_there_does_not(
    nothing: Path,
) -> None:
    mine = preset_files.load("smoke").model_copy(update={"description": "mine \x1b[31m own"})
    for name in ("mine", "tiny", "a\x1b[2Jb"):
        (nothing / f"{name}.toml").write_text(preset_files.dumps(mine))
    (nothing / "pyproject.toml").write_text("[project]\nname = 'ladder'\n")
    (nothing / "half.toml").write_text('name = "half"\n[ladder')
    (nothing / "bytes.toml").write_bytes(b"ladder \xff\xfe")
    (nothing / "huge.toml").write_text(preset_files.dumps(mine) + "#" * presets.LARGEST)
    (nothing / "folder.toml").mkdir()
    os.mkfifo(nothing / "pipe.toml")
    (nothing / "gone.toml").symlink_to(nothing / "nowhere")

    async def see() -> None:
        async with app(size=(120, 40)) as (made, pilot):
            listed = [key.removeprefix("preset:") for key in made.screen.query_one(Table).keys]
            shipped = len(preset_files.shipped())
            assert listed[0] == "tiny" and listed[shipped:] == ["a\x1b[2Jb.toml", "mine.toml", "tiny.toml"]
            assert "\x1b" not in text(made) and "mine \\x1b[31m own" in text(made)
            made.screen.query_one(Table).go("preset:tiny.toml")
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(made.screen, PlanScreen))
            await until(pilot, lambda: "--preset tiny.toml" in text(made))

    asyncio.run(see())


def test_a_preset_that_changes_is_read_again_and_of_many_only_some_are_listed(nothing: Path) -> None:
    for number in range(presets.MOST + 5):
        (nothing / f"p{number:03}.toml").write_text(preset_files.dumps(preset_files.load("smoke")))
    assert len(presets.own()) == presets.MOST
    (nothing / "p000.toml").write_text("[ladder]")
    assert "p000.toml" not in presets.own()
