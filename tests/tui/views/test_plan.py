from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from scalelab import preset_files
from scalelab.lab import control
from scalelab.preset import Preset
from scalelab.records import DeviceInfo
from scalelab.tui.views.editing import LONGEST, LineEdit
from scalelab.tui.views.page import Page
from scalelab.tui.views.plan import PlanView
from scalelab.tui.views.sheet import Sheet
from scalelab.tui.views.usage import cards_told
from tests.tui.looks import LOOKS, use
from tests.tui.views.host import Host, golden, kept, piloted, screen, settle
from tests.tui.views.shots import shot


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def host(cpu: DeviceInfo) -> Host:
    return Host(PlanView(base="tiny", devices=[cpu]))


def _value(app: Host, key: str) -> str:
    return next(field.value for field in app.query_one(Sheet).fields if field.key == key)


def _problem(app: Host, key: str) -> str:
    return next(field.problem for field in app.query_one(Sheet).fields if field.key == key)


async def _to(pilot: Pilot[None], key: str) -> None:
    pilot.app.query_one(Sheet).go(key)
    await settle(pilot)


async def _type(pilot: Pilot[None], key: str, text: str, end: str = "enter") -> None:
    """Edit a field from nothing."""
    await _to(pilot, key)
    sheet = pilot.app.query_one(Sheet)
    await pilot.press("enter")
    if sheet.field is not None:
        await pilot.press(*["backspace"] * len(sheet.field.value))
    await pilot.press(*(_NAMES.get(sign, sign) for sign in text), end)
    await settle(pilot)


_NAMES = {" ": "space", ",": "comma", ".": "full_stop", "-": "minus", "/": "slash"}


@piloted
async def test_a_view_whose_parts_are_going_is_told_nothing_any_more(host: Host) -> None:
    async with host.run_test() as pilot:
        await settle(pilot)
        await host.view.query_one(Page).remove()
        host.view.begin("smoke")  # type: ignore[attr-defined]
        await settle(pilot)
        assert "--preset smoke" in host.view.command  # type: ignore[attr-defined]


