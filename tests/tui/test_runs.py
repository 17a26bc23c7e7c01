"""View 2: the table at every size, what its keys do, the chart's axes, and the log of a run that failed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from scalelab.figures import Along
from scalelab.lab.paths import lab_paths
from scalelab.records import RunState, Usage
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from scalelab.tui.app import LabApp
from scalelab.tui.charts.chart import Chart
from scalelab.tui.header import law_words
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.screens.start import StartScreen
from scalelab.tui.settings import Settings
from scalelab.tui.snapshot import Watch
from scalelab.tui.table import Table
from scalelab.tui.views import compare, run_rows, slots
from scalelab.tui.views.runs import RunsView
from tests.tui.conftest import FAILED
from tests.tui.screens import app, golden, settle, text, until


def view(made: LabApp) -> RunsView:
    return made.screen.query_one(RunsView)


def test_the_terminals_own_colours_show_the_same_words(training: Path) -> None:
    async def see() -> None:
        async with app(training, chosen=Settings(theme="ansi")) as (made, _):
            golden("runs-80x24", text(made))

    asyncio.run(see())


def test_ascii_alone_where_the_font_has_no_more(training: Path) -> None:
    async def see() -> None:
        async with app(training, chosen=Settings(glyphs="ascii")) as (made, pilot):
            shown = text(made)
            for sign in "━─▸●⠉│┤":
                assert sign not in shown
            await pilot.press("S")
            await settle(pilot)
            assert "> go on training" in text(made)

    asyncio.run(see())


def test_narrow_terminals_lose_whole_columns() -> None:
    from scalelab.tui.columns import Row, lay_out

    cells = {column.name: "1" * max(column.least, 3) for column in run_rows.COLUMNS}
    for width in range(20, 140):
        placed = lay_out(run_rows.COLUMNS, [Row(key="a", cells=cells)], width, {})
        assert sum(place.width for place in placed) <= width
        assert {"run", "loss"} <= {place.column.name for place in placed}


def test_a_halted_lab_has_no_speeds(recorded: Path) -> None:
    async def see() -> None:
        async with app(recorded, size=(120, 40)) as (made, _):
            shown = text(made)
            assert "halted" in shown
            assert "running" not in shown
            assert "tok/s" not in shown

    asyncio.run(see())


def test_losses_of_the_text_that_is_trained_on_are_told_from_held_out_ones(training: Path) -> None:
    with Watch(training) as watch:
        shot = watch.poll()
    assert shot is not None
    lines = {row.key: row for row in run_rows.rows(shot, shot.rows, (), run_rows.PLAIN)}
    for row in shot.rows:
        shown, ended = lines[row.run].cells["loss"], row.state is RunState.DONE
        assert shown.startswith("~") == (bool(shown) and not ended), row.run
        assert ("~ training loss" in run_rows.in_words(shot, row.run)) == shown.startswith("~")
        if ended:
            assert shown == f"{shot.evaluations[row.run][-1].loss:.4f}"
    assert lines["80x1-trunk-s0"].styles["loss"] == "faint"


def test_the_log_of_a_failed_run_and_why(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            view(made).query_one(Table).go(FAILED)
            await settle(pilot)
            assert "the worker died of signal 9 (killed)" in " ".join(text(made).split())
            await pilot.press("v")
            await settle(pilot)
            shown = text(made)
            assert r"RuntimeError: out of memory \x1b[31mred\x1b[0m" in shown
            assert "\x1b" not in shown
            await pilot.press("v")
            await settle(pilot)
            assert "RuntimeError" not in text(made)

    asyncio.run(see())


def test_focus_and_pins_choose_the_curves(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            chart = view(made)._chart
            everything = {series.name for series in chart.figure.series}  # type: ignore[union-attr]
            assert len(everything) > 10
            await pilot.press("enter")
            first = view(made)._table.cursor
            assert first in {series.name for series in chart.figure.series}  # type: ignore[union-attr]
            assert len(chart.figure.series) <= 2  # type: ignore[union-attr]
            await pilot.press("p", "j", "j")
            coloured = [each.name for each in chart.figure.series if each.colour is not None]  # type: ignore[union-attr]
            assert set(coloured) == {first, view(made)._table.cursor}
            await pilot.press("u")
            assert {series.name for series in chart.figure.series} == everything  # type: ignore[union-attr]

    asyncio.run(see())


def test_axes_and_smoothing(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            chart = view(made)._chart
            labels = []
            for _ in Along:
                labels.append(chart.figure.x.label)  # type: ignore[union-attr]
                await pilot.press("x")
            assert len(set(labels)) == 4
            logs = chart.figure.x.log, chart.figure.y.log  # type: ignore[union-attr]
            await pilot.press("l", "L")
            assert (chart.figure.x.log, chart.figure.y.log) == (not logs[0], not logs[1])  # type: ignore[union-attr]
            raw = len(chart.figure.series)  # type: ignore[union-attr]
            await pilot.press("m")
            # The raw losses stay visible below their means.
            assert len(chart.figure.series) == 2 * raw  # type: ignore[union-attr]
            await pilot.press("m", "m")
            assert len(chart.figure.series) == raw  # type: ignore[union-attr]

    asyncio.run(see())


def test_filter_by_letters(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("slash", "f", "a", "i", "l")
            await settle(pilot)
            assert view(made)._table.keys == [FAILED]
            await pilot.press("enter", "j")
            await settle(pilot)
            assert "filter fail: / then esc shows all runs" in text(made)
            await pilot.press("slash")
            await settle(pilot)
            assert "fail\n" in text(made) and "shows all runs" not in text(made)
            await pilot.press("escape")
            await settle(pilot)
            assert "filter fail" not in text(made)
            assert len(view(made)._table.keys) == 25

    asyncio.run(see())


def test_zoom_and_order(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            urgent = view(made)._table.keys
            await pilot.press("o")
            assert view(made)._table.keys == list(_planned(training))
            await pilot.press("o")
            assert view(made)._table.keys == urgent
            await pilot.press("z")
            await settle(pilot)
            assert "progress" not in text(made)
            await pilot.press("z")
            await settle(pilot)
            assert "nats a token" not in text(made)
            await pilot.press("z")
            await settle(pilot)
            golden("runs-80x24", text(made))

    asyncio.run(see())


def test_a_cursor_reads_the_curves(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("c", "left", "left")
            await settle(pilot)
            assert view(made)._chart.reading() is not None
            await pilot.press("escape")
            assert view(made)._chart.reading() is None
            assert view(made)._table.has_focus

    asyncio.run(see())


def test_new_points_change_their_cells_and_the_cursor_stays(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("j")
            run = view(made)._table.cursor
            with Reader(training / "lab.db") as reader:
                last = reader.latest_points()["80x1-trunk-s0"]
            with Writer(training / "lab.db") as writer:
                writer.write([replace(last, step=last.step + 1, loss=1.25)])
            await until(pilot, lambda: "~1.250" in text(made))
            assert view(made)._table.cursor == run

    asyncio.run(see())


def test_names_from_outside_never_reach_the_terminal(training: Path) -> None:
    with Watch(training) as watch:
        shot = watch.poll()
    assert shot is not None
    evil = "\x1b[2J\x07\u202eabc\x00[/red]"
    rows = tuple(replace(row, reason=evil, spec=replace(row.spec, run=evil + row.run, rung=evil)) for row in shot.rows)
    hostile = replace(shot, rows=rows, name=evil)

    async def see() -> None:
        async with app(training) as (made, pilot):
            made.screen.snapshot = hostile  # type: ignore[attr-defined]
            made.screen._draw_header()  # type: ignore[attr-defined]
            view(made).show(hostile)
            await pilot.press("j", "v", "k")
            await settle(pilot)
            assert not {sign for sign in text(made) if sign != "\n" and (ord(sign) < 32 or sign == "\u202e")}

    asyncio.run(see())


def _planned(lab: Path) -> list[str]:
    with Reader(lab / "lab.db") as reader:
        assert any(row.state is RunState.FAILED for row in reader.runs())
        return [row.run for row in reader.runs()]


def test_pinned_runs_stand_alone_with_their_differences_at_one_d(training: Path) -> None:
    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            for run in ("12x1-D150k-s0", "20x1-D300k-s0", "32x1-D150k-s0"):
                view(made)._table.go(run)
                await pilot.press("p")
            await settle(pilot)
            golden("runs-compared-120x40", text(made))
            chart = view(made)._chart
            colours = [each.colour for each in chart.figure.series if each.colour is not None]  # type: ignore[union-attr]
            assert len(set(colours)) == len(colours) == 3
            await pilot.press("y")
            assert made.clipboard.startswith("at D = 150k, which all have seen")
            await pilot.press("u")
            await settle(pilot)
            assert "which all have seen" not in text(made)
            await pilot.press("u")
            await settle(pilot)
            assert "no run is pinned" in text(made)

    asyncio.run(see())


def test_runs_are_compared_at_what_all_have_seen_along_their_trunks(training: Path) -> None:
    with Watch(training) as watch:
        shot = watch.poll()
    assert shot is not None
    tokens, told = compare.compared(shot, ["12x1-D1.2M-s0", "12x1-D150k-s0", "nobody"])
    assert tokens == shot.row("12x1-D150k-s0").spec.n_tokens  # type: ignore[union-attr]
    assert [each.run for each in told] == ["12x1-D1.2M-s0", "12x1-D150k-s0"]
    trunk = shot.curves["12x1-trunk-s0"]
    near = trunk.loss[(trunk.n_tokens > 0.95 * tokens) & (trunk.n_tokens <= tokens)]
    assert told[0].loss == pytest.approx(float(near.mean()))  # its own curve begins far behind that D
    own = shot.curves["12x1-D150k-s0"].loss
    assert told[1].loss == pytest.approx(float(own[shot.curves["12x1-D150k-s0"].n_tokens > 0.95 * tokens].mean()))


def test_how_the_devices_are_used_is_told_while_it_trains(training: Path) -> None:
    with Watch(training) as watch:
        shot = watch.poll()
    assert shot is not None
    used = {
        slot: Usage(slot=slot, device="cpu", time=1000.0, memory_used=300 * 10**6, memory_total=8 * 10**9,
                    utilisation=busy)
        for slot, busy in ((0, 1.0), (1, 0.9))
    }  # fmt: skip
    seen = replace(shot, usage=used)
    words = slots.words(seen, 1005.0)
    assert words[0] == "cpu 95 % busy, 600 MB of 8.0 GB in 2 slots"
    assert words[1].endswith("tok/s") and words[2].startswith("MFU ")
    assert slots.words(seen, 1100.0) == words[1:]  # what was told long ago is not true
    assert slots.words(replace(seen, alive=False), 1005.0) == []
    card = Usage(slot=0, device="cuda:0", time=1000.0, memory_used=2**34, memory_total=80 * 10**9, utilisation=None)
    assert slots.words(replace(seen, usage={0: card}), 1001.0)[0] == "cuda:0 17 GB of 80 GB"

    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            now = replace(seen, usage={slot: replace(each, time=made.now()) for slot, each in used.items()})
            view(made).show(now)
            await settle(pilot)
            assert "cpu 95 % busy, 600 MB of 8.0 GB in 2 slots · " in text(made)

    asyncio.run(see())


def test_row_17_a_device_that_vanished_is_told_with_its_reason_and_a_session_that_ended_early_says_why(
    training: Path,
) -> None:
    evil = "CUDA error: \x1b[2J ECC"
    with Writer(lab_paths(training).store) as writer:
        writer.set_meta("set_aside", json.dumps([{"device": "cuda:1", "reason": evil, "time": 1.0}]))
        writer.set_meta("session_problem", f"crash loop: {evil}")
    with Watch(training) as watch:
        shot = watch.poll()
    assert shot is not None and shot.set_aside == {"cuda:1": evil}
    (words,) = slots.words(replace(shot, alive=False), 1005.0)
    assert words == "cuda:1 is set aside: CUDA error: \\x1b[2J ECC"
    assert slots.words(shot, 1005.0)[0] == words and shot.problem == "", "it trains"
    assert law_words(replace(shot, problem=evil)) == "ended early: CUDA error: \\x1b[2J ECC"


@pytest.mark.parametrize(("keys", "chart"), [("z", "chart"), ("3v", "law-loss")])
def test_escape_leads_from_a_chart_that_stands_alone_to_the_labs(training: Path, keys: str, chart: str) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press(*keys)
            shown = made.screen.query_one(f"#{chart}", Chart)
            await until(pilot, lambda: shown.figure is not None)
            await settle(pilot)
            await pilot.press("right")
            await settle(pilot)
            assert shown.reading() is not None
            await pilot.press("escape")
            await settle(pilot)
            assert shown.reading() is None and isinstance(made.screen, LabScreen)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(made.screen, StartScreen))

    asyncio.run(see())
