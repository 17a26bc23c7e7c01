"""The one table of keys: what each does, where, and in words. Bindings, footer, help and palette are made from it.

Must not know any widget: an action is a name, and whoever has that scope in its BINDINGS has a method for it. No action
needs ctrl, which tmux, screen and terminals take for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from textual.binding import Binding, BindingType
from textual.keys import _character_to_key

from scalelab.errors import BadInput, did_you_mean
from scalelab.gate import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One thing that a key does."""

    id: str
    """Its name in the settings file: "runs.pin"."""
    keys: str
    """Textual's names, the first is the one that is shown: "j,down"."""
    action: str
    """The method without "action_", with arguments where it has any: "show('law')"."""
    scope: str
    """Where it works: "app" (everywhere), "lab", "start", a screen, or the name of a view."""
    label: str
    """One or two words for the footer."""
    help: str
    """What it does, as the help and the palette say it."""
    footer: bool = True
    """Whether it is worth a place in the footer."""


def _key(name: str, keys: str, action: str, label: str, words: str, *, footer: bool = True) -> Key:
    scope = name.partition(".")[0]
    return Key(id=name, keys=keys, action=action, scope=scope, label=label, help=words, footer=footer)


KEYS: tuple[Key, ...] = (
    _key("app.help", "question_mark", "help", "help", "show all keys"),
    _key("app.palette", "colon,ctrl+p", "command_palette", "palette", "find an action by its name"),
    _key("app.theme", "T", "next_theme", "theme", "next theme: dark, light, the terminal's own colours", footer=False),
    _key("app.glyphs", "B", "next_glyphs", "glyphs", "draw charts with braille, blocks or ASCII", footer=False),
    _key("app.copy", "y", "copy", "copy", "copy what is selected, to the clipboard and to a file", footer=False),
    _key("app.redraw", "D,ctrl+l", "redraw", "redraw", "draw it all anew, where others wrote into it", footer=False),
    _key("app.leave", "q", "leave", "leave", "leave; what trains goes on training"),
    _key("lab.plan", "1", "show('plan')", "plan", "view 1: the plan, its cost and its command line", footer=False),
    _key("lab.runs", "2", "show('runs')", "runs", "view 2: the runs and their losses", footer=False),
    _key("lab.law", "3", "show('law')", "law", "view 3: the law, its rivals and what is odd", footer=False),
    _key("lab.surface", "4", "show('surface')", "surface", "view 4: the loss over N and D", footer=False),
    _key("lab.predict", "5", "show('predict')", "predict", "view 5: what a larger run would reach", footer=False),
    _key("lab.stop", "S", "stop", "stop", "stop training: save first, or now; asks before it does"),
    _key("lab.go_on", "R", "go_on", "go on", "train what is left, failed and stopped runs again"),
    _key("lab.extend", "E", "extend", "extend", "grow the lab: more tokens, sizes, seeds; cost first", footer=False),
    _key("lab.group", "f", "next_group(1)", "group", "the law of the next group of runs, in views 3 to 5"),
    _key("lab.group_before", "F", "next_group(-1)", "group", "the law of the group before", footer=False),
    _key("lab.back", "b,escape", "back", "labs", "back to the list of labs; training goes on"),
    _key("replay.pause", "P", "pause", "pause", "stand still; again: play on"),
    _key("replay.slower", "less_than_sign", "tempo(-1)", "slower", "play half as fast", footer=False),
    _key("replay.faster", "greater_than_sign", "tempo(1)", "faster", "play twice as fast"),
    _key("replay.start", "circumflex_accent", "to_start", "again", "play it from the start"),
    _key("replay.end", "dollar_sign", "to_end", "to end", "to the end at once", footer=False),
    _key("start.open", "enter", "open", "open", "open the lab, or plan the preset"),
    _key("start.new", "n", "new", "new plan", "a new plan, from the preset under the cursor or from the first"),
    _key("start.down", "j,down", "down", "down", "down", footer=False),
    _key("start.up", "k,up", "up", "up", "up", footer=False),
    _key("start.first", "g,home", "first", "first", "to the first", footer=False),
    _key("start.last", "G,end", "last", "last", "to the last", footer=False),
    _key("plan_new.back", "b,escape", "back", "back", "back without starting; what was edited is kept until you leave"),
    _key("plan.start", "s", "start", "start", "make the lab and train it, in a session of its own"),
    _key("plan.edit", "enter", "edit", "edit", "edit the field under the cursor; enter ends, esc takes it back"),
    _key("plan.next", "l,right,space", "choose(1)", "next", "the next of a field's choices"),
    _key("plan.before", "h,left", "choose(-1)", "before", "the choice before", footer=False),
    _key("plan.add", "a", "add", "add", "a rung more, or a group, behind the one under the cursor"),
    _key("plan.remove", "x,delete", "remove", "remove", "take the rung or the group under the cursor out"),
    _key(
        "plan.revert",
        "r",
        "revert",
        "revert",
        "the field, rung or group as the preset has it; at the preset: all of them",
        footer=False,
    ),
    _key("plan.pane", "v", "pane", "points", "the form, or every point with its cost"),
    _key("plan.measure", "m", "measure", "measure", "measure the devices as training will see them", footer=False),
    _key("plan.save", "w", "save", "save as", "save these values as a preset of their own"),
    _key("plan.new", "n", "new_plan", "new plan", "a new plan from this lab's; again: the lab's"),
    _key("plan.down", "j,down", "down", "down", "next field", footer=False),
    _key("plan.up", "k,up", "up", "up", "field before", footer=False),
    _key("plan.further", "J,pagedown", "further(1)", "further", "ten fields on, or half a screen", footer=False),
    _key("plan.back_up", "K,pageup", "further(-1)", "back up", "ten fields back, or half a screen", footer=False),
    _key("plan.first", "g,home", "first", "first", "to the first field", footer=False),
    _key("plan.last", "G,end", "last", "last", "to the last field", footer=False),
    _key("grow.start", "s", "start", "start", "grow the lab and train what is added, in a session of its own"),
    _key("grow.back", "b,escape", "back", "back", "back without adding anything"),
    _key("grow.edit", "enter", "edit", "edit", "edit the field under the cursor; enter ends, esc takes it back"),
    _key("grow.next", "l,right,space", "choose(1)", "propose", "the next proposal for the field"),
    _key("grow.before", "h,left", "choose(-1)", "before", "the proposal before", footer=False),
    _key("grow.clear", "r,x", "clear", "clear", "nothing of the field under the cursor", footer=False),
    _key("grow.down", "j,down", "down", "down", "next field", footer=False),
    _key("grow.up", "k,up", "up", "up", "field before", footer=False),
    _key("grow.further", "J,pagedown", "further(1)", "further", "scroll what is added", footer=False),
    _key("grow.back_up", "K,pageup", "further(-1)", "back up", "scroll it back", footer=False),
    _key("text.write", "s", "write", "write", "let the chosen runs write after the prompt"),
    _key("text.back", "b,escape", "back", "back", "back to the lab"),
    _key("text.edit", "enter", "edit", "edit", "edit the field under the cursor; enter ends, esc takes it back"),
    _key("text.next", "l,right,space", "choose(1)", "next", "the next of a field's choices"),
    _key("text.before", "h,left", "choose(-1)", "before", "the choice before", footer=False),
    _key("text.again", "n", "again", "anew", "the same with the next seed"),
    _key("text.down", "j,down", "down", "down", "next field", footer=False),
    _key("text.up", "k,up", "up", "up", "field before", footer=False),
    _key("text.further", "J,pagedown", "further(1)", "further", "scroll the texts", footer=False),
    _key("text.back_up", "K,pageup", "further(-1)", "back up", "scroll them back", footer=False),
    _key("runs.focus", "enter", "focus_run", "focus", "show this run and the pinned ones alone; again: all runs"),
    _key("runs.pin", "p", "pin", "pin", "pin the run; two or more stand alone, with a table; again: let it go"),
    _key("runs.unpin", "u", "unpin", "unpin all", "let all pinned runs go", footer=False),
    _key("runs.retry", "r", "retry", "retry", "try the run under the cursor again, which failed, diverged or stopped"),
    _key("runs.log", "v", "log", "its log", "the log of the run under the cursor; again: the chart"),
    _key("runs.text", "t", "text", "text", "text that the trained run under the cursor writes"),
    _key("runs.log_down", "J,pagedown", "log_scroll(5)", "log down", "the log five lines on", footer=False),
    _key("runs.log_up", "K,pageup", "log_scroll(-5)", "log up", "the log five lines back", footer=False),
    _key("runs.along", "x", "along", "x axis", "losses along tokens, FLOPs, steps or time"),
    _key("runs.log_y", "l", "log_y", "log y", "loss on a log or a linear axis"),
    _key("runs.log_x", "L", "log_x", "log x", "the other axis log or linear", footer=False),
    _key("runs.smooth", "m", "smooth", "smooth", "smooth the losses: not, a little, much"),
    _key("runs.order", "o", "order", "order", "order runs by urgency or as planned", footer=False),
    _key("runs.filter", "slash", "filter", "filter", "only runs whose name or state has these letters"),
    _key("runs.cursor", "c", "cursor", "read", "a cursor in the chart, which reads the curves"),
    _key(
        "runs.closer", "plus,equals_sign", "closer(0.5)", "closer", "look closer at the end of the x axis", footer=False
    ),
    _key("runs.wider", "minus", "closer(2.0)", "wider", "see more of the x axis", footer=False),
    _key("runs.earlier", "left_square_bracket", "pan(-0.25)", "earlier", "move along the x axis, back", footer=False),
    _key("runs.later", "right_square_bracket", "pan(0.25)", "later", "move along the x axis, on", footer=False),
    _key("runs.whole", "0", "whole", "whole", "the whole x axis", footer=False),
    _key("chart.left", "left", "cursor(-1, 0)", "left", "the cursor a cell to the left"),
    _key("chart.right", "right", "cursor(1, 0)", "right", "the cursor a cell to the right"),
    _key("chart.far_left", "shift+left", "cursor(-10, 0)", "left", "ten cells to the left", footer=False),
    _key("chart.far_right", "shift+right", "cursor(10, 0)", "right", "ten cells to the right", footer=False),
    _key("chart.up", "up,k", "cursor(0, -1)", "up", "the next curve above"),
    _key("chart.down", "down,j", "cursor(0, 1)", "down", "the next curve below"),
    _key("chart.leave", "c,escape", "leave", "done", "hide the cursor, back to the table"),
    _key("runs.zoom", "z", "zoom", "zoom", "table and chart, the chart alone, the table alone"),
    _key("filter.done", "enter", "done", "done", "keep what is typed"),
    _key("filter.clear", "escape", "clear", "all runs", "show all again"),
    _key("dialog.choose", "enter", "choose", "choose", "do what is under the cursor"),
    _key("dialog.down", "j,down", "down", "down", "down"),
    _key("dialog.up", "k,up", "up", "up", "up"),
    _key("dialog.close", "escape,q,question_mark", "close", "close", "close it, and nothing else"),
    _key("dialog.further", "space,J,pagedown", "further(1)", "further", "a window further"),
    _key("dialog.back_up", "K,pageup", "further(-1)", "back up", "a window back", footer=False),
    _key("dialog.first", "g,home", "first", "first", "to the top", footer=False),
    _key("dialog.last", "G,end", "last", "last", "to the end", footer=False),
    _key("runs.down", "j,down", "down", "down", "next run", footer=False),
    _key("runs.up", "k,up", "up", "up", "run before", footer=False),
    _key("runs.first", "g,home", "first", "first", "to the first run", footer=False),
    _key("runs.last", "G,end", "last", "last", "to the last run", footer=False),
    _key(
        "law.pane",
        "v",
        "pane(1)",
        "next pane",
        "next pane: words, loss, residuals, contest, history, growth, split, isoFLOP, card",
    ),
    _key("law.before", "V", "pane(-1)", "pane before", "the pane before", footer=False),
    _key("law.down", "j,down", "down", "down", "a line further", footer=False),
    _key("law.up", "k,up", "up", "up", "a line back", footer=False),
    _key("law.further", "space,pagedown", "further(1)", "further", "a screen further", footer=False),
    _key("law.back", "pageup", "further(-1)", "back", "a screen back", footer=False),
    _key("law.cursor", "c", "cursor", "read", "a cursor in the chart, which reads it"),
    _key(
        "law.closer", "plus,equals_sign", "closer(0.5)", "closer", "look closer at the end of the x axis", footer=False
    ),
    _key("law.wider", "minus", "closer(2.0)", "wider", "see more of the x axis", footer=False),
    _key("law.whole", "0", "whole", "whole", "the whole x axis", footer=False),
    _key("law.first", "g,home", "first", "first", "to the top", footer=False),
    _key("law.last", "G,end", "last", "last", "to the end", footer=False),
    _key("surface.left", "left,h", "cursor(-1, 0)", "less N", "the cursor to a smaller N"),
    _key("surface.right", "right,l", "cursor(1, 0)", "more N", "the cursor to a larger N"),
    _key("surface.up", "up,k", "cursor(0, -1)", "more D", "the cursor to more tokens"),
    _key("surface.down", "down,j", "cursor(0, 1)", "less D", "the cursor to fewer tokens"),
    _key("surface.far_left", "shift+left,H", "cursor(-10, 0)", "far left", "ten cells to a smaller N", footer=False),
    _key("surface.far_right", "shift+right,L", "cursor(10, 0)", "far right", "ten cells to a larger N", footer=False),
    _key("surface.far_up", "shift+up,K", "cursor(0, -5)", "far up", "five cells to more tokens", footer=False),
    _key("surface.far_down", "shift+down,J", "cursor(0, 5)", "far down", "five cells to fewer tokens", footer=False),
    _key("surface.run", "n", "run(1)", "next run", "the cursor to the next run"),
    _key("surface.run_before", "N,p", "run(-1)", "run before", "the cursor to the run before", footer=False),
    _key("surface.best", "o", "best", "best", "the cursor to the best N and D at ten times the largest run"),
    _key("surface.leave", "c", "leave", "hide", "hide the cursor", footer=False),
    _key("predict.edit", "enter", "edit", "edit", "edit the field under the cursor; enter ends, esc takes it back"),
    _key("predict.next", "l,right,space", "choose(1)", "next", "the next of a field's choices"),
    _key("predict.before", "h,left", "choose(-1)", "before", "the choice before", footer=False),
    _key("predict.pane", "v", "pane", "foretold", "the answer, or what was predicted before runs ended"),
    _key("predict.text", "t", "text", "text", "text that trained runs write, side by side"),
    _key("predict.clear", "r", "clear", "clear", "the field under the cursor as it was", footer=False),
    _key("predict.down", "j,down", "down", "down", "next field", footer=False),
    _key("predict.up", "k,up", "up", "up", "field before", footer=False),
    _key("predict.further", "J,pagedown", "further(1)", "further", "scroll the answer", footer=False),
    _key("predict.back", "K,pageup", "further(-1)", "back", "scroll the answer back", footer=False),
    _key("predict.first", "g,home", "first", "first", "to the first field", footer=False),
    _key("predict.last", "G,end", "last", "last", "to the last field", footer=False),
)
"""In the order in which footer and help show them."""

