"""Tasks, texts and groups in the plan's view, by its keys: chosen, seen, edited in place, started, saved."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scalelab import preset_files
from scalelab.records import DeviceInfo
from scalelab.tui.views.plan import PlanView
from scalelab.tui.views.sheet import Sheet
from tests.tui.looks import LOOKS, use
from tests.tui.views.host import Host, kept, piloted, screen, settle
from tests.tui.views.shots import shot
from tests.tui.views.test_plan import _elsewhere, _problem, _to, _type, _value

__all__ = ["_elsewhere"]


def shows(base: str, cpu: DeviceInfo) -> Host:
    return Host(PlanView(base=base, devices=[cpu]))


def command(app: Host) -> str:
    return app.view.command  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(("size", "colours"), LOOKS)
@piloted
async def test_groups_in_every_look(
    size: tuple[int, int], colours: str, cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(colours, monkeypatch)
    app = shows("augment", cpu)
    async with app.run_test(size=size) as pilot:
        await _to(pilot, "groups[2].augment")
        await kept(app, pilot, "plan-groups")


@pytest.mark.parametrize(("size", "colours"), LOOKS)
@piloted
async def test_pairs_in_every_look(
    size: tuple[int, int], colours: str, cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(colours, monkeypatch)
    app = shows("qa", cpu)
    async with app.run_test(size=size) as pilot:
        await _type(pilot, "corpus.source", "hf:rajpurkar/squad#context,question,answers.text")
        await kept(app, pilot, "plan-pairs")


@piloted
async def test_a_task_is_chosen_and_what_it_brings_stands_in_the_command(cpu: DeviceInfo) -> None:
    app = shows("tiny", cpu)
    async with app.run_test(size=(120, 40)) as pilot:
        await _to(pilot, "task")
        await pilot.press("l")
        await settle(pilot)
        assert (_value(app, "task"), _value(app, "corpus.source")) == ("translation", "conlang")
        assert "--set task=translation --set corpus.source=conlang --set model.context=32" in command(app)
        assert "20 points" in screen(app)
        await pilot.press("l", "l")
        await settle(pilot)
        assert "--set" not in command(app)


@piloted
async def test_corpora_are_gone_through_and_nobody_asks_the_hub(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **_: asked.append(words))
    app = shows("tiny", cpu)
    async with app.run_test(size=(120, 40)) as pilot:
        await _to(pilot, "corpus.source")
        seen = []
        for _ in range(8):
            seen.append(_value(app, "corpus.source"))
            assert _problem(app, "corpus.source") == ""
            await pilot.press("l")
            await settle(pilot)
        assert seen == ["sotu", "python", "wikitext-103", "openwebtext", "c4", "fineweb", "fineweb-edu", "tinystories"]
        for typed in ("hf:owner/name:config@main#body", "fineweb:CC-MAIN-2024-10", "wikitext-103=0.7,python=0.3"):
            await _type(pilot, "corpus.source", typed)
            assert f"corpus.source={typed}" in command(app).replace("'", "")
            assert _problem(app, "corpus.source") == ""
        await _type(pilot, "corpus.source", "wikitext-13")
        assert "did you mean wikitext-103" in _problem(app, "corpus.source")
    assert [each for each in asked if not isinstance(each, str)] == []


@piloted
async def test_groups_are_added_changed_and_taken_out_in_place(cpu: DeviceInfo) -> None:
    app = shows("tiny", cpu)
    async with app.run_test(size=(80, 24)) as pilot:
        await _to(pilot, "groups")
        await pilot.press("a", "a")
        await settle(pilot)
        await _type(pilot, "groups[1].name", "noisy")
        await _to(pilot, "groups[1].augment")
        await pilot.press("l", "l", "l")
        await settle(pilot)
        await _type(pilot, "groups[1].unique_tokens", "100k")
        assert 'name = "noisy", augment = ["char-noise=0.02"], unique_tokens = "100k"' in command(app)
        assert "40 points in 2 groups" in screen(app)
        await _to(pilot, "groups[1].name")
        await pilot.press("x")
        await settle(pilot)
        assert "20 points in 1 group " in screen(app)
        assert app.query_one(Sheet).field.key == "groups[0].name"  # type: ignore[union-attr]
        await pilot.press("x")
        await settle(pilot)
        assert "--set" not in command(app) and app.query_one(Sheet).field.key == "groups"  # type: ignore[union-attr]


@piloted
async def test_details_stand_under_the_group_that_the_cursor_is_on(cpu: DeviceInfo) -> None:
    app = shows("augment", cpu)
    async with app.run_test(size=(80, 24)) as pilot:
        await _to(pilot, "groups[0].name")
        sheet = app.query_one(Sheet)
        assert {field.under for field in sheet.fields} == {"", "groups[0].name"}
        await pilot.press(*"jjjjj")
        await settle(pilot)
        assert sheet.field.key == "groups[1].name"  # type: ignore[union-attr]
        assert {field.under for field in sheet.fields} == {"", "groups[1].name"}
        await _type(pilot, "groups[1].copies", "0")
        await _to(pilot, "groups[4].name")
        assert "at least 1" in screen(app), "what is wrong is shown wherever the cursor is"


@piloted
async def test_a_command_too_long_for_its_place_says_how_to_have_it(cpu: DeviceInfo) -> None:
    app = shows("augment", cpu)
    async with app.run_test(size=(80, 24)) as pilot:
        await _type(pilot, "groups[2].copies", "4")
        shown = screen(app)
        assert "y copies it all, w saves a preset" in shown
        whole = command(app)
        assert (
            preset_files.load("augment", [whole.split("--set ")[1].split(" --lab")[0].strip("'")]).groups[2].copies == 4
        )
        await pilot.press("w", *"mine", "enter")
        await settle(pilot)
        assert "saved as mine.toml" in screen(app)
        assert command(app) == "scalelab run --preset mine.toml --lab labs/mine"
        assert [group.copies for group in preset_files.load("mine.toml").groups] == [1, 1, 4, 8, 8, 8]


@piloted
async def test_of_a_lab_its_task_and_its_groups_are_told(cpu: DeviceInfo) -> None:
    app = shows("tiny", cpu)
    async with app.run_test(size=(120, 40)) as pilot:
        app.view.show(replace(shot(3), preset=preset_files.load("augment")))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "chars     100k       8  1.5×  sotu, char-noise=0.02" in screen(app)
        app.view.show(replace(shot(3), root=Path("/labs/other"), preset=preset_files.load("qa")))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "· qa · " in screen(app)
        await pilot.press("n")
        await settle(pilot)
        assert "preset.toml" in command(app)


@piloted
async def test_what_is_asked_for_has_task_text_and_groups(cpu: DeviceInfo, tmp_path: Path) -> None:
    app = shows("tiny", cpu)
    async with app.run_test(size=(80, 24)) as pilot:
        await _to(pilot, "task")
        await pilot.press("h")
        await _to(pilot, "groups")
        await pilot.press("a")
        await _type(pilot, "lab", "answers")
        await pilot.press("s")
        await settle(pilot)
        (asked,) = app.asked
        assert isinstance(asked, PlanView.StartRequested)
        assert (asked.preset.task, asked.preset.group_names) == ("qa", ("plain",))
        assert asked.lab == tmp_path / "answers"
