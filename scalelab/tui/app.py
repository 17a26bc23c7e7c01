"""The app: its screens, its themes, what it starts and how it leaves. Training is other processes' business, always.

It may be killed at any time and loses nothing. Never imports torch, transformers, datasets or scipy.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual._context import NoActiveAppError, active_message_pump
from textual.binding import BindingType
from textual.command import Provider
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import MountError
from textual.worker import WorkerFailed, get_current_worker

from scalelab.errors import ScalelabError
from scalelab.gate import clean
from scalelab.records import RunState
from scalelab.tui import keys, settings
from scalelab.tui.charts.wire import ChangedCells
from scalelab.tui.focus import is_typed
from scalelab.tui.gone import leave_when_asked
from scalelab.tui.labs import short
from scalelab.tui.later import is_left
from scalelab.tui.palette import KeyCommands, Palette
from scalelab.tui.screens.base import Room
from scalelab.tui.screens.dialog import Dialog
from scalelab.tui.screens.help import Help
from scalelab.tui.screens.problem import Problem
from scalelab.tui.screens.start import StartScreen
from scalelab.tui.scrollbars import use_bars
from scalelab.tui.starting import Started, StartFailed, StartTold, start
from scalelab.tui.themes import THEMES, Colourless

if TYPE_CHECKING:
    from scalelab.preset import Preset
    from scalelab.replay.player import Player, Replay
    from scalelab.tui.snapshot import Snapshot
    from scalelab.tui.views.draft import Draft

NO_COLOUR = Colourless()
DETACHED_ERRORS = (NoMatches, MountError, NoActiveAppError)
"""Raised where a view that is no longer on a screen is asked for its children, for more of them or for the app."""
STANDS = 1.0
"""Seconds in which a screen has its widgets; one that is taken away before never has them."""
CATCHES_UP, QUIET = 0.1, 3
"""Seconds that a key waits for what the one before has brought about, and turns in which nothing more comes of it."""
LONGEST_PASTE = 1000
OWN_THEMES = {theme.name: theme for theme in THEMES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the app begins with; the list of labs where nothing is said."""

    lab: Path | None = None
    preset: str | None = None
    replay: Replay | None = None