SCOPES = {
    "app": "everywhere", "replay": "while a recording is played", "lab": "in a lab", "start": "list of labs",
    "plan_new": "new plan", "plan": "plan", "grow": "growing a lab", "text": "text from trained runs", "runs": "runs",
    "chart": "cursor in the chart", "filter": "while filtering", "law": "law", "surface": "surface",
    "predict": "predict", "dialog": "in a window like this",
}  # fmt: skip
"""Scopes in words."""

_SHOWN = {
    "question_mark": "?", "colon": ":", "slash": "/", "escape": "esc", "up": "↑", "down": "↓", "left": "←",
    "right": "→", "plus": "+", "minus": "-", "equals_sign": "=", "comma": ",", "full_stop": ".", "space": "space",
    "pagedown": "pgdn", "pageup": "pgup",
    "left_square_bracket": "[", "right_square_bracket": "]", "less_than_sign": "<", "greater_than_sign": ">",
    "circumflex_accent": "^", "dollar_sign": "$",
}  # fmt: skip

_VIEWS = ("plan", "runs", "law", "surface", "predict")
_OVER = {
    "app": (*_VIEWS, "lab", "replay", "start", "plan_new", "grow", "text"),
    "lab": (*_VIEWS, "replay"),
    "replay": _VIEWS, "plan_new": ("plan",),
}  # fmt: skip
"""Scopes whose keys count beside those of others, which would hide them."""


