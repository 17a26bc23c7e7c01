"""Sentences of one constructed language and their translations into another, for learning to translate from nothing.

The source says by particles and order what the target says by endings:

    source   subject verb object, adjective before noun, "os" makes a plural, "ta" a past, "vu" a future
    target   subject object verb; nouns have one of three genders, which nothing in the source tells, and end in
             number and case; adjectives stand behind and agree in gender, number and case; verbs end in tense and in
             the gender and number of their subject

What there is to learn comes in steps: copying no word but knowing the common ones, order, endings, genders, and then
rarer and rarer words of a lexicon with Zipf's law. So more text and more weights both go on helping.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from scalelab.corpora.pairs.made.words import Coiner, Zipf

VERSION = 2
NOUNS, VERBS, ADJECTIVES = 1500, 500, 300
EXPONENT = 1.0
"""Of the words' frequencies."""
_CASES = ("subject", "object", "place")
_TENSES = {"": "", "ta": "past", "vu": "future"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noun:
    source: str
    stem: str
    gender: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    source: str
    stem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrase:
    """A noun with its number and perhaps an adjective."""

    noun: _Noun
    plural: bool
    adjective: _Word | None

    def source(self) -> list[str]:
        """Adjective, noun, particle."""
        front = [] if self.adjective is None else [self.adjective.source]
        return [*front, self.noun.source, *(["os"] if self.plural else [])]


class Language:
    """The lexicon and the grammar of a seed."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(f"conlang {seed}")
        here, there = Coiner(draw, "bdfgklmnprst", "aeiou"), Coiner(draw, "fhjkmnrstvz", "aeiou")
        self._nouns = [
            _Noun(source=here.word(2), stem=there.word(1, closed=True) if place < 60 else there.word(2, closed=True),
                  gender=draw.randrange(3))
            for place in range(NOUNS)
        ]  # fmt: skip
        self._verbs = [_Word(source=here.word(2), stem=there.word(2, closed=True)) for _ in range(VERBS)]
        self._adjectives = [_Word(source=here.word(2), stem=there.word(2, closed=True)) for _ in range(ADJECTIVES)]
        endings = [first + second for first in "aeiou" for second in ("", "n", "s", "r", "k")]
        draw.shuffle(endings)
        self._noun_endings = {
            (gender, plural, case): endings.pop() for gender in range(3) for plural in (False, True) for case in _CASES
        }
        self._tense_endings = dict(zip(_TENSES, ("i", "ada", "olu"), strict=True))
        self._agreement = {
            (gender, plural): f"{'tkm'[gender]}{'e' if plural else ''}" for gender in range(3) for plural in (0, 1)
        }
        self._draws = {len(words): Zipf(len(words), EXPONENT) for words in (self._nouns, self._verbs, self._adjectives)}

    def pair(self, draw: random.Random) -> tuple[str, str]:
        """A sentence and its translation."""
        subject, tense = self._phrase(draw), draw.choices(("", "ta", "vu"), (5, 3, 2))[0]
        verb = self._verbs[self._draws[VERBS].draw(draw)]
        direct = self._phrase(draw) if draw.random() < 0.7 else None
        place = self._phrase(draw, most=0.15) if draw.random() < 0.2 else None
        source = [*subject.source(), *filter(None, [tense]), verb.source]
        source += [] if direct is None else direct.source()
        source += [] if place is None else ["en", *place.source()]
        target = self._target(subject, "subject")
        target += [] if place is None else self._target(place, "place")
        target += [] if direct is None else self._target(direct, "object")
        agreement = self._agreement[subject.noun.gender, int(subject.plural)]
        target.append(verb.stem + self._tense_endings[tense] + agreement)
        return " ".join(source), " ".join(target)

    def _phrase(self, draw: random.Random, most: float = 0.3) -> _Phrase:
        adjective = self._adjectives[self._draws[ADJECTIVES].draw(draw)] if draw.random() < most else None
        noun = self._nouns[self._draws[NOUNS].draw(draw)]
        return _Phrase(noun=noun, plural=draw.random() < 0.35, adjective=adjective)

    def _target(self, phrase: _Phrase, case: str) -> list[str]:
        ending = self._noun_endings[phrase.noun.gender, phrase.plural, case]
        said = [phrase.noun.stem + ending]
        return said if phrase.adjective is None else [*said, phrase.adjective.stem + ending]


def pairs(seed: int) -> Iterator[tuple[str, str]]:
    """Sentences and translations, without an end."""
    language, draw = Language(seed), random.Random(f"conlang sentences {seed}")
    while True:
        yield language.pair(draw)