@pytest.mark.parametrize(("size", "colours"), LOOKS)
@piloted
async def test_the_form_in_every_look(
    size: tuple[int, int], colours: str, cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(colours, monkeypatch)
    app = Host(PlanView(base="tiny", devices=[cpu]))
    async with app.run_test(size=size) as pilot:
        await kept(app, pilot, "plan")


@piloted
async def test_every_key_plans_again_and_says_what_is_wrong_beside_the_field(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        before = host.view.command  # type: ignore[attr-defined]
        await _to(pilot, "ladder.shapes[1]")
        await pilot.press("enter", "x")
        await settle(pilot)
        assert "d_model x" in _problem(host, "ladder.shapes[1]")
        assert "No plan" in screen(host)
        golden("plan-wrong-80x24", screen(host))
        await pilot.press("escape")
        await settle(pilot)
        assert host.view.command == before  # type: ignore[attr-defined]
        assert "20 points" in screen(host)


@piloted
async def test_two_wrong_rungs_each_say_why_below_themselves(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await _type(pilot, "ladder.shapes[1]", "24y1")
        await _type(pilot, "ladder.shapes[3]", "x48")
        for place in (1, 3):
            assert f"ladder.shapes[{place}]" in _problem(host, f"ladder.shapes[{place}]")
        assert _problem(host, "ladder.shapes[0]") == _problem(host, "ladder.shapes[2]") == ""


@piloted
async def test_what_is_typed_stands_in_the_command(host: Host) -> None:
    async with host.run_test(size=(120, 40)) as pilot:
        await _type(pilot, "budgets.tokens", "300k, 600k")
        await _type(pilot, "corpus.source", "my notes.txt")
        assert "--set budgets.tokens=300k,600k --set 'corpus.source=my notes.txt'" in screen(host)
        assert "10 points" in screen(host)
        assert preset_files.load("tiny", ["budgets.tokens=300k,600k"]).budgets.tokens == [300e3, 600e3]


@piloted
async def test_rungs_come_and_go(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await _to(pilot, "ladder.shapes[4]")
        await pilot.press("a")
        await settle(pilot)
        assert _value(host, "ladder.shapes[5]") == "176x2"
        assert host.query_one(Sheet).field.key == "ladder.shapes[5]"  # type: ignore[union-attr]
        await pilot.press("x")
        await settle(pilot)
        assert "ladder" not in host.view.command  # type: ignore[attr-defined]


@piloted
async def test_letters_and_arrows_move_the_cursor_and_no_further_than_the_ends(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        sheet = host.query_one(Sheet)
        keys = [field.key for field in sheet.fields]
        for pressed, place in (("J", 10), ("pagedown", 20), ("K", 10), ("J", 20), ("J", len(keys) - 1), ("home", 0),
                               ("down", 1), ("j", 2), ("up", 1), ("end", len(keys) - 1), ("g", 0)):  # fmt: skip
            await pilot.press(pressed)
            await settle(pilot)
            assert sheet.field is not None and sheet.field.key == keys[place]


@piloted
async def test_choices_are_gone_through_and_reverted(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await _to(pilot, "schedule.kind")
        await pilot.press("l")
        await settle(pilot)
        assert _value(host, "schedule.kind") == "cosine"
        await pilot.press("r")
        await settle(pilot)
        assert _value(host, "schedule.kind") == "wsd"
        await _to(pilot, "ladder")
        await pilot.press("l", "l")
        await settle(pilot)
        assert (_value(host, "ladder.from"), _value(host, "ladder.rungs")) == ("11.5k", "5")
        await _type(pilot, "ladder.rungs", "3")
        assert "12 points" in screen(host)


@piloted
async def test_a_plan_is_started_and_a_wrong_one_is_not(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await _type(pilot, "seeds", "0, 0")
        await pilot.press("s")
        await settle(pilot)
        assert host.asked == [] and "cannot start" in screen(host)
        await _type(pilot, "seeds", "7")
        await _type(pilot, "lab", "mine")
        await pilot.press("s")
        await settle(pilot)
        (asked,) = host.asked
        assert isinstance(asked, PlanView.StartRequested)
        assert (asked.preset.seeds, asked.lab) == ([7], Path("mine").absolute())


@piloted
async def test_another_preset_and_one_that_is_not_there(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await _type(pilot, "preset", "laptop")
        assert "24 points" in screen(host)
        await _type(pilot, "preset", "lapdog")
        assert "there is no preset" in _problem(host, "preset")


@piloted
async def test_values_are_saved_as_a_preset(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await _type(pilot, "seeds", "3")
        await pilot.press("w")
        await pilot.press("d", "e", "e", "p", "enter")
        await settle(pilot)
        assert "saved as deep.toml" in screen(host)
        assert "--preset deep.toml" in host.view.command  # type: ignore[attr-defined]
        assert preset_files.load("deep.toml").seeds == [3]
        await pilot.press("w", "d", "e", "e", "p", "enter")
        await settle(pilot)
        assert "there already" in _problem(host, "save")


@piloted
async def test_a_labs_plan_is_read_and_a_new_one_begun_from_it(host: Host, tmp_path: Path) -> None:
    seen = shot(8)
    async with host.run_test(size=(80, 24)) as pilot:
        host.view.show(seen)  # type: ignore[attr-defined]
        host.view.focus()
        await settle(pilot)
        golden("plan-lab-80x24", screen(host))
        await pilot.press("enter", "a", "x", "s", "j")
        await settle(pilot)
        assert host.asked == [] and not host.query_one(Sheet).display
        assert host.query_one(Page).scroll_offset.y == 1
        await pilot.press("n")
        await settle(pilot)
        assert host.query_one(Sheet).display
        assert "preset.toml" in host.view.command  # type: ignore[attr-defined]


@piloted
async def test_a_labs_plan_says_how_far_it_is(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        for finished in (3, 8):
            host.view.show(shot(finished))  # type: ignore[attr-defined]
            await settle(pilot)
            assert f"{finished} of 20 points done" in screen(host)


@piloted
@pytest.mark.parametrize(("gigabytes", "words"), [(16.0, "all fit"), (0.7, "no room for 12x1, 20x1")])
async def test_a_labs_plan_says_whether_it_fits_at_every_width(host: Host, gigabytes: float, words: str) -> None:
    seen = shot(8)
    assert seen.device is not None
    device = replace(seen.device, memory_bytes=int(gigabytes * 1e9))
    async with host.run_test(size=(50, 24)) as pilot:
        host.view.show(replace(seen, device=device))  # type: ignore[attr-defined]
        await settle(pilot)
        assert words in " ".join(screen(host).split())


@piloted
async def test_a_plan_without_room_says_which_rung() -> None:
    small = DeviceInfo(
        name="cpu", label="a box", memory_bytes=900_000_000, slots=2, peak_flops=8e10, peak_source="measured"
    )
    app = Host(PlanView(base="laptop", devices=[small]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "no room for" in screen(app)


@piloted
async def test_devices_are_found_and_measured(monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo) -> None:
    monkeypatch.setattr("scalelab.tui.views.plan.find_devices", lambda: [cpu])
    card = DeviceInfo(
        name="cuda:0", label="A card", memory_bytes=80 * 10**9, slots=1, peak_flops=9e14, peak_source="measured"
    )
    monkeypatch.setattr(control, "devices", lambda: [card, cpu])
    app = Host(PlanView(base="tiny"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "two cores" in screen(app) and "load " in screen(app)
        await pilot.press("m")
        await settle(pilot)
        assert "A card" in screen(app)


@piloted
async def test_every_device_is_told_with_its_memory_and_what_uses_it(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    cards = [
        DeviceInfo(name=f"cuda:{number}", label="A card", memory_bytes=80 * 10**9, slots=1, peak_flops=9e14,
                   peak_source="nominal")
        for number in range(2)
    ]  # fmt: skip
    told = {"cuda:0": "37 % busy, 1.1 GB used", "cpu": "load 1.0, 3 GB free"}
    monkeypatch.setattr("scalelab.tui.views.plan.find_devices", lambda: [*cards, cpu])
    monkeypatch.setattr("scalelab.tui.views.plan.usage_of", lambda devices: told)
    app = Host(PlanView(base="tiny"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        lines = screen(app).splitlines()
        assert any("cuda:0" in line and "80 GB (37 % busy, 1.1 GB used) · 900 TFLOP/s a slot, nominal" in line
                   for line in lines)  # fmt: skip
        assert any("cuda:1" in line and "80 GB · 900" in line for line in lines)
        assert any("cpu" in line and "(load 1.0, 3 GB free)" in line for line in lines)
        await _to(pilot, "hardware.device")
        await pilot.press("l", "l", "l")
        await settle(pilot)
        assert "--set hardware.device=cuda:1" in " ".join(screen(app).split())


@piloted
async def test_no_colour_and_outside_text(monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    evil = "a\\u001b[31m[/b] \\u202e"
    preset: Preset = preset_files.load("tiny").model_copy(
        update={"description": evil.encode().decode("unicode_escape")}
    )
    Path("evil.toml").write_text(preset_files.dumps(preset), "utf-8")
    app = Host(PlanView(base="evil.toml", devices=[cpu]))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown = screen(app)
        assert "\x1b" not in shown and "\u202e" not in shown and "[/b]" in shown


@piloted
async def test_what_follows_from_the_value_under_the_cursor_is_shown_whole(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await _to(pilot, "corpus.source")
        described = " ".join(line.strip() for line in screen(host).splitlines())
        assert "12 MB of English prose, offline, public domain" in described
        await _to(pilot, "corpus.tokenizer")
        assert "12 MB of …" in screen(host) or "12 MB …" in screen(host)


@piloted
async def test_a_value_typed_again_as_it_was_is_no_change(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        for key in ("ladder.shapes[1]", "budgets.tokens", "corpus.source", "seeds"):
            await _to(pilot, key)
            await pilot.press("enter", "enter")
        await settle(pilot)
        assert not [field.key for field in host.query_one(Sheet).fields if field.changed]


@piloted
async def test_columns_stand_under_their_heads_however_sizes_are_said(host: Host) -> None:
    async with host.run_test(size=(120, 40)) as pilot:
        await _to(pilot, "ladder")
        for kind in ("shapes", "targets for N", "from–to–count"):
            lines = screen(host).splitlines()
            assert _value(host, "ladder") == kind
            head = next(line for line in lines if line.startswith("Ladder"))
            rung = next(line for line in lines if "402 MB" in line)
            assert head.index("memory") == rung.index("402 MB")
            await pilot.press("l")
            await settle(pilot)


@piloted
async def test_a_rung_is_not_added_to_a_preset_that_there_is_not(host: Host) -> None:
    async with host.run_test(size=(80, 24)) as pilot:
        await _type(pilot, "preset", "none")
        await pilot.press("a")
        await settle(pilot)
        assert "none" in _problem(host, "preset")


def test_a_line_is_edited_as_everywhere() -> None:
    line = LineEdit.of("ab")
    for key in ("left", "backspace", "backspace", "delete", "left", "right"):
        line = line.press(key) or line
    assert line == LineEdit(text="", at=0)
    assert line.insert("x\x1b[0m").text == "x\\x1b[0m"
    assert line.press("f5") is None
    line = LineEdit.of("150k, 300k, 600k")
    for key, left in (("ctrl+w", "150k, 300k, |"), ("ctrl+a", "|150k, 300k, "), ("right", "1|50k, 300k, "),
                      ("ctrl+u", "|50k, 300k, "), ("ctrl+e", "50k, 300k, |"), ("ctrl+w", "50k, |"),
                      ("left", "50k,| "), ("ctrl+k", "50k,|"), ("ctrl+w", "|")):  # fmt: skip
        line = line.press(key) or line
        assert f"{line.text[: line.at]}|{line.text[line.at :]}" == left
    assert len(line.insert("y" * 999).text) == LONGEST


def test_what_the_drivers_tool_says_of_cards() -> None:
    assert cards_told("0, 37, 1024\n1, 0, [N/A]\nno\n") == {"cuda:0": "37 % busy, 1.1 GB used"}


@piloted
async def test_an_action_that_moves_the_cursor_ends_the_edit_of_where_it_stood(host: Host) -> None:
    async with host.run_test() as pilot:
        await _to(pilot, "batch.sequences")
        await pilot.press("enter", "8")
        host.view.action_last()  # type: ignore[attr-defined]
        await _to(pilot, "budgets")
        await pilot.press("9")
        await settle(pilot)
        assert not host.query_one(Sheet).editing
        assert _value(host, "batch.sequences") == "168" and _value(host, "budgets") == "tokens"


@piloted
async def test_a_field_gone_to_is_not_given_what_was_typed_into_another(host: Host) -> None:
    async with host.run_test() as pilot:
        await _to(pilot, "preset")
        await pilot.press("enter", "x")
        await _to(pilot, "budgets")
        await pilot.press("y")
        await settle(pilot)
        assert _value(host, "budgets") == "tokens"
