from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest

from scalelab.report.known import NOTHING, Known
from scalelab.tui.views import surface as surface_module
from scalelab.tui.views import surface_words
from scalelab.tui.views.base import DRAWS
from scalelab.tui.views.page import Page
from scalelab.tui.views.subject import subject_of
from scalelab.tui.views.surface import ReadMap, SurfaceView
from tests.tui.looks import LOOKS, use
from tests.tui.views.host import Host, golden, kept, piloted, screen, settle, until_working
from tests.tui.views.shots import hostile, shot

EVIL = "a\x1b[31m [/b] \u202e b\x07"


@pytest.mark.parametrize(("size", "colours"), LOOKS)
@piloted
async def test_the_surface_in_every_look(size: tuple[int, int], colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(colours, monkeypatch)
    app = Host(SurfaceView())
    async with app.run_test(size=size) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        shown = await kept(app, pilot, "surface")
        assert "loss by coupled" in shown and "nearest run 80x1-D1.2M-s0" in shown
        assert "best N and D at ten times" in shown
        await pilot.press("n", "n", "l")
        assert "its N" in await kept(app, pilot, "surface-cursor")


@pytest.mark.parametrize("finished", [0, 3])
@piloted
async def test_before_a_law_it_says_what_to_do(finished: int) -> None:
    app = Host(SurfaceView())
    async with app.run_test(size=(50, 24)) as pilot:
        app.view.show(shot(finished))  # type: ignore[attr-defined]
        await settle(pilot)
        golden(f"surface-{finished}-50x24", screen(app))


@piloted
async def test_until_the_map_is_there_no_other_groups_and_no_old_reason_stands_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = Host(SurfaceView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(0))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "0 of 20 points are finished" in screen(app)
        map_, slow = app.query_one(ReadMap), threading.Event()
        real = surface_module.surface_of
        monkeypatch.setattr(surface_module, "surface_of", lambda subject: (slow.wait(10), real(subject))[1])
        app.view.show(shot(16))  # type: ignore[attr-defined]
        await pilot.pause()
        assert map_.surface is None and map_.empty == DRAWS
        slow.set()
        await settle(pilot)
        assert map_.surface is not None
        slow.clear()
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await pilot.pause()
        assert map_.surface is not None  # that of the law before
        app.view.show(replace(shot(16), group="other", groups=("", "other")))  # type: ignore[attr-defined]
        await pilot.pause()
        assert map_.surface is None and map_.empty == DRAWS
        slow.set()
        await settle(pilot)
        assert map_.surface is not None
        slow.clear()
        app.view.show(shot(20))  # type: ignore[attr-defined]
        await until_working(app, pilot)
        app.view.show(replace(shot(0), group="other", groups=("", "other")))  # type: ignore[attr-defined]
        slow.set()
        await settle(pilot)
        assert map_.surface is None  # what was computed of the other group came too late


@piloted
async def test_the_cursor_reads_and_goes_from_run_to_run() -> None:
    app = Host(SurfaceView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(20))  # type: ignore[attr-defined]
        app.view.focus()
        await settle(pilot)
        await pilot.press("n")
        await pilot.pause()
        assert "on run 12x1-D150k-s0: loss" in screen(app)
        await pilot.press("N")
        await pilot.pause()
        assert "on run 80x1-D1.2M-s0: loss" in screen(app)
        before = app.query_one(ReadMap).point
        await pilot.press("h", "j")
        await pilot.pause()
        after = app.query_one(ReadMap).point
        assert before is not None and after is not None and after[0] < before[0] and after[1] < before[1]
        await pilot.press("o")
        await pilot.pause()
        assert app.query_one(ReadMap).point is None and "ten times" in screen(app)


@piloted
async def test_outside_text_is_harmless_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host(SurfaceView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(hostile(shot(20), EVIL))  # type: ignore[attr-defined]
        await settle(pilot)
        await pilot.press("n")
        assert not set(screen(app)) & {"\x1b", "\x07", "\u202e"}


def test_what_stands_under_the_cursor() -> None:
    subject = subject_of(shot(20))
    assert subject is not None
    n_params, n_tokens = 60_000.0, 1e6
    told = subject.assessment.predict(n_params, n_tokens)
    lines = [line.plain for line in surface_words.reading(subject, NOTHING, n_params, n_tokens, 100)]
    assert lines[0].startswith("N = 60k   D = 1M   (16.7 tokens a parameter)   C = ")
    assert f"{told.loss:.2f}" in lines[1] and "by the mean of" in lines[1]
    assert "nearest run 48x1-D1.2M-s0" in lines[2]
    timed = surface_words.reading(subject, Known(flops_per_second=1e9), n_params, n_tokens, 100)
    assert "on one slot as measured here" in " ".join(line.plain for line in timed)
    far = surface_words.reading(subject, NOTHING, 1e9, 1e11, 100)
    assert "is a guess" in "".join(line.plain for line in far)
    assert math.isfinite(told.low)


def test_the_page_keeps_its_place() -> None:
    assert Page().plain == []
