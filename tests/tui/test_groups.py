"""A lab of several groups in the app: the law of one at a time, by a key, in every view; and its line for a shell."""

from __future__ import annotations

import asyncio
import json
import shlex
from pathlib import Path

import pytest

from scalelab.cli.main import main
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.snapshot import Watch
from tests.tui.labs import DEARER
from tests.tui.screens import app, settle, text, until


def test_a_key_goes_through_the_groups_and_every_view_tells_the_one_that_is_shown(grouped: Path) -> None:
    async def see() -> None:
        async with app(grouped, size=(120, 40)) as (made, pilot):
            laws = []
            for group in ("plain", "noisy", "plain"):
                await until(pilot, lambda group=group: f"both · {group}" in text(made))
                laws.append(text(made).splitlines()[1].split("   ")[0])
                await pilot.press("f")
            assert laws[0] == laws[2] != laws[1]
            await until(pilot, lambda: "both · noisy" in text(made))
            for key, sign in (("3", "The law: "), ("4", "nearest run noisy."), ("5", "law by law")):
                await pilot.press(key)
                await until(pilot, lambda sign=sign: sign in text(made))
            await pilot.press("F")
            await until(pilot, lambda: "both · plain" in text(made))

    asyncio.run(see())


def test_a_lab_of_one_text_has_no_such_key(recorded: Path) -> None:
    async def see() -> None:
        async with app(recorded) as (made, pilot):
            screen = made.screen
            assert isinstance(screen, LabScreen)
            assert not {"lab.group", "lab.group_before"} & {key.id for key in screen.offered()}
            before = screen.snapshot
            await pilot.press("f")
            await settle(pilot)
            assert screen.snapshot is before

    asyncio.run(see())


def test_the_points_of_a_law_are_those_of_its_group(grouped: Path) -> None:
    with Watch(grouped) as watch:
        shots = {}
        for group in ("plain", "noisy"):
            watch.group = group
            found = watch.poll()
            shots[group] = found or watch.snapshot
    for group, shot in shots.items():
        assert shot.group == group and len(shot.own_finals) == 9 and len(shot.rows) == 24
        assert shot.runs is not None and all(run.startswith(f"{group}.") for run in shot.runs.run_id)
    plain, noisy = (shot.assessment for shot in shots.values())
    assert plain is not None and noisy is not None
    here = plain.predict(50_000.0, 160_000.0).loss, noisy.predict(50_000.0, 160_000.0).loss
    assert here[1] / here[0] == pytest.approx(DEARER, abs=0.01)


def test_the_line_of_the_card_fits_the_group_again(grouped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def see() -> str:
        async with app(grouped, size=(120, 40)) as (made, pilot):
            await pilot.press("f", "3", "V")
            await until(pilot, lambda: "both · noisy" in text(made) and "The card of" in text(made))
            await pilot.press("y")
            await settle(pilot)
            return made.clipboard

    line, *card = asyncio.run(see()).splitlines()
    assert main([*shlex.split(line)[1:], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    kept = next(each.partition("SHA-256 ")[2] for each in card if each.startswith("# data"))
    assert again["card"]["data_hash"] == kept
