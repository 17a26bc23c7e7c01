"""One table of keys: each action can be done, needs no ctrl, stands in help and palette, and can have another key."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from rich.style import Style
from textual import actions, events

from scalelab.errors import BadInput
from scalelab.tui import keys, settings, views
from scalelab.tui.bars import GENERAL, GIVEN_UP, key_parts
from scalelab.tui.palette import Commands, KeyCommands, Palette
from scalelab.tui.screens.base import Room
from scalelab.tui.screens.help import Help
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.screens.start import StartScreen
from scalelab.tui.views.lines import LinesView
from scalelab.tui.views.runs import RunsView
from tests.lab.curved import CurvedLab
from tests.tui.conftest import clock
from tests.tui.screens import app, settle, text, until


def test_ids_and_keys_are_each_once_in_their_place() -> None:
    assert not [name for name, count in Counter(key.id for key in keys.KEYS).items() if count > 1]
    keys.check({})  # raises where two actions of one place have the same key


def test_every_action_has_a_key_without_ctrl() -> None:
    for key in keys.KEYS:
        assert any(not name.startswith("ctrl+") for name in key.keys.split(",")), key.id


def test_every_scope_has_words() -> None:
    assert {key.scope for key in keys.KEYS} <= set(keys.SCOPES)


def test_what_moves_one_way_by_a_letter_moves_the_other_way_by_one_too() -> None:
    """`l` is the log axis of the losses: their cursor has no `h` either."""
    for scope in keys.SCOPES:
        names = {name for key in keys.of(scope) for name in key.keys.split(",")}
        for one, other in ("hl", "jk", "HL", "JK"):
            assert scope == "runs" or ((one in names) == (other in names)), (scope, one, other)


def test_every_action_of_a_lab_has_its_method(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            assert isinstance(made.screen, Room)
            for digit in range(1, 1 + len(views.NAMES)):
                await pilot.press(str(digit))
                await settle(pilot)
                for scope in (*made.screen.scopes, "app"):
                    owner = made.screen.owner(scope)
                    for key in keys.of(scope):
                        method = f"action_{actions.parse(key.action)[1]}"
                        assert callable(getattr(owner, method, None)), f"{key.id}: {owner} has no {method}"

    asyncio.run(see())


def test_a_surface_without_a_law_offers_no_cursor(nothing: Path) -> None:
    CurvedLab(nothing / "labs" / "new", clock()).close()

    async def see() -> None:
        async with app(nothing / "labs" / "new") as (made, pilot):
            await pilot.press("4")
            await settle(pilot)
            assert "less N" not in text(made).splitlines()[-1]
            await pilot.press("l", "n", "o", "c")
            await settle(pilot)
            assert isinstance(made.screen, LabScreen) and made.screen.view == "surface"

    asyncio.run(see())


def test_escape_leads_to_the_labs_from_every_view(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            for digit in range(1, 1 + len(views.NAMES)):
                await pilot.press(str(digit))
                await settle(pilot)
                await pilot.press("escape")
                await until(pilot, lambda: isinstance(made.screen, StartScreen))
                await pilot.press("enter")
                await until(pilot, lambda: isinstance(made.screen, LabScreen) and made.screen.is_read)

    asyncio.run(see())


def test_ctrl_c_says_what_leaves(training: Path) -> None:
    async def see() -> None:
        chosen = settings.Settings(keymap={"app.leave": "x"})
        async with app(training, chosen=chosen) as (made, pilot):
            await pilot.press("3", "ctrl+c")
            await settle(pilot)
            assert "x leaves; what trains goes on training" in text(made).splitlines()[-1]

    asyncio.run(see())


def test_help_and_palette_list_what_works_here(training: Path) -> None:
    async def see() -> None:
        async with app(training, size=(120, 50)) as (made, pilot):
            screen = made.screen
            assert isinstance(screen, Room)
            offered = list(screen.offered())
            assert {"lab.stop", "runs.pin", "app.leave"} <= {key.id for key in offered}
            assert "lab.go_on" not in {key.id for key in offered}
            found = {str(hit.text) async for hit in KeyCommands(screen).discover()}
            assert found == {f"{key.help}  ({keys.shown(key, {})})" for key in offered if key.id != "app.palette"}
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(made.screen, Help))
            lines = " ".join(" ".join(line.plain.split()) for line in made.screen.lines(100))  # type: ignore[attr-defined]
            for key in offered:
                assert key.help in lines and key.id in lines
            assert "Other keys: in " in lines and '"runs.pin" = "space"' in lines

    asyncio.run(see())


@pytest.mark.parametrize("size", [(50, 24), (120, 40)])
def test_the_help_names_every_action_and_turns_pages(training: Path, size: tuple[int, int]) -> None:
    async def see() -> None:
        async with app(training, size=size) as (made, pilot):
            await pilot.press("question_mark")
            await settle(pilot)
            listed = made.screen.query_one(LinesView)
            assert isinstance(made.screen, Help)
            for key in made.screen._offered:
                assert any(line.endswith(f" {key.id}") or line == key.id for line in listed.plain), key.id
            assert max(len(line) for line in listed.plain) <= listed.columns
            end, page = listed.max_scroll_y, listed.size.height - 1
            for press, there in (("pagedown", page), ("pageup", 0), ("space", page), ("G", end), ("g", 0), ("end", end),
                                 ("home", 0)):  # fmt: skip
                await pilot.press(press)
                assert listed.scroll_offset.y == min(there, end), press

    asyncio.run(see())


def test_the_palette_does_what_it_lists(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("colon")
            await until(pilot, lambda: len(made.screen_stack) == 3)
            await pilot.press(*"chart alone")
            await until(pilot, lambda: "the chart alone" in text(made))
            await pilot.press("enter")
            await until(pilot, lambda: len(made.screen_stack) == 2 and "progress" not in text(made))

    asyncio.run(see())


def test_the_palette_finds_what_another_view_does_and_goes_there(training: Path) -> None:
    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            screen = made.screen
            assert isinstance(screen, LabScreen)
            await pilot.press("5", "colon")
            await until(pilot, lambda: isinstance(made.screen, Palette))
            await pilot.press(*"smooth")
            await until(pilot, lambda: "runs: smooth the losses: not, a little, much  (2 m)" in text(made))
            await pilot.press("enter")
            await until(pilot, lambda: screen.view == "runs" and screen.query_one(RunsView)._look.smoothing > 0)
            assert not any(lead.id == "lab.runs" for lead, _ in screen.elsewhere())
            found = {key.id for _, key in screen.elsewhere()}
            assert {"law.pane", "surface.best", "predict.pane", "plan.new"} <= found
            assert "plan.start" not in found  # of a lab's plan nothing is started

    asyncio.run(see())


def test_a_key_from_the_settings_file_takes_its_place(training: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "config" / "scalelab").mkdir(parents=True)
    (folder / "settings.toml").write_text('theme = "light"\n[keys]\n"runs.pin" = "space"\n')
    chosen = settings.load(folder=folder)

    async def see() -> None:
        async with app(training, chosen=chosen) as (made, pilot):
            assert made.theme == "scalelab-light"
            assert "space pin" in text(made)
            await pilot.press("p")
            assert "●" not in text(made)
            await pilot.press("space")
            await settle(pilot)
            assert "●" in text(made)

    asyncio.run(see())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("theme = 3", "allowed: dark, light, ansi"),
        ("colour = 'x'", "colour is not a field"),
        ("[keys]\n'runs.pim' = 'x'", "did you mean runs.pin?"),
        ("[keys]\n'runs.pin' = 'x'", "would be both"),
        ("[keys]\n'lab.back' = 'q'", "q would be both app.leave and lab.back"),
        ("[keys]\n'lab.back' = 'z'", "z would be both runs.zoom and lab.back"),
        ("[keys]\n'runs.pin' = '?'", "? would be both app.help and runs.pin"),
        ("[keys]\n'runs.pin' = ''", "the key of runs.pin"),
        ("keys = 1", "keys is no table"),
        ("theme = ", "cannot be read"),
        ("mouse = 'off'", "allowed: true, false"),
    ],
)
def test_wrong_settings_are_one_line(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "settings.toml").write_text(content)
    with pytest.raises(BadInput) as told:
        settings.load(folder=tmp_path)
    assert words in told.value.line()
    assert "\n" not in told.value.line()


def test_the_mouse_may_stay_the_terminals(tmp_path: Path) -> None:
    assert settings.load(folder=tmp_path).mouse
    (tmp_path / "settings.toml").write_text("mouse = false\n")
    assert not settings.load(folder=tmp_path).mouse


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    assert settings.load(folder=tmp_path) == settings.Settings(glyphs=settings.load(folder=tmp_path).glyphs)
    assert settings.load("ansi", "block", tmp_path).theme == "ansi"


def test_recent_labs_are_those_that_are_there(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lab.db").touch()
        settings.remember(tmp_path / name, state)
    settings.remember(tmp_path / "gone", state)
    settings.remember(tmp_path / "a", state)
    settings.remember(Path("/bad\nname"), state)
    assert settings.recent(state) == [tmp_path / "a", tmp_path / "b"]


def test_a_choice_by_key_is_kept_and_nothing_else_of_the_file_changed(training: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "config" / "scalelab").mkdir(parents=True)
    (folder / "settings.toml").write_text('# mine\n[keys]\n"runs.pin" = "space"  # as elsewhere\n')

    async def see() -> None:
        async with app(training, size=(120, 40), chosen=settings.load(folder=folder)) as (made, pilot):
            await pilot.press("T")
            await settle(pilot)
            assert "theme light, kept in config/scalelab/settings.toml" in text(made)
            await pilot.press("B", "T")

    asyncio.run(see())
    assert (folder / "settings.toml").read_text().splitlines() == [
        'glyphs = "block"', 'theme = "ansi"', "# mine", "[keys]", '"runs.pin" = "space"  # as elsewhere',
    ]  # fmt: skip
    again = settings.load(folder=folder)
    assert (again.theme, again.glyphs, again.keymap) == ("ansi", "block", {"runs.pin": "space"})


def test_a_settings_file_that_cannot_be_read_is_left_alone(training: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "config" / "scalelab").mkdir(parents=True)
    (folder / "settings.toml").write_text("theme = ")

    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            await pilot.press("T")
            await settle(pilot)
            assert made.theme == "scalelab-light"
            assert "theme light, for now" in text(made)

    asyncio.run(see())
    assert (folder / "settings.toml").read_text() == "theme = "


def test_what_is_pasted_where_letters_are_typed_has_gone_through_the_gate(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            for opens, closes in (("slash", "escape"), ("colon", "escape")):
                await pilot.press(opens)
                await settle(pilot)
                made.post_message(events.Paste("\x1b[2J\u202ea\x07"))
                await until(pilot, lambda: "[2J" in text(made))
                assert all(letter == "\n" or letter.isprintable() for letter in text(made))
                await pilot.press(closes)

    asyncio.run(see())


def test_a_palette_that_was_left_does_nothing_to_what_was_left_too(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            assert isinstance(made.screen, Room)
            commands = KeyCommands(made.screen)
            chosen = [hit.command async for hit in commands.discover()]
            await pilot.press("b")
            await until(pilot, lambda: isinstance(made.screen, StartScreen))
            for command in chosen:
                if command.args[0].scope != "app":  # type: ignore[union-attr]
                    await command()  # type: ignore[misc]
            assert isinstance(made.screen, StartScreen)

    asyncio.run(see())


def test_a_palette_that_is_closed_twice_takes_nothing_with_it(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("colon")
            await until(pilot, lambda: isinstance(made.screen, Palette))
            palette = made.screen
            palette.dismiss()
            palette.dismiss()
            await settle(pilot)
            assert isinstance(made.screen, LabScreen)

    asyncio.run(see())


def test_a_click_on_a_line_of_the_palette_that_went_is_no_error(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("colon")
            await until(pilot, lambda: any(each.option_count > 5 for each in made.screen.query(Commands)))
            await settle(pilot)
            listed = made.screen.query_one(Commands)
            style = Style(meta={"option": 4})
            listed.clear_options()
            listed.post_message(events.Click(listed, 2, 4, 0, 0, 1, False, False, False, 2, 9, style))
            await settle(pilot)
            await pilot.press("escape")
            assert not made._exit

    asyncio.run(see())


def _bar(view: str, width: int) -> str:
    """The key bar of a view while its lab trains and has groups."""
    return "".join(words for words, _ in key_parts((*keys.of(view), *keys.of("lab"), *keys.of("app")), {}, width))


@pytest.mark.parametrize("view", views.NAMES)
def test_a_narrow_key_bar_prefers_the_keys_of_the_view_in_front(view: str) -> None:
    own = [f"{keys.shown(key, {})} {key.label}" for key in keys.of(view) if key.footer]
    assert _bar(view, 50).startswith("  ".join(own[:3])), "three of its own before any general one"
    assert _bar(view, 50).endswith("? help  q leave")
    assert _bar(view, 200).endswith("S stop  R go on  f group  b labs  ? help  : palette  q leave")
    for width in range(6, 200):
        assert "? help" in _bar(view, width)
        assert len(_bar(view, width)) <= width


def test_every_general_key_but_the_help_can_be_given_up() -> None:
    assert {*GIVEN_UP, "app.help"} == {key.id for key in keys.of(*GENERAL) if key.footer}