def of(*scopes: str) -> tuple[Key, ...]:
    """The keys of these scopes, in the order of the table."""
    return tuple(key for key in KEYS if key.scope in scopes)


def bindings(scope: str, *, without: Iterable[str] = ()) -> list[BindingType]:
    """The scope's keys as Textual wants them in BINDINGS; `without` names ids that have no meaning here."""
    left_out = set(without)
    return [
        Binding(key.keys, key.action, key.help, show=False, id=key.id) for key in of(scope) if key.id not in left_out
    ]


def shown(key: Key, keymap: Mapping[str, str], *, whole: bool = False) -> str:
    """The key as a person reads it, remapped ones as they are now; the first, or all of them."""
    names = [name.strip() for name in keymap.get(key.id, key.keys).split(",")]
    return " ".join(_SHOWN.get(name, name) for name in (names if whole else names[:1]))


def named(action: str, keymap: Mapping[str, str]) -> str:
    """The key of an action in the middle of a sentence: named("lab.stop", {}) is "S"."""
    return shown(next(key for key in KEYS if key.id == action), keymap)


def names(some: Iterable[Key], keymap: Mapping[str, str]) -> set[str]:
    """Textual's names of all keys of these actions, remapped ones as they are now."""
    return {name.strip() for key in some for name in keymap.get(key.id, key.keys).split(",")}