class LabApp(ChangedCells[str]):
    """The lab in the terminal; what it returns is said after it has left."""

    TITLE = "scalelab"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {KeyCommands}
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("app")
    CSS = "SearchIcon { display: none; }"

    def __init__(
        self,
        opening: Opening | None = None,
        chosen: settings.Settings | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._opening = opening or Opening()
        self._chosen = chosen or settings.Settings()
        self.now = now
        self.glyphs = self._chosen.glyphs
        use_bars(self.glyphs)
        self._starting: dict[Path, Path | None] = {}
        """Labs that are being started, and the preset file that the starter reads."""
        self.drafts: dict[str, Draft] = {}
        """Preset → the plan that was edited from it and left."""
        self.animation_level = "none"
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = f"scalelab-{self._chosen.theme}"
        self.set_keymap(dict(self._chosen.keymap))

    @property
    def keymap(self) -> Mapping[str, str]:
        """Keys that the user has given other actions."""
        return self._chosen.keymap

    def get_line_filters(self) -> Sequence[LineFilter]:
        """With NO_COLOR nothing but the one that takes colours away: the others make colours, of dim letters too."""
        return [NO_COLOUR] if self.no_color else super().get_line_filters()

    def get_theme(self, theme_name: str) -> Theme | None:
        """Ours at once, by its name: Textual asks at every row of every widget."""
        return OWN_THEMES.get(theme_name) or super().get_theme(theme_name)

    def _handle_exception(self, error: Exception) -> None:
        """No error where a view that is taken away, its children first, still hears of something and finds none."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        # Around a worker the app is the active pump, whichever view began the work.
        view = get_current_worker().node if isinstance(error, WorkerFailed) else active_message_pump.get(None)
        if not (isinstance(cause, DETACHED_ERRORS) and self._taken_away(view)):
            super()._handle_exception(error)

    def _taken_away(self, view: object) -> bool:
        if not isinstance(view, DOMNode):
            return self._exit
        return self._exit or is_left(view)

    def get_default_screen(self) -> Screen[Any]:
        """The list of labs lies under everything."""
        return StartScreen()

    def on_mount(self) -> None:
        """Go straight in where something was named."""
        leave_when_asked(self.action_leave)
        if self._opening.lab is not None:
            self.open_lab(self._opening.lab)
        elif self._opening.preset is not None:
            self.new_plan(self._opening.preset)
        elif self._opening.replay is not None:
            from scalelab.replay.player import Player

            self.play(Player(self._opening.replay))

    # Where to go

    def open_lab(self, root: Path) -> None:
        """Look at a lab."""
        from scalelab.tui.screens.lab import LabScreen

        settings.remember(root)
        if isinstance(first := self.screen_stack[0], StartScreen):
            first.leave(root)
        self.push_screen(LabScreen(root))

    def play(self, player: Player, view: str = "runs") -> None:
        """Play a recording, in the place of one that is played now."""
        from scalelab.tui.screens.replay import ReplayScreen

        screen = ReplayScreen(player, view)
        if isinstance(self.screen, ReplayScreen):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def new_plan(self, preset: str) -> None:
        """Plan a preset."""
        from scalelab.tui.screens.plan import PlanScreen

        self.push_screen(PlanScreen(preset))

    def back_to_labs(self) -> None:
        """Down to the list of labs."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    # What it starts

    def on_plan_view_start_requested(self, message: Any) -> None:
        """A plan is to be trained, be it a new one or one made from a lab's."""
        self.start_plan(message.preset, message.lab)

    def start_plan(self, preset: Preset, root: Path) -> None:
        """Make a lab of a plan and train it, in a session of its own; it opens when somebody owns it."""
        from scalelab import preset_files

        if root in self._starting:
            self._say(f"{short(root)} is being made already")
            return
        try:
            with tempfile.NamedTemporaryFile("w", prefix="scalelab-", suffix=".toml", delete=False) as file:
                file.write(preset_files.dumps(preset))
        except OSError as problem:
            self._failed(root, ScalelabError("the plan cannot be written", todo=problem.strerror or ""))
            return
        self._say(f"making {short(root)}: the first line comes in some seconds")
        self._starting[root] = Path(file.name)
        start(["--preset", file.name], root, self.post_message)

    def go_on(self, root: Path) -> None:
        """Train what is left of a lab."""
        if root not in self._starting:
            self._starting[root] = None
            start([], root, self.post_message)

    @on(StartTold)
    def _told(self, message: StartTold) -> None:
        self._say(message.text)

    @on(Started)
    def _started(self, message: Started) -> None:
        self._no_longer(message.root)
        self._say("training; leaving does not stop it")
        here = getattr(self.screen, "root", None)
        if here != message.root:
            self.back_to_labs()
            self.open_lab(message.root)

    @on(StartFailed)
    def _start_failed(self, message: StartFailed) -> None:
        self._no_longer(message.root)
        self._failed(message.root, message.error)

    def _no_longer(self, root: Path) -> None:
        if (file := self._starting.pop(root, None)) is not None:
            file.unlink(missing_ok=True)

    def _failed(self, root: Path, error: ScalelabError) -> None:
        log = root / "supervisor.log"
        self._say("")
        self.push_screen(Problem(f"{short(root)} was not started", error, log if log.exists() else None))

    # What keys do

    async def on_event(self, event: events.Event) -> None:
        """A key that does something does it before the next one is looked at; what is pasted goes through the gate."""
        if isinstance(event, events.InputEvent | events.Paste) and (self._exit or not self.screen_stack):
            return  # nobody is there any more
        if isinstance(event, events.Paste):
            event.text = clean(event.text, LONGEST_PASTE)
        if not (isinstance(event, events.Key) and not event.is_forwarded and await self._done_at_once(event)):
            await super().on_event(event)

    async def _done_at_once(self, event: events.Key) -> bool:
        if not self.screen.is_mounted:  # a key that comes before what it is meant for stands waits for it
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.screen._mounted_event.wait(), STANDS)
        screen = self.screen
        await _caught_up(screen)
        if not isinstance(screen, Room | Dialog) or is_typed(screen, event.key, event.character):
            return False
        if isinstance(screen, Room):
            screen.say("")  # whatever was said was read
        return await self._check_bindings(event.key)

    def action_help(self) -> None:
        """All keys that mean something here."""
        if isinstance(self.screen, Room):
            self.push_screen(Help([*self.screen.offered(), *keys.of("dialog")], self.keymap))

    def action_command_palette(self) -> None:
        """Actions by their words."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_next_theme(self) -> None:
        """The next theme."""
        names = [f"scalelab-{name}" for name in settings.THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        self._remember("theme", self.theme.removeprefix("scalelab-"))

    def action_next_glyphs(self) -> None:
        """The next set of glyphs, in every chart."""
        sets = settings.GLYPHS
        self.glyphs = sets[(sets.index(self.glyphs) + 1) % len(sets)]
        for widget in self.screen.walk_children():
            if hasattr(type(widget), "glyphs"):
                widget.glyphs = self.glyphs  # type: ignore[attr-defined]
        use_bars(self.glyphs)
        self.screen.refresh(layout=True)
        self._remember("glyphs", self.glyphs)

    def _remember(self, name: str, value: str) -> None:
        """Keep a choice for the next time."""
        try:
            path = settings.keep(name, value)
        except ScalelabError as problem:
            self._say(f"{name} {value}, for now: {problem.line()}")
        else:
            self._say(f"{name} {value}, kept in {short(path)}")

    def action_redraw(self) -> None:
        """Every cell anew: a broadcast or a line of another program that stands between is gone."""
        self.write_all()

    def action_copy(self) -> None:
        """To the terminal's clipboard by OSC 52, which goes through SSH, and to a file."""
        words = self.screen.copied() if isinstance(self.screen, Room) else ""
        if not words:
            self._say("there is nothing to copy here")
            return
        self.copy_to_clipboard(words)
        kept = _keep(words)
        self._say("copied" + (f", and written to {kept}" if kept else ""))

    def action_leave(self) -> None:
        """Leave; what trains goes on."""
        said = [farewell(_snapshots(self.screen_stack), self._starting)]
        if self.drafts:
            from scalelab.tui.views.planning import unfinished

            said += unfinished(self.drafts.values(), self._starting)
        self.exit("\n".join(filter(None, said)))

    async def action_quit(self) -> None:
        """Textual's own way out is the same."""
        self.action_leave()

    def action_help_quit(self) -> None:
        """Ctrl-C ends nothing here, and says what does."""
        leave = next(key for key in keys.of("app") if key.id == "app.leave")
        self._say(f"{keys.shown(leave, self.keymap)} leaves; what trains goes on training")

    def _say(self, sentence: str) -> None:
        if isinstance(self.screen, Room):
            self.screen.say(sentence)


