"""The app as a whole: what it asks of a lab, how it tells problems, what it copies, and what it never shows."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.geometry import Size

from scalelab.errors import ScalelabError
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from scalelab.tui import header, settings, starting
from scalelab.tui.app import LabApp, farewell
from scalelab.tui.bars import KeyBar, Lines, key_parts
from scalelab.tui.columns import Column, Row
from scalelab.tui.labs import LabLine, read
from scalelab.tui.screens.confirm import Confirm
from scalelab.tui.screens.problem import Problem
from scalelab.tui.snapshot import Watch
from scalelab.tui.starting import Started, StartFailed
from scalelab.tui.table import Table
from scalelab.tui.views import run_log
from scalelab.tui.views.lines import LinesView
from tests.tui.conftest import FAILED
from tests.tui.screens import SIZES, app, settle, text, until


def lines_of(made: LabApp) -> str:
    """The lines of a window as one: a long path goes on in the next, wherever it has to be broken."""
    return "".join(line.strip() for view in made.screen.query(LinesView) for line in view.plain)


def requests(lab: Path) -> list[tuple[str, dict[str, Any]]]:
    with Reader(lab / "lab.db") as reader:
        return [(each.verb, each.args) for each in reader.requests()]


@pytest.mark.parametrize(
    ("downs", "asked"),
    [
        (0, []),
        (1, [{"now": False, "after_current": False}]),
        (2, [{"now": False, "after_current": True}]),
        (3, [{"now": True, "after_current": False}]),
    ],
)
def test_stopping_asks_first_and_then_asks_the_lab(training: Path, downs: int, asked: list[dict[str, Any]]) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("S")
            await until(pilot, lambda: isinstance(made.screen, Confirm))
            await pilot.press(*["j"] * downs, "enter")
            await until(pilot, lambda: not isinstance(made.screen, Confirm))
            await settle(pilot)

    asyncio.run(see())
    assert requests(training) == [("stop", args) for args in asked]


def test_escape_stops_nothing(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("S", "j", "escape")
            await settle(pilot)
            assert not isinstance(made.screen, Confirm)

    asyncio.run(see())
    assert requests(training) == []


def test_a_lab_that_nobody_trains_goes_on_by_a_process_of_its_own(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[list[str], Path]] = []
    monkeypatch.setattr("scalelab.tui.app.start", lambda words, root, post: begun.append((list(words), root)))

    async def see() -> None:
        async with app(recorded, size=(120, 40)) as (made, pilot):
            assert "R go on" in text(made)
            assert "S stop" not in text(made)
            await pilot.press("S")
            await settle(pilot)
            assert "nobody trains this lab now" in text(made)
            await pilot.press("R", "R")
            await settle(pilot)
            assert begun == [([], recorded)]
            made.post_message(StartFailed(recorded, ScalelabError("the corpus has changed", todo="put it back")))
            await until(pilot, lambda: isinstance(made.screen, Problem))
            await settle(pilot)
            shown = text(made)
            assert "the corpus has changed" in shown
            assert "put it back" in shown

    asyncio.run(see())
    assert starting.command([], recorded)[-5:] == ["run", "--lab", str(recorded), "--detach", "--json"]


def test_a_plan_is_started_once_and_opens_when_somebody_owns_it(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr("scalelab.tui.app.start", lambda words, root, post: begun.append(list(words)))

    async def see() -> None:
        async with app(preset="smoke", size=(120, 40)) as (made, pilot):
            await until(pilot, lambda: "about" in text(made))
            await pilot.press("s", "s")
            await settle(pilot)
            assert len(begun) == 1
            file = Path(begun[0][1])
            assert begun[0][0] == "--preset" and file.is_file()
            made.post_message(Started(recorded))
            await until(pilot, lambda: getattr(made.screen, "snapshot", None) is not None)
            made.post_message(Started(recorded.parent / "smoke"))
            await until(pilot, lambda: not file.exists())
            await until(pilot, lambda: isinstance(made.screen, Problem))  # there is no such lab
            await settle(pilot)

    asyncio.run(see())


def test_a_start_that_fails_says_what_the_command_says(nothing: Path) -> None:
    told: list[Any] = []
    (nothing / "labs").write_text("a file where a folder must be")
    starting.start(["--preset", "smoke"], nothing / "labs" / "smoke", told.append).join(60)
    assert isinstance(told[-1], StartFailed)
    assert "labs" in told[-1].error.line()


@pytest.mark.parametrize("view", ["2", "3"])
def test_copying_goes_to_the_terminal_and_to_a_file(training: Path, view: str) -> None:
    async def see() -> str:
        async with app(training) as (made, pilot):
            await pilot.press(view)
            await settle(pilot)
            await pilot.press("y")
            await settle(pilot)
            assert "copied" in text(made)
            return made.clipboard

    words = asyncio.run(see())
    assert words
    kept = settings.state_folder() / "copied.txt"
    assert kept.read_text("utf-8") == words + "\n"
    assert kept.stat().st_mode & 0o077 == 0


def test_leaving_names_the_way_back(training: Path, recorded: Path) -> None:
    with Watch(training) as watch:
        shot = watch.poll()
    assert shot is not None
    assert farewell([shot]) == "2 runs keep training: `scalelab attach labs/tiny` returns here"
    one = replace(shot, rows=tuple(row for row in shot.rows if row.run != "80x1-trunk-s0"))
    assert farewell([one]).startswith("1 run keeps training")
    assert farewell([replace(shot, alive=False)]) == ""
    odd = replace(shot, root=training.parents[1] / "my lab")
    assert "`scalelab attach 'my lab'`" in farewell([odd])
    assert "labs/tiny is being made" in farewell([], [training])


def test_a_lab_that_cannot_be_read_any_more_is_told_with_its_log(training: Path) -> None:
    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            # The change and the damage at once: between the two a look would find nothing new to read afterwards.
            store = sqlite3.connect(training / "lab.db", isolation_level=None)
            store.execute("BEGIN IMMEDIATE")
            store.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('x', 'y')")
            files = [os.open(training / f"lab.db{end}", os.O_RDWR) for end in ("", "-wal", "-shm")]
            store.execute("COMMIT")
            for file in files:
                os.pwrite(file, b"\xff" * os.fstat(file).st_size, 0)
                os.close(file)
            await until(pilot, lambda: isinstance(made.screen, Problem))
            await until(pilot, lambda: "/supervisor.log" in lines_of(made))
            await pilot.press("escape")
            await settle(pilot)
            assert not isinstance(made.screen, Problem)

    asyncio.run(see())


@pytest.mark.parametrize("theme", ["dark", "light", "ansi"])
def test_without_colour_every_theme_can_be_read(training: Path, monkeypatch: pytest.MonkeyPatch, theme: str) -> None:
    """Greys are colours too, and a light theme's paper on a dark terminal is no choice of its user."""
    monkeypatch.setenv("NO_COLOR", "1")

    async def see() -> None:
        async with app(training, chosen=settings.Settings(theme=theme)) as (made, _):
            styles = [each.style for strip in made.screen._compositor.render_strips() for each in strip if each.style]
            assert not [style for style in styles if style.color or style.bgcolor]
            assert any(style.bold for style in styles)

    asyncio.run(see())


