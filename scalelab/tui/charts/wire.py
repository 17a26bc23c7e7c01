"""What goes to the terminal: cells that look another way than those that stand there, each once. Knows no widget.

Textual writes a whole line of a widget for a changed end of it, and the whole screen for every pass of its layout:
another view of a lab was 30 to 60 kB at 120×40. An app that inherits from `ChangedCells` remembers what it has
written, and writes the difference, with as few changes of style as there are on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from rich.cells import cell_len, get_character_cell_size
from rich.color import ColorSystem
from rich.style import Style
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.screen import Screen
from textual.strip import Strip

Result = TypeVar("Result")
NEAR = 4
"""Cells between two changed ones that are written again with them: a jump of the cursor takes as many bytes."""
UNKNOWN = "\0"
"""What stands in a cell before anything was written there; no text has it."""
_NARROW = re.compile("[ -~\u00a0-\u02ff\u0370-\u03ff\u2010-\u2027\u2190-\u22ff\u2500-\u25ef\u2800-\u28ff]*").fullmatch
"""Whether text has signs of one cell alone: those of our words, tables and charts."""


class Paper:
    """The cells of a terminal as they were last written: a sign and the codes of its style in each."""

    def __init__(self) -> None:
        self._signs: list[list[str]] = []
        self._looks: list[list[str]] = []
        self._width = 0

    def forget(self) -> None:
        """Nothing is known of the terminal: all of it is written next."""
        self._signs, self._looks = [], []

    def take(self, update: Any, width: int, height: int, colours: ColorSystem) -> str:
        """The escape sequences and text that make the terminal look as this update says."""
        if (self._width, len(self._signs)) != (width, height):
            self._width = width
            self._signs = [[UNKNOWN] * width for _ in range(height)]
            self._looks = [[""] * width for _ in range(height)]
        parts: list[str] = []
        look = ""
        for row, first, last, strip, start in _parts_of(update):
            if row < height:
                signs, looks = cells(strip, colours)
                look = self._put(row, start, max(first, start), min(last, width), signs, looks, look, parts)
        return "".join([*parts, "\x1b[0m"]) if look else "".join(parts)

    def _put(self, row: int, start: int, first: int, last: int, signs: list[str], looks: list[str], look: str,
             parts: list[str]) -> str:  # fmt: skip
        """Write what differs of the cells `first` to `last`; the look that the terminal is left with."""
        last = min(last, start + len(signs))
        while first > start and signs[first - start] == "":  # no sign of two cells is cut through
            first -= 1
        while last < start + len(signs) and signs[last - start] == "":
            last += 1
        new, styles = signs[first - start : last - start], looks[first - start : last - start]
        old, before = self._signs[row], self._looks[row]
        if old[first:last] == new and before[first:last] == styles:
            return look
        for begin, end in _changed(new, styles, old[first:last], before[first:last]):
            parts.append(f"\x1b[{row + 1};{first + begin + 1}H")
            for sign, style in zip(new[begin:end], styles[begin:end], strict=True):
                if style != look:
                    parts.append(f"\x1b[0;{style}m" if style else "\x1b[0m")
                    look = style
                parts.append(sign)
        old[first:last], before[first:last] = new, styles
        return look


def cells(strip: Strip, colours: ColorSystem) -> tuple[list[str], list[str]]:
    """The sign and the codes of the style of every cell; the second cell of a wide sign is empty."""
    if _NARROW(strip.text):  # a glance at the whole row, instead of one at each of its segments
        looks: list[str] = []
        for text, style, _ in strip:
            looks += [_codes(style, colours)] * len(text)
        return list(strip.text), looks
    signs: list[str] = []
    looks = []
    for text, style, control in strip:
        if control:
            continue
        before = len(signs)
        if cell_len(text) == len(text):
            signs.extend(text)
        else:
            _spread(text, signs)
        looks += [_codes(style, colours)] * (len(signs) - before)
    return signs, looks


def _spread(text: str, signs: list[str]) -> None:
    for sign in text:
        width = get_character_cell_size(sign)
        if width:
            signs += [sign, *[""] * (width - 1)]
        elif signs:
            signs[-1] += sign


def _codes(style: Style | None, colours: ColorSystem) -> str:
    if style is None:
        return ""
    found = style._ansi
    return Strip.render_ansi(style, colours) if found is None else found


def _parts_of(update: Any) -> Iterator[tuple[int, int, int, Strip, int]]:
    """(Row, first and last changed cell, strip, where it starts) of an update, whole or of spans."""
    if isinstance(update, LayoutUpdate):
        for row, line in enumerate(update.strips, update.region.y):
            strip = Strip.join(line)
            yield row, update.region.x, update.region.x + strip.cell_length, strip, update.region.x
        return
    for row, first, last in update.spans:
        for end, (start, strip) in zip(update.chop_ends[row], update.chops[row].items(), strict=False):
            if strip is not None and start < last and end > first:
                yield row, first, min(last, end), strip, start


def _changed(new: list[str], styles: list[str], old: list[str], before: list[str]) -> Iterable[tuple[int, int]]:
    """Where cells differ, first and behind the last; what lies near is one."""
    runs: list[list[int]] = []
    for place, (sign, style, was, had) in enumerate(zip(new, styles, old, before, strict=True)):
        if sign != was or style != had:
            if runs and place - runs[-1][1] <= NEAR:
                runs[-1][1] = place + 1
            else:
                runs.append([place, place + 1])
    for run in runs:
        while run[0] and new[run[0]] == "":
            run[0] -= 1
        while run[1] < len(new) and new[run[1]] == "":
            run[1] += 1
    return [(begin, end) for begin, end in runs]


class Written(CompositorUpdate):
    """What is to be written, as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def render_segments(self, console: Any) -> str:
        """The escape sequences and text to write."""
        return self.text


class ChangedCells(App[Result], Generic[Result]):
    """An app that writes changed cells alone."""

    _paper: Paper | None = None

    @property
    def paper(self) -> Paper:
        """What stands on the terminal."""
        if self._paper is None:
            self._paper = Paper()
        return self._paper

    async def on_event(self, event: events.Event) -> None:
        """A terminal of another size, or one that is come back to, shows who knows what."""
        if isinstance(event, events.Resize):
            self.write_all()
        await super().on_event(event)

    def _on_driver_signal_resume(self, _: Driver.SignalResume) -> None:
        self.write_all()

    def write_all(self) -> None:
        """Write the whole screen anew."""
        self.paper.forget()
        if self._dom_ready:
            self.screen.refresh()

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if isinstance(renderable, ChopsUpdate | LayoutUpdate) and self._is_written():
            colours = self.console._color_system or ColorSystem.TRUECOLOR
            text = self.paper.take(renderable, *screen.outer_size, colours)
            if not text:
                self.post_display_hook()
                return
            renderable = Written(text)
        super()._display(screen, renderable)

    def _is_written(self) -> bool:
        """Whether Textual would now write to a terminal."""
        ready = self._running and not self._closed and not self._batch_count
        return ready and not self.is_headless and self._driver is not None and not self._driver.is_inline