async def _caught_up(screen: Screen[Any]) -> None:
    """Let what the key before has changed be changed: the next one is for the form that it led to."""
    focused, quiet, end = screen.focused, 0, time.monotonic() + CATCHES_UP
    if focused is None:
        return
    chain = [each for each in focused.ancestors_with_self if each not in {screen, screen.app}]
    if not any(each.message_queue_size for each in chain):
        return
    while quiet < QUIET and time.monotonic() < end:
        await asyncio.sleep(0)
        quiet = 0 if any(each.message_queue_size for each in chain) else quiet + 1


def farewell(shots: Iterable[Snapshot], starting: Iterable[Path] = ()) -> str:
    """What is said after leaving: what keeps training, and how to come back."""
    for root in starting:
        return f"{short(root)} is being made and then trains: `scalelab attach {quoted(root)}` shows it"
    for shot in shots:
        if shot.alive and not shot.recorded:
            running = sum(row.state is RunState.RUNNING for row in shot.rows)
            one = running == 1
            what = f"{running} run{'s' * (not one)} keep{'s' * one} training" if running else "training goes on"
            return f"{what}: `scalelab attach {quoted(shot.root)}` returns here"
    return ""


def quoted(root: Path) -> str:
    """The folder as one word of a shell, and as no option."""
    shown = short(root)
    return shlex.quote(f"./{shown}" if shown.startswith("-") else shown)


def _snapshots(stack: Iterable[object]) -> list[Snapshot]:
    return [shot for screen in stack if (shot := getattr(screen, "snapshot", None)) is not None]


def _keep(words: str) -> str:
    """The file that has what was copied last; empty where none could be written."""
    path = settings.state_folder() / "copied.txt"
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(words + "\n")
        return str(path)
    return ""
