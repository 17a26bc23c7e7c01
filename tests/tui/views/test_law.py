from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from scalelab import laws
from scalelab.laws.card import data_hash
from scalelab.tui.charts.chart import Chart
from scalelab.tui.views import law, law_figures, law_words
from scalelab.tui.views.base import DRAWS
from scalelab.tui.views.law import PANES, LawChart, LawView
from scalelab.tui.views.page import Page
from scalelab.tui.views.subject import subject_of
from tests.tui.looks import LOOKS, use
from tests.tui.views.host import SIZES, Host, golden, kept, piloted, same, screen, settle, until_working
from tests.tui.views.shots import hostile, shot

EVIL = "a\x1b[31m [/b] \u202e b\x07"


@pytest.mark.parametrize(("size", "colours"), LOOKS)
@piloted
async def test_the_law_pane_by_pane_in_every_look(
    size: tuple[int, int], colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(colours, monkeypatch)
    app = Host(LawView())
    async with app.run_test(size=size) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        shown = await kept(app, pilot, "law")
        assert "The law: " in shown and "[0." in shown
        assert app.query_one("#law-loss", Chart).display == (size[0] >= 120)
        for pane in PANES[1:]:
            await pilot.press("v")
            await same(app, pilot, f"law-{pane}")


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
        for _ in PANES:
            await pilot.press("v")
            await settle(pilot)
            seen.append(screen(app).splitlines()[1])
        titles = ["loss against compute", "residuals", "error on held-back runs", "exponents of",
                  "how the best N and D", "the best N and D"]  # fmt: skip
        assert [title for title, line in zip(titles, seen, strict=False) if not line.startswith(title)] == []
        assert seen[-2].strip().startswith("The card of coupled") and "The law:" in seen[-1]
        await pilot.press(*["V"] * 2)
        await settle(pilot)
        assert "no three runs of one compute" in screen(app)


@pytest.mark.parametrize("size", SIZES)
@piloted
async def test_the_card_says_how_it_was_fitted_and_is_copied(size: tuple[int, int]) -> None:
    app = Host(LawView())
    async with app.run_test(size=size) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await pilot.press("V")
        await settle(pilot)
        assert "huber: the sum of Huber's loss" in " ".join(" ".join(app.query_one("#law-card", Page).plain).split())
        assert "The card of coupled" in screen(app)
        command = app.view.copied().partition("\n")[0]  # type: ignore[attr-defined]
        assert command.startswith("scalelab fit ") and "--level 0.95" in command
        assert f"# data: SHA-256 {data_hash(shot(20).runs)}" in app.view.copied()  # type: ignore


@pytest.mark.parametrize("size", SIZES)
@piloted
async def test_a_law_of_other_runs_than_are_there_has_no_card_and_all_else(size: tuple[int, int]) -> None:
    """A run was begun again, and whoever opens the lab comes before the next fit."""
    app = Host(LawView())
    async with app.run_test(size=size) as pilot:
        app.view.show(replace(shot(20), runs=shot(19).runs))  # type: ignore[attr-defined]
        for _ in PANES[1:]:
            await pilot.press("v")
            await settle(pilot)
            assert screen(app).strip()
        assert "The law is of 20 runs and 19 are finished" in " ".join(screen(app).split())
        assert app.view.copied().startswith("The law is of 20 runs")  # type: ignore[attr-defined]


@piloted
async def test_the_card_of_a_group_names_the_group() -> None:
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(replace(shot(20), groups=("plain", "noisy"), group="noisy"))  # type: ignore[attr-defined]
        await pilot.press("V")
        await settle(pilot)
        card = "\n".join(app.query_one("#law-card", Page).plain)
        assert "--where group=noisy" in card and "where=['group=noisy']" in " ".join(card.split())
        assert " --where group=noisy " in app.view.copied().partition("\n")[0]  # type: ignore[attr-defined]


@piloted
async def test_the_card_of_the_recording_that_ships_has_no_line_to_copy() -> None:
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(replace(shot(20), recorded="-"))  # type: ignore[attr-defined]
        await pilot.press("V")
        await settle(pilot)
        assert "no line fits them again" in " ".join(app.query_one("#law-card", Page).plain)
        assert app.view.copied().startswith("# form: coupled")  # type: ignore[attr-defined]
        app.view.show(replace(shot(20), recorded="labs/mine", alive=False))  # type: ignore[attr-defined]
        assert app.view.copied().startswith("scalelab fit labs/mine ")  # type: ignore[attr-defined]


@piloted
async def test_until_figures_are_there_no_other_groups_and_no_old_reason_stands_in_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, slow, real = Host(LawView()), threading.Event(), law_figures.build
    async with app.run_test(size=(120, 40)) as pilot:
        app.view.show(shot(0))  # type: ignore[attr-defined]
        await settle(pilot)
        monkeypatch.setattr(law_figures, "build", lambda name, *rest: (slow.wait(10), real(name, *rest))[1])
        chart = app.query_one("#law-loss", LawChart)
        app.view.show(shot(16))  # type: ignore[attr-defined]
        await pilot.pause()
        assert chart.figure is None and chart.empty == DRAWS
        slow.set()
        await settle(pilot)
        first = chart.figure
        slow.clear()
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await pilot.pause()
        assert chart.figure is first is not None
        app.view.show(replace(shot(16), group="other", groups=("", "other")))  # type: ignore[attr-defined]
        await pilot.pause()
        assert chart.figure is None and chart.empty == DRAWS
        slow.set()
        await settle(pilot)
        assert chart.figure is not None


@piloted
async def test_what_is_computed_of_a_group_that_is_left_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    app, slow, real = Host(LawView()), threading.Event(), law.grown
    monkeypatch.setattr(law, "grown", lambda subject: (slow.wait(10), real(subject))[1])
    async with app.run_test(size=(120, 40)) as pilot:
        app.view.show(shot(16))  # type: ignore[attr-defined]
        await until_working(app, pilot)
        app.view.show(replace(shot(0), group="other", groups=("", "other")))  # type: ignore[attr-defined]
        slow.set()
        await settle(pilot)
        assert app.query_one("#law-loss", LawChart).figure is None
        assert "No law yet" in screen(app) and "L = " not in screen(app)


@piloted
async def test_figures_are_built_when_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    real = law_figures.build
    monkeypatch.setattr(law_figures, "build", lambda name, *rest: (built.append(name), real(name, *rest))[1])
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await settle(pilot)
        assert built == []
        await pilot.press("v", "v", "V")
        await settle(pilot)
        assert built == ["loss", "misses"]
        app.view.show(shot(16))  # type: ignore[attr-defined]
        await settle(pilot)
        assert built == ["loss", "misses", "loss"]


def test_every_run_that_is_left_out_is_told_with_its_reason() -> None:
    seen = shot(20)
    told = tuple(laws.Exclusion(run=f"run-{number}", reason=f"reason {number}") for number in range(40))
    subject = subject_of(seen)
    assert subject is not None
    many = replace(subject, assessment=replace(subject.assessment, excluded=told, n_excluded=40))
    lines = " ".join(line.plain.strip() for line in law_words.left_out(many, 80))
    assert all(f"run-{number}: reason {number}" in lines for number in range(40))


@piloted
async def test_words_scroll_and_stay_where_they_are_when_nothing_changes() -> None:
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        app.view.focus()
        await settle(pilot)
        page = app.query_one("#law-words", Page)
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
        assert app.focused is app.query_one("#law-words", Page)


@piloted
async def test_another_fit_is_drawn() -> None:
    app = Host(LawView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(8))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "chinchilla-tied" in screen(app).splitlines()[1]
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "coupled" in screen(app).splitlines()[1]


@piloted
async def test_outside_text_is_harmless_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host(LawView())
    async with app.run_test(size=(200, 50)) as pilot:
        app.view.show(hostile(shot(20), EVIL))  # type: ignore[attr-defined]
        await settle(pilot)
        shown = screen(app) + "\n".join(app.query_one("#law-words", Page).plain)
        assert not set(shown) & {"\x1b", "\x07", "\u202e"} and "[/b]" in shown


def test_how_the_exponents_moved() -> None:
    past = shot(20).history
    lines = [line.plain for line in law_words.moved(past, "coupled", 80)]
    assert "as runs came in" in lines[0] and lines[1].split()[0] == "runs"
    assert [line.split()[0] for line in lines[2:4]] == ["16", "20"]
    assert "chinchilla-tied at 8" in "".join(lines)
    assert law_words.moved(past[:1], "coupled", 80) == []
    assert lines[1].split()[-2:] == ["a", "b"] or "a" in lines[5].split()
    figure = law_figures.history(past, "coupled")
    assert figure is not None and [series.label for series in figure.series] == ["α", "β", "κ"]
    assert law_figures.history(past[:1], "coupled") is None
    growing = law_figures.growth(past, "coupled")
    assert growing is not None and [series.label[0] for series in growing.series] == ["a", "b"]
    a, b = (series.y for series in growing.series)
    assert a + b == pytest.approx(1.0, abs=0.02)  # C is nearly 6·N·D
    assert law_figures.growth(past[:1], "coupled") is None
