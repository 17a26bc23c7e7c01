"""What nobody does on purpose: keys at random, screens of odd sizes, snapshots in any order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from scalelab.records import DeviceInfo
from scalelab.tui import keys
from scalelab.tui.views.law import LawView
from scalelab.tui.views.plan import PlanView
from scalelab.tui.views.predict import PredictView
from scalelab.tui.views.surface import SurfaceView
from tests.tui.views.host import Host, piloted, screen, settle
from tests.tui.views.shots import shot

VIEWS = {"plan": PlanView, "law": LawView, "surface": SurfaceView, "predict": PredictView}
TYPED = ["0", "9", "x", "k", "comma", "full_stop", "minus", "space", "backspace", "delete", "left", "right", "home",
         "end", "escape", "enter", "tab", "up", "down", "é", "漢"]  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
@piloted
async def test_keys_at_random_break_nothing(name: str, cpu: DeviceInfo, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("scalelab.lab.control.devices", lambda: [cpu])
    chance = random.Random(name)
    view = PlanView(base="tiny", devices=[cpu]) if name == "plan" else VIEWS[name]()
    own = [each for key in keys.of(name) for each in key.keys.split(",")]
    app = Host(view)
    async with app.run_test(size=(80, 24)) as pilot:
        if name != "plan":
            view.show(shot(20))
        view.focus()
        for _ in range(4):
            await pilot.press(*(chance.choice(own + TYPED) for _ in range(20)))
            await settle(pilot)
            assert len(screen(app).splitlines()) <= 24


@pytest.mark.parametrize("name", VIEWS)
@piloted
async def test_any_size_at_any_time(name: str, cpu: DeviceInfo) -> None:
    view = PlanView(base="tiny", devices=[cpu]) if name == "plan" else VIEWS[name]()
    app = Host(view)
    async with app.run_test(size=(80, 24)) as pilot:
        for finished, size in ((20, (8, 3)), (3, (300, 90)), (20, (50, 24)), (0, (20, 60)), (20, (149, 12))):
            await pilot.resize_terminal(*size)
            view.show(shot(finished))
            await settle(pilot)
            shown = screen(app).splitlines()
            assert len(shown) <= size[1]
