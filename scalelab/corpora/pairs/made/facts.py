"""Questions about invented people and about numbers, with their answers: a memory and a little reckoning to learn.

Facts: a few hundred people, some of them asked about far more often than others (Zipf's law), each with a home, a
trade, an age and a friend; every fact is asked for in many ways, so that what is held out is a way of asking and no
fact that nobody told. Reckoning: sums, differences, the larger of two, what follows. The common facts and easy sums are
learnt first, rare ones and carries last, so that more text and more weights go on helping.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from scalelab.corpora.pairs.made.words import Coiner, Zipf

VERSION = 1
PEOPLE, PLACES, TRADES = 400, 60, 40
EXPONENT = 1.0
FACTS = 0.6
"""Share of questions about people."""
_OPENINGS = ("", "say, ", "tell me: ", "well, ", "please, ", "i ask: ", "do you know: ", "once more: ")
_ASKED = {
    "home": ("where does {} live?", "what is the home of {}?", "in which town is {}?", "the town of {} is?"),
    "trade": ("what does {} do?", "what is the trade of {}?", "how does {} earn bread?", "the work of {} is?"),
    "age": ("how old is {}?", "what is the age of {}?", "{} is of which age?", "years of {}?"),
    "friend": ("who is the friend of {}?", "whom does {} like?", "{} is a friend of whom?", "the friend of {} is?"),
}


class World:
    """The people of a seed and what is true of them."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(f"facts {seed}")
        coin = Coiner(draw, "bdfgklmnprstvz", "aeiou")
        self._people = [coin.word(2, closed=place % 2 == 0) for place in range(PEOPLE)]
        homes = [coin.word(2, closed=True) for _ in range(PLACES)]
        trades = [coin.word(2) for _ in range(TRADES)]
        self._facts = {
            "home": [draw.choice(homes) for _ in self._people],
            "trade": [draw.choice(trades) for _ in self._people],
            "age": [str(draw.randint(18, 90)) for _ in self._people],
            "friend": [draw.choice(self._people) for _ in self._people],
        }
        self._popular = Zipf(PEOPLE, EXPONENT)

    def question(self, draw: random.Random) -> tuple[str, str]:
        """About somebody."""
        kind, person = draw.choice(tuple(_ASKED)), self._popular.draw(draw)
        asked = draw.choice(_ASKED[kind]).format(self._people[person])
        return draw.choice(_OPENINGS) + asked, self._facts[kind][person]


def _sum(draw: random.Random) -> tuple[str, str]:
    first, second = draw.randint(0, 99), draw.randint(0, 99)
    asked = draw.choice(("{} plus {}?", "what is {} and {}?", "add {} to {}."))
    return asked.format(first, second), str(first + second)


def _difference(draw: random.Random) -> tuple[str, str]:
    second, first = sorted((draw.randint(0, 99), draw.randint(0, 99)))
    asked = draw.choice(("{} minus {}?", "from {} take {}.", "what is {} less {}?"))
    return asked.format(first, second), str(first - second)


def _larger(draw: random.Random) -> tuple[str, str]:
    first, second = draw.sample(range(1000), 2)
    asked = draw.choice(("which is larger, {} or {}?", "the larger of {} and {}?"))
    return asked.format(first, second), str(max(first, second))


def _next(draw: random.Random) -> tuple[str, str]:
    first = draw.randint(0, 998)
    asked = draw.choice(("what comes after {}?", "the number after {}?", "count on from {}."))
    return asked.format(first), str(first + 1)


_RECKONING: tuple[Callable[[random.Random], tuple[str, str]], ...] = (_sum, _difference, _larger, _next)


def pairs(seed: int) -> Iterator[tuple[str, str]]:
    """Questions and answers, without an end."""
    world, draw = World(seed), random.Random(f"facts questions {seed}")
    while True:
        if draw.random() < FACTS:
            yield world.question(draw)
        else:
            asked, answer = draw.choice(_RECKONING)(draw)
            yield draw.choice(_OPENINGS) + asked, answer
