"""What is made of an array is made once, and forgotten with it: of a lab's thousand arrays few are new in a frame."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from scalelab.tui.charts.raster import Array

T = TypeVar("T")


class Remembered(Generic[T]):
    """A function of an array that nobody writes to any more, asked for each array once."""

    __slots__ = ("_known", "_make")

    def __init__(self, make: Callable[[Array], T]) -> None:
        self._make = make
        self._known: dict[int, tuple[weakref.ref[Array], T]] = {}

    def __call__(self, array: Array) -> T:
        """What is made of it."""
        # By identity, which another array may get once this one is gone, and its entry with it.
        key, known = id(array), self._known
        if key not in known:
            known[key] = weakref.ref(array, lambda _: known.pop(key, None)), self._make(array)
        return known[key][1]
