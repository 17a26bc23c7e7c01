"""What is made of an array is made once, for as long as the array lives and never for another in its place."""

from __future__ import annotations

import numpy as np

from scalelab.tui.charts.remembered import Remembered


def test_each_array_is_asked_once_and_one_in_the_place_of_another_is_asked_anew() -> None:
    asked: list[float] = []

    def first(array: np.ndarray) -> float:
        asked.append(array.item(0))
        return array.item(0)

    known = Remembered(first)
    held = [np.full(3, float(place)) for place in range(10)]
    for number in range(500):
        # CPython gives the identity of the one before to the next.
        assert known(np.full(3, 100.0 + number)) == 100.0 + number
        assert [known(each) for each in held] == list(range(10))
    assert len(asked) == 510
    assert len(known._known) == len(held), "what is gone is forgotten at once"