def test_any_size_at_any_time(training: Path) -> None:
    draw = random.Random(4)

    async def see() -> None:
        async with app(training) as (made, pilot):
            for _ in range(25):
                await pilot.resize_terminal(draw.randint(20, 220), draw.randint(8, 60))
                await pilot.press(draw.choice("xlmzjkvp"))
            for width, height in SIZES:
                await pilot.resize_terminal(width, height)
                await settle(pilot)
                assert max(len(line) for line in text(made).splitlines()) <= width

    asyncio.run(see())


def test_a_storm_of_sizes_leaves_every_view_as_it_was(recorded: Path) -> None:
    """From 200×50 to 50×24 and back without waiting between: what stands then is what stood before."""

    async def see() -> None:
        async with app(recorded, size=(200, 50)) as (made, pilot):
            for digit in "12345":
                await pilot.press(digit)
                for _ in range(3):
                    await settle(pilot)
                    await made.workers.wait_for_complete()
                await settle(pilot)
                before = text(made)
                for size in ((50, 24), (200, 50)) * 6:
                    made.post_message(events.Resize(Size(*size), Size(*size)))
                    await pilot.pause()
                for _ in range(3):
                    await settle(pilot)
                    await made.workers.wait_for_complete()
                await until(pilot, lambda before=before: text(made) == before)

    asyncio.run(see())


