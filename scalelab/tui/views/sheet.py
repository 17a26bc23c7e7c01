"""Fields one under another, edited in place: a cursor, choices to go through, and why a value is wrong under it.

Says what was edited at every key and shows the rows it is given; what a value means only its view knows.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual import events
from textual.message import Message

from scalelab.gate import clean
from scalelab.tui.bars import Say
from scalelab.tui.views.editing import LineEdit, takes
from scalelab.tui.views.lines import LinesView
from scalelab.tui.views.rows import Field, Row

LABEL = 12
"""Cells of a label."""
VALUES = ((110, 24), (76, 14), (0, 10))
"""Cells that a short value is given, by the width of the sheet."""
LEAST = 20
"""Cells beside a value in which words are broken; in fewer they are cut."""
WRONG = "color(166) bold"


class Sheet(LinesView, can_focus=True, inherit_bindings=False):
    """A form of rows with a cursor on one of its fields; arrows move that, and do not scroll it out of sight."""

    class Edited(Message):
        """A value has changed, by a key while it is edited or by going through choices."""

        def __init__(self, key: str, text: str, *, done: bool) -> None:
            self.key, self.text, self.done = key, text, done
            """`done` is False while more may be typed, and where what was typed is taken back."""
            super().__init__()

    class Moved(Message):
        """The cursor stands on another field."""

        def __init__(self, key: str) -> None:
            self.key = key
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._form: tuple[Row, ...] = ()
        self._key = ""
        self._edit: LineEdit | None = None
        self._before = ""

    # What stands in it

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; the cursor stays on its field, or goes to where it stood."""
        place = self._place()
        self._form = tuple(rows)
        if self.field is None and (fields := self.fields):
            self._key = fields[min(place, len(fields) - 1)].key
            self._edit = None
        self._draw()

    @property
    def fields(self) -> list[Field]:
        """The fields that are shown, without the headings."""
        return [row for row in self._shown() if isinstance(row, Field)]

    @property
    def field(self) -> Field | None:
        """The field under the cursor."""
        return next((row for row in self._form if isinstance(row, Field) and row.key == self._key), None)

    def _shown(self) -> list[Row]:
        """The rows without the details of fields that the cursor is not on."""
        here = self.field
        opened = (here.under or here.key) if here is not None else ""
        return [row for row in self._form
                if not isinstance(row, Field) or row.under in {"", opened} or row.problem]  # fmt: skip

    @property
    def editing(self) -> bool:
        """Whether keys go into a value."""
        return self._edit is not None

    def go(self, key: str) -> None:
        """Put the cursor on a field; a value that is edited elsewhere is left as it was told last."""
        if key != self._key:
            self._edit = None
        self._key = key
        self._draw()
        self.post_message(self.Moved(key))

    # What keys do

    def move(self, by: int) -> None:
        """Put the cursor so many fields further, no further than the ends."""
        if self._edit is not None:  # the palette moves it too
            self._end(self._edit.text)
        fields = self.fields
        if fields:
            self.go(fields[min(max(self._place() + by, 0), len(fields) - 1)].key)

    def choose(self, by: int) -> None:
        """Take the next or the last of the choices of the field under the cursor."""
        field = self.field
        if field is None:
            return
        if not field.choices:
            self.post_message(Say(f"{field.label.strip()} has no choices to go through: it is typed"))
            return
        now = field.choices.index(field.value) if field.value in field.choices else -1 if by > 0 else 0
        self.post_message(self.Edited(field.key, field.choices[(now + by) % len(field.choices)], done=True))

    def edit(self) -> None:
        """Begin to edit the value under the cursor; where only choices serve, take the next."""
        field = self.field
        if field is None:
            return
        if field.closed:
            self.choose(1)
            return
        self._before, self._edit = field.value, LineEdit.of(field.value)
        self._draw()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key goes into a value and does nothing else."""
        del character
        return self.editing and takes(key)

    def on_key(self, event: events.Key) -> None:
        """Everything goes into the value while it is edited."""
        if self._edit is None or not takes(event.key):
            return
        event.stop()
        event.prevent_default()
        if event.key in {"enter", "tab", "down", "up"}:
            self._end(self._edit.text)
            self.move({"down": 1, "tab": 1, "up": -1}.get(event.key, 0))
        elif event.key == "escape":
            self._end(self._before, done=False)
        elif event.is_printable and event.character:
            self._typed(self._edit.insert(event.character))
        elif (new := self._edit.press(event.key)) is not None:
            self._typed(new)

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted goes into the value that is edited."""
        if self._edit is not None:
            event.stop()
            self._typed(self._edit.insert(event.text))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse points; a click on the field under the cursor edits it."""
        place = event.y + self.scroll_offset.y
        key = self._at[place] if 0 <= place < len(self._at) else ""
        if key and self._edit is None:
            if key == self._key:
                self.edit()
            else:
                self.go(key)

    def _typed(self, new: LineEdit) -> None:
        before, self._edit = self._edit, new
        self._draw()
        if before is None or before.text != new.text:
            self.post_message(self.Edited(self._key, new.text, done=False))

    def _end(self, text: str, *, done: bool = True) -> None:
        self._edit = None
        self.post_message(self.Edited(self._key, text, done=done))
        self._draw()

    # How it looks

    def on_resize(self) -> None:
        """Another width breaks lines elsewhere."""
        self._draw()

    def _place(self) -> int:
        return next((place for place, field in enumerate(self.fields) if field.key == self._key), 0)

    def _draw(self) -> None:
        lines: list[Text] = []
        self._at: list[str] = []
        """The field that each line belongs to."""
        shown = below = 0
        for row in self._shown():
            own = self._field(row) if isinstance(row, Field) else [_heading(row.text, row.beside, self._value_width())]
            if isinstance(row, Field) and row.key == self._key:
                shown, below = len(lines), len(lines) + len(own) - 1
            elif isinstance(row, Field) and row.under == self._key:
                below = len(lines)
            lines += own
            self._at += [row.key if isinstance(row, Field) else ""] * len(own)
        self.put(lines)
        self.bring(below, 1)
        self.bring(shown, 1)

    def _value_width(self) -> int:
        return next(value for width, value in VALUES if self.columns >= width)

    def _field(self, field: Field) -> list[Text]:
        here, width = field.key == self._key, self._value_width()
        line = Text(no_wrap=True)
        mark = ("*" if field.changed else " ") + (">" if here else " ")
        line.append(f"{mark} {set_cell_size(field.label, LABEL)} ", "bold" if here else "")
        if here and self._edit is not None:
            room = max(self.columns - LABEL - 6, width)
            line.append_text(_under_cursor(self._edit, min(max(width, cell_len(self._edit.text) + 1), room)))
        else:
            value = clean(field.value, 200) or field.empty
            style = "dim" if not field.value else "bold" if field.changed else ""
            line.append(value, f"{style} underline" if here else style)
            line.append(" " * max(width - cell_len(value), 0))
        return [*self._beside(line, field, here), *self._problem(field)]

    def _beside(self, line: Text, field: Field, here: bool) -> list[Text]:
        """The line with what follows from its value; under the cursor all of it, in as many lines as that takes."""
        words, start = _harmless(field.beside), line.cell_len + 2
        room = self.columns - start - 1
        parts = textwrap.wrap(words, room) if here and LEAST < room < cell_len(words) else [words]
        if words:
            line.append("  " + parts[0], "dim")
        return [line, *(Text(" " * start + part, "dim", no_wrap=True) for part in parts[1:])]

    def _problem(self, field: Field) -> list[Text]:
        if not field.problem:
            return []
        indent = " " * 5
        broken = textwrap.wrap(f"! {clean(field.problem, 400)}", max(self.columns - len(indent) - 1, 20),
                               subsequent_indent="  ")  # fmt: skip
        return [Text(indent + part, WRONG, no_wrap=True) for part in broken]


def _heading(text: str, beside: str, width: int) -> Text:
    line = Text(no_wrap=True)
    line.append(set_cell_size(text, LABEL + width + 4) if beside else text, "bold")
    return line.append("  " + _harmless(beside), "dim") if beside else line


def _harmless(text: str) -> str:
    """Through the gate, blanks kept: columns stand under each other."""
    return re.sub(r"\S+", lambda word: clean(word[0], 300), text)


def _under_cursor(edit: LineEdit, width: int) -> Text:
    """The part of the text around the cursor, the character under it reversed."""
    text, at = edit.text + " ", edit.at
    first = max(at - width + 1, 0)
    shown = Text(set_cell_size(text[first:], width), "underline")
    shown.stylize("reverse", at - first, at - first + 1)
    return shown
