"""Examples → windows: each example whole in one window of `context` targets, what is left over is padding.

A file begins with an end of text; then come windows of `context` tokens, each a row of examples (prompt, separator,
target, end of text) and padding of ends, so that the last token of one window is the end that stands before the next.
An example goes into the fullest of the open windows that has room for it. Knows token ids alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OPEN = 64
"""Windows with room that an example may go into: a few percent of padding, and order hardly changes."""
Tokens = NDArray[np.uint32]
Write = Callable[[Tokens, NDArray[np.bool_]], None]
"""Told tokens and which of them are targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One pair as tokens."""

    prompt: Tokens
    target: Tokens

    @property
    def size(self) -> int:
        """With its separator and its end."""
        return len(self.prompt) + len(self.target) + 2


class Layout:
    """One side's windows, written as they close."""

    def __init__(self, context: int, end: int, separator: int, write: Write) -> None:
        self._context, self._end, self._separator, self._write = context, end, separator, write
        self._open: dict[int, tuple[int, list[Example]]] = {}
        self._opened = 0
        self.n_tokens = self.n_targets = self.longest_target = 0
        self._put(np.array([end], np.uint32), np.zeros(1, bool))

    def add(self, example: Example) -> None:
        """Put an example, no longer than the context, where it fits best."""
        fitting = [(room, number) for number, (room, _) in self._open.items() if room >= example.size]
        if fitting:
            room, number = min(fitting)
        else:
            if len(self._open) >= OPEN:
                self._close(min(self._open, key=lambda each: (self._open[each][0], each)))
            room, number = self._context, self._opened
            self._open[number] = (room, [])
            self._opened += 1
        examples = self._open[number][1]
        examples.append(example)
        self._open[number] = (room - example.size, examples)
        self.longest_target = max(self.longest_target, len(example.target) + 1)

    def finish(self) -> None:
        """Close what is open, in the order in which it was opened."""
        for number in sorted(self._open):
            self._close(number)

    def _close(self, number: int) -> None:
        tokens = np.full(self._context, self._end, np.uint32)
        targets = np.zeros(self._context, bool)
        place = 0
        for each in self._open.pop(number)[1]:
            begin = place + len(each.prompt) + 1
            tokens[place : begin - 1], tokens[begin - 1] = each.prompt, self._separator
            tokens[begin : begin + len(each.target)] = each.target
            place = begin + len(each.target) + 1  # over its end, which stands there already
            targets[begin:place] = True
        self._put(tokens, targets)

    def _put(self, tokens: Tokens, targets: NDArray[np.bool_]) -> None:
        self.n_tokens += len(tokens)
        self.n_targets += int(targets.sum())
        self._write(tokens, targets)
