"""The first screen: labs that there are, with state, law and age, and presets to make one from."""

from __future__ import annotations

import textwrap
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from scalelab.gate import clean
from scalelab.tui import keys, settings
from scalelab.tui.bars import KeyBar, Lines
from scalelab.tui.columns import GAP, Column, Row
from scalelab.tui.focus import give_keys
from scalelab.tui.labs import LabLine, found, read
from scalelab.tui.screens.base import Room
from scalelab.tui.table import Table
from scalelab.units import format_duration

NAME = 32
COLUMNS = (
    Column(name="name", title="", keep=0, left=True, most=NAME, least=10),
    Column(name="state", title="", keep=1, left=True, most=10, least=10),
    Column(name="progress", title="", keep=3, left=True, most=20),
    Column(name="age", title="", keep=4, most=12),
    Column(name="law", title="", keep=2, left=True, most=400, least=16, rest=True),
)
LOOKS_EVERY = 5.0
"""Seconds between two looks at labs of which one trains."""
MOST_LINES = 4
"""Lines below the list for what is cut of one row."""
LAB, PRESET = "lab:", "preset:"
_LOOKS = {"training": "good", "stopped": "bad", "unreadable": "bad", "waiting": "faint", "finished": ""}


class LabsRead(Message):
    """Labs as their stores say, and presets with their descriptions, the shipped ones first."""

    def __init__(self, labs: Sequence[LabLine], presets: Mapping[str, str]) -> None:
        self.labs, self.presets = tuple(labs), dict(presets)
        super().__init__()


