"""What is made of an array is made once, and forgotten with it: of a lab's thousand arrays few are new in a frame."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from scalelab.tui.charts.raster import Array

T = TypeVar("T")
FIRST_LIMIT = 10_000
"""Arrays known, from which on those that are gone are looked for; the next time at twice as many as are left."""


class Remembered(Generic[T]):
    """A function of an array that nobody writes to any more, asked for each array once."""

    __slots__ = ("_known", "_limit", "_make")

    def __init__(self, make: Callable[[Array], T]) -> None:
        self._make, self._limit = make, FIRST_LIMIT
        self._known: dict[int, tuple[weakref.ref[Array], T]] = {}

    def __call__(self, array: Array) -> T:
        """What is made of it."""
        # Another array may have the identity of one that is gone.
        known = self._known.get(id(array))
        if known is None or known[0]() is not array:
            known = self._known[id(array)] = weakref.ref(array), self._make(array)
            if len(self._known) > self._limit:
                self._known = {key: each for key, each in self._known.items() if each[0]() is not None}
                self._limit = max(FIRST_LIMIT, 2 * len(self._known))
        return known[1]
