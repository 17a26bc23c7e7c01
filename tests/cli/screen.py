"""As much of a terminal as a frame drawn in place needs; anything else it is sent is an error."""

from __future__ import annotations

import re

from rich.cells import cell_len

_PIECE = re.compile(r"\x1b\[(?P<n>\d*)(?P<verb>[AHJK])|(?P<move>[\r\n])|(?P<text>[^\x00-\x1f\x7f]+)")


class Screen:
    """Lines and a cursor. A line that is too long is an error too: it would wrap and put all others out of place."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.lines = [""] * rows
        self._row, self._column = 0, 0

    def feed(self, text: str) -> None:
        """Show what came."""
        at = 0
        while at < len(text):
            piece = _PIECE.match(text, at)
            assert piece, f"not for a frame: {text[at : at + 20]!r}"
            at = piece.end()
            if piece["text"]:
                self._write(piece["text"])
            elif piece["move"]:
                self._move(piece["move"])
            else:
                self._obey(piece["verb"], piece["n"])

    def _write(self, text: str) -> None:
        line = self.lines[self._row]
        assert self._column in {0, cell_len(line)} and cell_len(text) + self._column <= self.columns, text
        self.lines[self._row] = text if self._column == 0 else line + text
        self._column += cell_len(text)

    def _move(self, control: str) -> None:
        if control == "\r":
            self._column = 0
            return
        if self._row == self.rows - 1:
            self.lines = [*self.lines[1:], ""]
        else:
            self._row += 1
        self._column = 0  # a terminal in its usual mode returns with a new line

    def _obey(self, verb: str, number: str) -> None:
        if verb == "A":
            assert int(number or 1) <= self._row, "above the screen"
            self._row -= int(number or 1)
        elif verb == "H":
            self._row = self._column = 0
        elif verb == "J":
            self.lines[0 if number == "2" else self._row :] = [""] * (self.rows - (0 if number == "2" else self._row))
        # K clears behind the cursor, where `_write` has left nothing