class StartScreen(Room):
    """Labs and presets under one cursor."""

    DEFAULT_CSS = """
    StartScreen #title { padding: 0 1; margin-bottom: 1; }
    StartScreen Table { padding: 0 1; }
    StartScreen #about { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("start")
    scopes = ("start",)

    def __init__(self) -> None:
        super().__init__()
        self._labs: tuple[LabLine, ...] | None = None
        self._presets: dict[str, str] = {}
        self._left = ""
        """The row of the lab that is being left for this list."""
        self._rows: tuple[Row, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, list, keys."""
        plain = getattr(self.app, "glyphs", "") == "ascii"
        yield Lines(id="title")
        yield Table(COLUMNS, pointer=">" if plain else "▸", head=False, id="list")
        yield Lines(id="about")
        yield KeyBar(id="keybar")

    def on_mount(self) -> None:
        """Paint first: what is listed needs libraries that take longer than all of Textual."""
        from scalelab.tui.header import who

        name: list[tuple[str, str]] = [("scalelab", "strong"), ("  a lab for scaling laws in the terminal", "faint")]
        self.query_one("#title", Lines).put([[*name, (f"   {who()}", "faint")]])
        self.tell_keys()
        self._draw()
        give_keys(self.query_one(Table))
        self.set_interval(LOOKS_EVERY, self._read_again)

    def _read_again(self) -> None:
        """What trains moves; where nothing does, nothing is read."""
        if any(lab.alive for lab in self._labs or ()):
            self._begin()

    def on_screen_resume(self) -> None:
        """Read the labs, now and whenever it is come back to."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self.is_current:  # not below a lab that was named on the command line
            threading.Thread(target=self._read, name="scalelab-labs", daemon=True).start()

    def _read(self) -> None:
        from scalelab.tui import presets

        labs = [read(root) for root in found(settings.recent())]
        self.post_message(LabsRead(labs, presets.shipped() | presets.own()))

    @on(LabsRead)
    def _came(self, message: LabsRead) -> None:
        left, self._left = self._left, ""
        first = self._labs is None
        # What trains stands first, then what was touched last.
        self._labs = tuple(sorted(message.labs, key=lambda lab: (not lab.alive, -lab.changed)))
        self._presets = message.presets
        self._draw(cursor=left or (f"{LAB}{self._labs[0].root}" if first and self._labs else ""))

    def _draw(self, cursor: str = "") -> None:
        now = getattr(self.app, "now", time.time)()
        rows = [Row(key="", cells={"heading": "labs"}), *self._lab_rows(now), Row(key="", cells={"heading": ""}),
                Row(key="", cells={"heading": "presets"}), *self._preset_rows()]  # fmt: skip
        self._rows = tuple(rows)
        self.query_one(Table).put(rows, cursor=cursor)
        self._tell_about()

    @on(Table.Moved)
    def _tell_about(self) -> None:
        """What is cut of the row under the cursor, in as many lines as the longest such row takes: the list stands."""
        table = self.query_one(Table)
        told = {row.key: _wrapped(row, table.size.width) for row in self._rows if row.key and table.cuts(row)}
        most, here = max(map(len, told.values()), default=0), told.get(table.cursor, [])
        self.query_one("#about", Lines).put([[(line, "faint")] for line in here + [""] * (most - len(here))])

    def on_resize(self) -> None:
        """Another width cuts other rows; the list knows which when it has its own width."""
        self.call_after_refresh(self._tell_about)

    def _lab_rows(self, now: float) -> list[Row]:
        if self._labs is None:
            return [Row(key="", cells={"heading": "  reading ./labs"})]
        if not self._labs:
            plans, trains = self.key("start.open"), self.key("plan.start")
            words = ("  none yet: choose a preset below;", f"  {plans} plans it, then {trains} trains it")
            return [Row(key="", cells={"heading": each}) for each in words]
        return [_lab_row(lab, now) for lab in self._labs]

    def _preset_rows(self) -> list[Row]:
        # Their names are short: what they are begins behind the longest, not behind the longest path of a lab.
        shown = {name: _end_of(clean(name)) for name in self._presets}
        behind = max(map(cell_len, shown.values()), default=0) + GAP
        edited = self._edited()
        return [
            Row(
                key=f"{PRESET}{name}", styles={"state": "faint"}, spread="state", spread_at=behind,
                cells={"name": shown[name], "state": f"(edited) {words}" if name in edited else words},
            )
            for name, words in self._presets.items()
        ]  # fmt: skip

    def _edited(self) -> set[str]:
        """Presets of which a plan was edited that no lab was made of."""
        drafts = getattr(self.app, "drafts", {})
        if not drafts:
            return set()
        from scalelab.tui.views.planning import is_lab  # what plans: not before the first paint

        return {name for name, draft in drafts.items() if not is_lab(draft.started)}

    @on(Table.Chosen)
    def _chosen(self) -> None:
        self.action_open()

    def leave(self, root: Path) -> None:
        """Have the cursor on this lab when the list is seen again."""
        self._left = f"{LAB}{root}"

    def copied(self) -> str:
        """The path of the lab under the cursor."""
        return self._under(LAB)

    # What keys do

    def action_open(self) -> None:
        """Open the lab, or plan the preset."""
        if lab := self._under(LAB):
            self.app.open_lab(Path(lab))  # type: ignore[attr-defined]
        elif self._under(PRESET):
            self.action_new()

    def action_new(self) -> None:
        """A new plan."""
        self.app.new_plan(self._under(PRESET) or next(iter(self._presets), "tiny"))  # type: ignore[attr-defined]

    def action_down(self) -> None:
        """Next."""
        self.query_one(Table).move(1)

    def action_up(self) -> None:
        """Before."""
        self.query_one(Table).move(-1)

    def action_first(self) -> None:
        """To the first."""
        self.query_one(Table).move(-1000)

    def action_last(self) -> None:
        """To the last."""
        self.query_one(Table).move(1000)

    def _under(self, kind: str) -> str:
        key = self.query_one(Table).cursor
        return key.removeprefix(kind) if key.startswith(kind) else ""


def _lab_row(lab: LabLine, now: float) -> Row:
    age = f"{format_duration(max(now - lab.changed, 0.0))} ago" if lab.changed else ""
    cells = {"name": _end_of(lab.shown), "state": lab.state, "progress": lab.progress, "age": age, "law": lab.law}
    return Row(key=f"{LAB}{lab.root}", cells=cells, styles={"state": _LOOKS[lab.state], "law": "faint", "age": "faint"})


def _wrapped(row: Row, width: int) -> list[str]:
    """A preset's description, or what is known of a lab, in full lines."""
    parts = (row.cells.get(name, "") for name in ((row.spread,) if row.spread else ("progress", "age", "law")))
    words = clean(" · ".join(filter(None, parts)), MOST_LINES * width)
    return textwrap.wrap(words, max(width, 20), max_lines=MOST_LINES, placeholder="…")


def _end_of(path: str) -> str:
    """Of a long path the end, which tells labs apart."""
    return path if len(path) <= NAME else "…" + path[-NAME + 1 :]
