"""The one table of keys: what each does, where, and in words. Bindings, footer, help and palette are made from it.

Must not know any widget: an action is a name, and whoever has that scope in its BINDINGS has a method for it. No action
needs ctrl, which tmux, screen and terminals take for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding

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


def _key(id: str, keys: str, action: str, label: str, help: str, *, footer: bool = True) -> Key:
    return Key(
        id=id, keys=keys, action=action, scope=id.partition(".")[0], label=label, help=help, footer=footer
    )  # fmt: skip


KEYS: tuple[Key, ...] = (
    _key("app.help", "question_mark", "help", "help", "show all keys"),
    _key("app.palette", "colon,ctrl+p", "command_palette", "palette", "find an action by its name"),
    _key("app.theme", "T", "next_theme", "theme", "next theme: dark, light, the terminal's own colours", footer=False),
    _key("app.glyphs", "B", "next_glyphs", "glyphs", "draw charts with braille, blocks or ASCII", footer=False),
    _key("app.copy", "y", "copy", "copy", "copy what is selected, to the clipboard and to a file", footer=False),
    _key("app.leave", "q", "leave", "leave", "leave; what trains goes on training"),
    _key("lab.plan", "1", "show('plan')", "plan", "view 1: the plan, its cost and its command line"),
    _key("lab.runs", "2", "show('runs')", "runs", "view 2: the runs and their losses"),
    _key("lab.law", "3", "show('law')", "law", "view 3: the law, its rivals and what is odd"),
    _key("lab.surface", "4", "show('surface')", "surface", "view 4: the loss over N and D"),
    _key("lab.predict", "5", "show('predict')", "predict", "view 5: what a larger run would reach"),
    _key("lab.stop", "S", "stop", "stop", "stop training: save first, or now; asks before it does"),
    _key("lab.go_on", "R", "go_on", "go on", "train what is left, failed and stopped runs again"),
    _key("lab.back", "b,escape", "back", "labs", "back to the list of labs; training goes on"),
    _key("start.open", "enter", "open", "open", "open the lab, or plan the preset"),
    _key("start.new", "n", "new", "new plan", "a new plan, from the preset under the cursor or from the first"),
    _key("start.down", "j,down", "down", "down", "down", footer=False),
    _key("start.up", "k,up", "up", "up", "up", footer=False),
    _key("start.first", "g,home", "first", "first", "to the first", footer=False),
    _key("start.last", "G,end", "last", "last", "to the last", footer=False),
    _key("plan_new.start", "enter", "start", "start", "make the lab and train it, in a session of its own"),
    _key("plan_new.down", "j,down", "down", "down", "scroll down", footer=False),
    _key("plan_new.up", "k,up", "up", "up", "scroll up", footer=False),
    _key("plan_new.back", "b,escape", "back", "back", "back without starting"),
    _key("runs.focus", "enter", "focus_run", "focus", "show this run and the pinned ones alone; again: all runs"),
    _key("runs.pin", "p", "pin", "pin", "pin the run, to compare; again: let it go"),
    _key("runs.unpin", "u", "unpin", "unpin all", "let all pinned runs go", footer=False),
    _key("runs.log", "v", "log", "its log", "the log of the run under the cursor; again: the chart"),
    _key("runs.along", "x", "along", "x axis", "losses along tokens, FLOPs, steps or time"),
    _key("runs.log_y", "l", "log_y", "log y", "loss on a log or a linear axis"),
    _key("runs.log_x", "L", "log_x", "log x", "the other axis log or linear", footer=False),
    _key("runs.smooth", "m", "smooth", "smooth", "smooth the losses: not, a little, much"),
    _key("runs.order", "o", "order", "order", "order runs by urgency or as planned", footer=False),
    _key("runs.filter", "slash", "filter", "filter", "only runs whose name or state has these letters"),
    _key("runs.zoom", "z", "zoom", "zoom", "table and chart, the chart alone, the table alone"),
    _key("runs.down", "j,down", "down", "down", "next run", footer=False),
    _key("runs.up", "k,up", "up", "up", "run before", footer=False),
    _key("runs.first", "g,home", "first", "first", "to the first run", footer=False),
    _key("runs.last", "G,end", "last", "last", "to the last run", footer=False),
)
"""In the order in which footer and help show them."""

SCOPES = {
    "app": "everywhere", "lab": "in a lab", "start": "list of labs", "plan_new": "new plan", "plan": "plan",
    "runs": "runs", "law": "law", "surface": "surface", "predict": "predict",
}  # fmt: skip
"""Scopes in words."""

_SHOWN = {
    "question_mark": "?", "colon": ":", "slash": "/", "escape": "esc", "up": "↑", "down": "↓", "left": "←",
    "right": "→", "plus": "+", "minus": "-", "equals_sign": "=", "comma": ",", "full_stop": ".", "space": "space",
    "left_square_bracket": "[", "right_square_bracket": "]", "less_than_sign": "<", "greater_than_sign": ">",
}  # fmt: skip


def of(*scopes: str) -> tuple[Key, ...]:
    """The keys of these scopes, in the order of the table."""
    return tuple(key for key in KEYS if key.scope in scopes)


def bindings(scope: str, *, without: Iterable[str] = ()) -> list[Binding]:
    """The scope's keys as Textual wants them in BINDINGS; `without` names ids that have no meaning here."""
    left_out = set(without)
    return [
        Binding(key.keys, key.action, key.help, show=False, id=key.id) for key in of(scope) if key.id not in left_out
    ]


def shown(key: Key, keymap: Mapping[str, str], *, all: bool = False) -> str:
    """The key as a person reads it, remapped ones as they are now; the first, or all of them."""
    names = [name.strip() for name in keymap.get(key.id, key.keys).split(",")]
    return " ".join(_SHOWN.get(name, name) for name in (names if all else names[:1]))


def check(keymap: Mapping[str, str]) -> dict[str, str]:
    """A keymap out of the settings file.

    Raises
    ------
    BadInput
        No action has that id, the key is none, or two actions of one place would have the same key.
    """
    known = {key.id: key for key in KEYS}
    for id, keys in keymap.items():
        if id not in known:
            raise BadInput(
                f"settings: there is no action {clean(id, 60)!r}", todo=did_you_mean(id, known) or "`?` lists them"
            )
        if not isinstance(keys, str) or not all(name.strip() for name in keys.split(",")):
            raise BadInput(f"settings: the key of {id} is {clean(str(keys), 60)!r}", allowed="a key, such as x or f5")
    _check_clashes({id: keymap.get(id, key.keys) for id, key in known.items()})
    return dict(keymap)


def _check_clashes(keys: Mapping[str, str]) -> None:
    taken: dict[tuple[str, str], str] = {}
    for id, names in keys.items():
        scope = id.partition(".")[0]
        for name in (name.strip() for name in names.split(",")):
            if other := taken.get((scope, name)):
                raise BadInput(f"settings: {clean(name, 20)} would be both {other} and {id}", todo="give one another")
            taken[scope, name] = id