def check(keymap: Mapping[str, object]) -> dict[str, str]:
    """A keymap out of the settings file.

    Raises
    ------
    BadInput
        No action has that id, the key is none, or two actions of one place would have the same key.
    """
    known = {key.id: key.keys for key in KEYS}
    good: dict[str, str] = {}
    for name, keys in keymap.items():
        if name not in known:
            raise BadInput(
                f"settings: there is no action {clean(name, 60)!r}", todo=did_you_mean(name, known) or "`?` lists them"
            )
        if not isinstance(keys, str) or not all(
            part.strip().isprintable() and part.strip() for part in keys.split(",")
        ):
            raise BadInput(f"settings: the key of {name} is {clean(str(keys), 60)!r}", allowed="a key, such as x or f5")
        good[name] = ",".join(_character_to_key(part) if len(part := each.strip()) == 1 else part
                              for each in keys.split(","))  # fmt: skip
    _check_clashes(known | good)
    _check_hidden(known | good, good)
    return good


def _check_hidden(keys: Mapping[str, str], changed: Mapping[str, str]) -> None:
    """A key of a lab or of the app that a view would take for itself, or the other way round, as nobody meant it."""
    for name in changed:
        scope, own = name.partition(".")[0], {part.strip() for part in keys[name].split(",")}
        for other, names in keys.items():
            place = other.partition(".")[0]
            if place not in _OVER.get(scope, ()) and scope not in _OVER.get(place, ()):
                continue
            if both := own & {part.strip() for part in names.split(",")}:
                _clash(min(both), other, name)


def _check_clashes(keys: Mapping[str, str]) -> None:
    taken: dict[tuple[str, str], str] = {}
    for name, names in keys.items():
        scope = name.partition(".")[0]
        for part in (part.strip() for part in names.split(",")):
            if other := taken.get((scope, part)):
                _clash(part, other, name)
            taken[scope, part] = name


def _clash(part: str, one: str, other: str) -> NoReturn:
    shown = clean(_SHOWN.get(part, part), 20)
    raise BadInput(f"settings: {shown} would be both {one} and {other}", todo="give one another")