def test_the_next_theme_and_the_next_glyphs(training: Path) -> None:
    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            await pilot.press("T")
            assert made.theme == "scalelab-light"
            await pilot.press("T", "T")
            assert made.theme == "scalelab-dark"
            await pilot.press("B", "B")
            await settle(pilot)
            assert made.glyphs == "ascii"
            assert "⠉" not in text(made)

    asyncio.run(see())


def test_ten_thousand_byte_strings_reach_no_terminal(training: Path) -> None:
    """As names, reasons, log lines and words of every bar and table: nothing that steers a terminal comes through."""
    draw = random.Random(7)
    strings = [draw.randbytes(draw.randint(1, 40)).decode("utf-8", "surrogateescape") for _ in range(10_000)]
    strings[:6] = ["\x1b[2J", "\x1b]52;c;eA==\x07", "\u202eabc", "a\u200bb", "[bold]x[/bold]", "\x9b31m"]
    log = training / "runs" / FAILED / "log.txt"
    log.write_bytes("\n".join(strings[:2000]).encode("utf-8", "surrogateescape"))
    row = next(row for row in Reader(training / "lab.db").runs() if row.run == FAILED)
    for line in run_log.lines(training, replace(row, reason=strings[1]), 60):
        assert harmless(line.plain)
    table = Table((Column(name="a", title="a", keep=0, left=True), Column(name="b", title="b", keep=1)))
    bar = Lines()
    with Watch(training) as watch:
        shot = watch.poll()
    assert shot is not None
    for number in range(0, len(strings), 4):
        one, two, three, four = strings[number : number + 4]
        bar.put(header.lines(replace(shot, name=one, fit_problem=two, assessment=None), 80, ("me@box",)))
        assert harmless(bar.text.replace("\n", ""))
        assert harmless(ScalelabError(three, todo=four).line())
        rows = [Row(key="a", cells={"a": one, "b": two}), Row(key="", cells={"heading": three})]
        table.put(rows)
    assert harmless(" ".join(words for words, _ in key_parts((), {}, 80)))


def test_hostile_words_in_the_real_screens(recorded: Path, tmp_path: Path) -> None:
    evil = "\x1b[31mred\x07\u202e[/foo] y"
    with Writer(recorded / "lab.db") as writer:
        writer.set_state(FAILED, 2, RunState.FAILED, evil)
        writer.set_meta("fit_problem", evil)
    strange = tmp_path / "labs" / "a\x1b[31m[b]"
    recorded.rename(strange)

    async def see() -> None:
        async with app(size=(120, 40)) as (made, pilot):
            assert harmless(text(made).replace("\n", ""))
            await pilot.press("enter")
            await until(pilot, lambda: getattr(made.screen, "snapshot", None) is not None)
            made.screen.query_one(Table).go(FAILED)
            for key in ("v", "y", "question_mark", "escape", "3", "2"):
                await pilot.press(key)
                await settle(pilot)
                assert harmless(text(made).replace("\n", ""))

    asyncio.run(see())


def test_a_line_of_the_list_reads_what_the_store_says(recorded: Path) -> None:
    line = read(recorded)
    assert isinstance(line, LabLine)
    assert (line.shown, line.state, line.progress) == ("labs/tiny", "stopped", "14 of 20, 1 failed")
    assert line.law.startswith("L = ")
    assert read(recorded / "nowhere").state == "unreadable"


def test_the_last_line_says_a_sentence_until_the_next_key(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            made.screen.say("something")  # type: ignore[attr-defined]
            assert made.screen.query_one(KeyBar).text == "something"
            await pilot.press("j")
            assert "leave" in made.screen.query_one(KeyBar).text

    asyncio.run(see())


def harmless(words: str) -> bool:
    """Whether nothing in it steers a terminal."""
    import unicodedata

    return not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for sign in words)


def test_the_app_opens_with_the_settings_of_nobody(nothing: Path) -> None:
    assert LabApp().theme == "scalelab-dark"


def test_words_can_be_marked_with_the_mouse(nothing: Path) -> None:
    async def see() -> None:
        async with app(preset="tiny", size=(100, 30)) as (made, pilot):
            await pilot.click("#plan-command", times=2)
            await settle(pilot)
            assert "scalelab run --preset tiny" in (made.screen.get_selected_text() or "")

    asyncio.run(see())
