"""One lab: its header line, its views, its keys. Takes snapshots from the feed and hands them to the seen view."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import actions, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.widget import Widget

from scalelab.tui import header, keys, views
from scalelab.tui.bars import KeyBar, Lines
from scalelab.tui.feed import Feed, LabChanged, LabUnreadable
from scalelab.tui.ground import Stack
from scalelab.tui.screens.asks import Asks
from scalelab.tui.screens.base import TYPED, Room
from scalelab.tui.screens.problem import Problem

if TYPE_CHECKING:
    from scalelab.tui.snapshot import Snapshot

FIRST_VIEW = "runs"
PAINTED = 0.03
"""Seconds in which Textual paints a first screen."""
AHEAD = 0.2
"""Seconds after the first sight of a lab, before the other views are made, and between them."""

DRAWN_AHEAD = ("law", "surface", "plan")
"""Views that draw a lab's first law before they are looked at. Not that of predictions, which begins a process."""


class LabScreen(Asks):
    """A lab under its five views."""

    DEFAULT_CSS = """
    LabScreen #header { padding: 0 1; background: $panel; }
    LabScreen #views { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("lab")

    def __init__(self, root: Path, view: str = FIRST_VIEW) -> None:
        super().__init__()
        self.root = root
        self.snapshot: Snapshot | None = None
        self._feed = Feed(root, self.hear)
        self._seen: dict[str, Snapshot] = {}
        """The last snapshot that each view was shown."""
        self._wanted = view
        self._group = 0
        self._drew_ahead = False
        self._making = asyncio.Lock()
        self._views: dict[str, Widget] = {}
        self._switcher = Stack(id="views")

    def compose(self) -> ComposeResult:
        """Header, views, keys."""
        head = Lines(id="header")
        head.put([[(f"reading {self.root.name}", "faint")], []])
        yield head
        yield self._switcher
        yield KeyBar(id="keybar")

    async def on_mount(self) -> None:
        """Make the first view and begin to read."""
        self.tell_keys()
        # Charts need numpy, which takes as long as half of Textual: not before something stands on the screen.
        self.set_timer(PAINTED, self._begin)

    async def _begin(self) -> None:
        await self._look_at(self._wanted)
        if self._made:  # else it was left meanwhile
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
        if self.snapshot is None:
            self._make_ready()
        elif self.snapshot.alive != message.snapshot.alive:
            self.say("")  # what was asked of it has come about, or is over
        self.snapshot = message.snapshot
        if not self._drew_ahead and self.is_read and message.snapshot.assessment is not None:
            self._drew_ahead = True
            self._draw_ahead()
        for room in (each for each in self.app.screen_stack if isinstance(each, Room)):
            room.follow(message.snapshot)
        self._draw_header()
        self._show()
        self.tell_keys()

    @on(LabUnreadable)
    def _unreadable(self, message: LabUnreadable) -> None:
        self.app.push_screen(Problem("the lab cannot be read", message.error, self.log_file))

    def _draw_header(self) -> None:
        if self.snapshot is not None:
            width = max(self.size.width - 2, 10)
            tabs = [(keys.shown(key, self._keymap), key.label) for key in keys.of("lab") if self._is_view(key)]
            self.query_one("#header", Lines).put(header.lines(self.snapshot, width, self.owners(), tabs, self.view))

    @property
    def is_read(self) -> bool:
        """Whether all that the store has was read once."""
        return self.snapshot is not None and self.snapshot.complete

    @property
    def log_file(self) -> Path | None:
        """What is named where something is wrong."""
        return self.root / "supervisor.log"

    def owners(self) -> Sequence[str]:
        """What stands at the right of the first line, in words from many to few: who looks."""
        return (header.who(),)

    def _show(self) -> None:
        """Hand the newest snapshot to the view that is seen, once."""
        if self._made:
            self._hand(self.view)

    def _hand(self, name: str) -> None:
        shot = self.snapshot
        if shot is not None and self._seen.get(name) is not shot:
            self._seen[name] = shot
            cast("views.View", self._views[name]).show(shot)

    # Which view

    @property
    def view(self) -> str:
        """The name of the view that is seen."""
        return self._switcher.current or FIRST_VIEW

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
        """Views that there are, and what can be asked of the lab as it stands."""
        if key.id.removeprefix("lab.") in views.NAMES:
            return self._is_view(key)
        return self.can_be_asked(key.id) and super().is_offered(key)

    def elsewhere(self) -> Iterator[tuple[keys.Key, keys.Key]]:
        """The keys of the views that are not seen, each behind the one of its view."""
        for lead in filter(self._is_view, keys.of("lab")):
            name = lead.id.removeprefix("lab.")
            if name != self.view:
                yield from ((lead, key) for key in keys.of(name) if self._has(name, key))

    def _has(self, name: str, key: keys.Key) -> bool:
        """Whether a key would mean something in a view; while that is not made, whether it may."""
        _, action, values = actions.parse(key.action)
        view = self._views.get(name)
        return self.can_be_asked(key.id) and (view is None or view.check_action(action, values) is not False)

    def copied(self) -> str:
        """What the view has, else the law."""
        copied = getattr(self._widget(), "copied", None) if self._made else None
        words = copied() if callable(copied) else ""
        return str(words) or (header.law_words(self.snapshot) if self.snapshot else "")

    async def _look_at(self, name: str) -> None:
        self._wanted = name
        await self._make(name)
        # A screen that is left while its view is made has no place for it any more.
        if name != self._wanted or name not in self._views or not self._switcher.is_attached:
            return
        self._switcher.current = name
        self._draw_header()
        self._show()
        self._widget().focus()
        self.tell_keys()

    async def _make(self, name: str) -> None:
        async with self._making:  # another may still be on its way
            if name not in self._views:
                widget = views.make(name)
                await self._switcher.add_content(widget, id=name)
                self._views[name] = widget

    @work(group="ahead", description="views that are not seen yet")
    async def _make_ready(self) -> None:
        """Make the other views while nobody waits: the first sight of one would take three times as long."""
        await asyncio.sleep(AHEAD)
        await asyncio.to_thread(views.load)
        for name in sorted(views.NAMES, key=("law", "surface", "predict", "plan", "runs").index):
            await self._make(name)
            await asyncio.sleep(AHEAD)
        # Views and what they imported stay: a look for garbage among them is felt at the key that it comes upon.
        gc.freeze()

    @work(group="ahead", description="a law that is not seen yet")
    async def _draw_ahead(self) -> None:
        """Let views that are not seen draw the first law, while nobody waits for it."""
        for name in DRAWN_AHEAD:
            await asyncio.sleep(AHEAD)
            await self._make(name)
            self._hand(name)
        gc.freeze()

    @property
    def _made(self) -> bool:
        """Whether the first view is there."""
        return self.view in self._views and self._switcher.is_attached

    def _widget(self) -> Widget:
        return self._views[self.view]

    # What keys do

    async def action_show(self, name: str) -> None:
        """Another view."""
        if name in views.NAMES:
            await self._look_at(name)

    def action_next_group(self, by: int) -> None:
        """The law of the next group, or of the one before."""
        shot = self.snapshot
        if shot is not None and len(shot.groups) > 1:
            self._group = (self._group + by) % len(shot.groups)
            self._feed.tell(shot.groups[self._group])

    def action_back(self) -> None:
        """Back to the labs; training goes on."""
        self.app.back_to_labs()  # type: ignore[attr-defined]
