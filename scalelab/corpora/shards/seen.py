"""Which passages there were, by the first 8 bytes of their SHA-256: 8 bytes each, whatever there is of them.

Two of ten million passages share those 8 bytes with a chance of 3 in a million; then one of them is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_YOUNG = 1 << 17  # a Python set takes 70 bytes an entry: the old ones go into an array


class Seen:
    """A set of hashes that only grows."""

    def __init__(self) -> None:
        self._old: Hashes = np.empty(0, np.uint64)
        self._young: set[int] = set()

    def add_all(self, hashes: Hashes) -> None:
        """Many that are known to be new."""
        self._young.update(hashes.tolist())
        if len(self._young) > _YOUNG:
            self._age()

    def add(self, value: int) -> bool:
        """One; whether it is new."""
        if value in self._young:
            return False
        if len(self._old):
            place = int(np.searchsorted(self._old, np.uint64(value)))
            if place < len(self._old) and int(self._old[place]) == value:
                return False
        self._young.add(value)
        if len(self._young) > _YOUNG:
            self._age()
        return True

    def _age(self) -> None:
        young = np.fromiter(self._young, np.uint64, len(self._young))
        self._old = np.concatenate([self._old, young])
        self._old.sort()
        self._young.clear()
