from __future__ import annotations

import pytest

from scalelab.tui.charts.chart import Chart
from scalelab.tui.views import law_figures, law_words
from scalelab.tui.views.law import LawView
from scalelab.tui.views.page import Page
from tests.tui.views.host import SIZES, Host, golden, piloted, screen, settle
from tests.tui.views.shots import hostile, shot

EVIL = "a\x1b[31m [/b] \u202e b\x07"


@pytest.mark.parametrize("size", SIZES)
@piloted
async def test_the_law_at_every_size(size: tuple[int, int]) -> None:
    app = Host(LawView())
    async with app.run_test(size=size) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await settle(pilot)
        shown = screen(app)
        assert "The law: " in shown and "[0." in shown
        assert app.query_one("#law-loss", Chart).display == (size[0] >= 120)
        golden(f"law-{size[0]}x{size[1]}", shown)


@pytest.mark.parametrize("finished", [0, 3, 8, 16])
@piloted
async def test_few_runs(finished: int) -> None:
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(finished))  # type: ignore[attr-defined]
        await settle(pilot)
        shown = screen(app)
        assert ("No law yet" in shown) == (finished < 8)
        if finished < 8:
            assert f"{finished} of 20 points are finished" in shown
            golden(f"law-{finished}-80x24", shown)


@piloted
async def test_panes_one_after_another() -> None:
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await settle(pilot)
        seen = []
        for _ in range(4):
            await pilot.press("v")
            await pilot.pause()
            seen.append(screen(app).partition("\n")[0])
        assert seen[0].startswith("loss against compute") and seen[1].startswith("residuals")
        assert seen[2].startswith("exponents of") and "The law:" in seen[3]


@piloted
async def test_words_scroll_and_stay_where_they_are_when_nothing_changes() -> None:
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        app.view.focus()
        await settle(pilot)
        page = app.query_one(Page)
        await pilot.press("j", "j", "k", "space")
        before = page.scroll_offset.y
        assert before > 1
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await pilot.pause()
        assert page.scroll_offset.y == before
        await pilot.press("G")
        await pilot.pause()
        assert "diverged: the loss is NaN" in screen(app)
        await pilot.press("g")
        assert page.scroll_offset.y == 0


@piloted
async def test_a_cursor_reads_the_chart_and_gives_the_keys_back() -> None:
    app = Host(LawView())
    async with app.run_test(size=(120, 40)) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        app.view.focus()
        await settle(pilot)
        await pilot.press("c", "left")
        await pilot.pause()
        assert app.query_one("#law-loss", Chart).reading() is not None
        await pilot.press("escape")
        await pilot.pause()
        assert app.focused is app.query_one(Page)


@piloted
async def test_another_fit_is_drawn() -> None:
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(8))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "chinchilla-tied" in screen(app).partition("\n")[0]
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "coupled" in screen(app).partition("\n")[0]


@piloted
async def test_outside_text_is_harmless_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host(LawView())
    async with app.run_test(size=(200, 50)) as pilot:
        app.view.show(hostile(shot(20), EVIL))  # type: ignore[attr-defined]
        await settle(pilot)
        shown = screen(app) + "\n".join(app.query_one(Page).plain)
        assert not set(shown) & {"\x1b", "\x07", "\u202e"} and "[/b]" in shown


def test_how_the_exponents_moved() -> None:
    past = shot(20).history
    lines = [line.plain for line in law_words.moved(past, "coupled", 80)]
    assert "as runs came in" in lines[0] and lines[1].split()[0] == "runs"
    assert [line.split()[0] for line in lines[2:4]] == ["16", "20"]
    assert "chinchilla-tied at 8" in "".join(lines)
    assert law_words.moved(past[:1], "coupled", 80) == []
    figure = law_figures.history(past, "coupled")
    assert figure is not None and [series.label for series in figure.series] == ["α", "β", "κ"]
    assert law_figures.history(past[:1], "coupled") is None
