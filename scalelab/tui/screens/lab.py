"""One lab: its header line, its views, its keys. Takes snapshots from the feed and hands them to the seen view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from scalelab.errors import ScalelabError
from scalelab.records import RunState
from scalelab.tui import header, keys, views
from scalelab.tui.bars import KeyBar, Lines
from scalelab.tui.feed import Feed, LabChanged, LabUnreadable
from scalelab.tui.screens.base import TYPED, Room
from scalelab.tui.screens.confirm import Choice, Confirm
from scalelab.tui.screens.problem import Problem

if TYPE_CHECKING:
    from scalelab.tui.snapshot import Snapshot

FIRST_VIEW = "runs"
PAINTED = 0.03
"""Seconds in which Textual paints a first screen."""
NOW, SAVE = "now", "save"


class LabScreen(Room):
    """A lab under its five views."""

    DEFAULT_CSS = """
    LabScreen #header { padding: 0 1; background: $panel; }
    LabScreen #views { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("lab")

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.snapshot: Snapshot | None = None
        self._feed = Feed(root, self.post_message)
        self._seen: dict[str, Snapshot] = {}
        """The last snapshot that each view was shown."""

    def compose(self) -> ComposeResult:
        """Header, views, keys."""
        head = Lines(id="header")
        head.put([[(f"reading {self.root.name}", "faint")], []])
        yield head
        yield ContentSwitcher(id="views")
        yield KeyBar(id="keybar")

    async def on_mount(self) -> None:
        """Make the first view and begin to read."""
        self.tell_keys()
        # Charts need numpy, which takes as long as half of Textual: not before something stands on the screen.
        self.set_timer(PAINTED, self._begin)

    async def _begin(self) -> None:
        await self._look_at(FIRST_VIEW)
        self._feed.start()

    def on_unmount(self) -> None:
        """Read no more."""
        self._feed.close()

    def on_resize(self) -> None:
        """Another width, another header."""
        self._draw_header()

    # What the feed says

    @on(LabChanged)
    def _changed(self, message: LabChanged) -> None:
        self.snapshot = message.snapshot
        self._draw_header()
        self._show()
        self.tell_keys()

    @on(LabUnreadable)
    def _unreadable(self, message: LabUnreadable) -> None:
        self.app.push_screen(Problem("the lab cannot be read", message.error, self.root / "supervisor.log"))

    def _draw_header(self) -> None:
        if self.snapshot is not None:
            width = max(self.size.width - 2, 10)
            tabs = [(keys.shown(key, self._keymap), key.label) for key in keys.of("lab") if self._is_view(key)]
            self.query_one("#header", Lines).put(header.lines(self.snapshot, width, header.who(), tabs, self.view))

    def _show(self) -> None:
        """Hand the newest snapshot to the view that is seen, once."""
        shot = self.snapshot
        if shot is not None and self._made and self._seen.get(self.view) is not shot:
            self._seen[self.view] = shot
            cast("views.View", self._widget()).show(shot)

    # Which view

    @property
    def view(self) -> str:
        """The name of the view that is seen."""
        return self.query_one(ContentSwitcher).current or FIRST_VIEW

    @property
    def scopes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The view's keys first."""
        own = tuple(getattr(self._widget(), "scopes", (self.view,))) if self._made else ()
        return own if TYPED in own else (*own, "lab")

    @property
    def _keymap(self) -> Mapping[str, str]:
        return getattr(self.app, "keymap", {})

    @staticmethod
    def _is_view(key: keys.Key) -> bool:
        return key.id.removeprefix("lab.") in views.NAMES

    def owner(self, scope: str) -> DOMNode | None:
        """The view has the keys of its own name, and may have parts with keys of theirs."""
        if scope in {"lab", "app"}:
            return super().owner(scope)
        widget = self._widget()
        part = getattr(widget, "owner", None)
        return cast("DOMNode | None", part(scope)) if callable(part) else widget

    def is_offered(self, key: keys.Key) -> bool:
        """Views that there are; stopping while somebody trains, going on while nobody does and something is left."""
        if key.id.removeprefix("lab.") in views.NAMES:
            return self._is_view(key)
        shot = self.snapshot
        if key.id == "lab.stop":
            return shot is not None and shot.alive
        if key.id == "lab.go_on":
            return shot is not None and not shot.alive and _unfinished(shot)
        return super().is_offered(key)

    def copied(self) -> str:
        """What the view has, else the law."""
        copied = getattr(self._widget(), "copied", None) if self._made else None
        words = copied() if callable(copied) else ""
        return str(words) or (header.law_words(self.snapshot) if self.snapshot else "")

    async def _look_at(self, name: str) -> None:
        switcher = self.query_one(ContentSwitcher)
        if not switcher.query(f"#{name}"):
            await switcher.add_content(views.make(name), id=name)
        switcher.current = name
        self._draw_header()
        self._show()
        self._take_keys()
        self.tell_keys()

    @property
    def _made(self) -> bool:
        """Whether the first view is there."""
        return bool(self.query(f"#views > #{self.view}"))

    def _widget(self) -> Widget:
        return self.query_one(f"#views > #{self.view}", Widget)

    def _take_keys(self) -> None:
        widget = self._widget()
        target = widget if widget.focusable else next(iter(_focusable(widget)), None)
        if type(widget).focus is not Widget.focus:  # it knows better which part of it keys go to
            widget.focus()
        elif target is not None:
            target.focus()

    # What keys do

    async def action_show(self, name: str) -> None:
        """Another view."""
        if name in views.NAMES:
            await self._look_at(name)

    def action_back(self) -> None:
        """Back to the labs; training goes on."""
        self.app.back_to_labs()  # type: ignore[attr-defined]

    def action_stop(self) -> None:
        """Ask how to stop."""
        shot = self.snapshot
        if shot is None or not shot.alive:
            self.say("nobody trains this lab now")
            return
        running = sum(row.state is RunState.RUNNING for row in shot.rows)
        self.app.push_screen(
            Confirm(
                f"stop training {shot.name}?",
                f"{running} run{'s' if running != 1 else ''} under way. Finished runs and checkpoints stay; R goes on.",
                (
                    Choice(name="", words="go on training"),
                    Choice(name=SAVE, words="save and stop: every run writes a checkpoint first; nothing is lost"),
                    Choice(name=NOW, words="stop now, without saving: what came after the last checkpoints is lost"),
                ),
            ),
            self._stop,
        )

    def _stop(self, answer: str | None) -> None:
        from scalelab.lab import control

        if not answer:
            return
        try:
            control.request_stop(self.root, now=answer == NOW)
        except ScalelabError as problem:
            self.app.push_screen(Problem("not stopped", problem, self.root / "supervisor.log"))
            return
        self.say("asked to stop" if answer == NOW else "asked to save and stop; it takes some seconds")

    def action_go_on(self) -> None:
        """Train what is left."""
        shot = self.snapshot
        if shot is None or shot.alive:
            self.say("it is being trained" if shot else "not read yet")
        elif not _unfinished(shot):
            self.say("every run is over; there is nothing left to train")
        else:
            self.say("starting")
            self.app.go_on(self.root)  # type: ignore[attr-defined]


def _unfinished(shot: Snapshot) -> bool:
    """Whether a supervisor would find something to do: failed runs are tried again, diverged ones are not."""
    return any(row.state not in {RunState.DONE, RunState.DIVERGED} for row in shot.rows)


def _focusable(widget: Widget) -> list[Widget]:
    return [each for each in widget.walk_children(Widget) if each.focusable and each.display]
