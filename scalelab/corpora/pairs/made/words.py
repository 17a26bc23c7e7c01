"""Words that nobody has used: different ones from syllables of a language's own sounds. Knows no grammar."""

from __future__ import annotations

import random
from collections.abc import Sequence


class Coiner:
    """Coins words of one language, none twice."""

    def __init__(self, draw: random.Random, consonants: str, vowels: str) -> None:
        self._draw, self._consonants, self._vowels = draw, consonants, vowels
        self._known: set[str] = set()

    def word(self, syllables: int, *, closed: bool = False) -> str:
        """A new word of so many syllables; `closed` ends it with a consonant."""
        while True:
            parts = [self._draw.choice(self._consonants) + self._draw.choice(self._vowels) for _ in range(syllables)]
            coined = "".join(parts) + (self._draw.choice(self._consonants) if closed else "")
            if coined not in self._known:
                self._known.add(coined)
                return coined


class Zipf:
    """Draws places 0 … n − 1, the first ones most often, as words of a language are drawn."""

    def __init__(self, n: int, exponent: float) -> None:
        weights = [1.0 / (place + 2.7) ** exponent for place in range(n)]
        total, self._cumulative = 0.0, []
        for weight in weights:
            total += weight
            self._cumulative.append(total)
        self._places: Sequence[int] = range(n)

    def draw(self, draw: random.Random) -> int:
        """A place."""
        return draw.choices(self._places, cum_weights=self._cumulative)[0]
