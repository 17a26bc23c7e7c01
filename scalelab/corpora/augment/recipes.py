"""Recipes: a passage and a source of chance in, another passage out. Each is one function; they compose in order.

Chance comes from outside, so that a passage of a version is always changed alike. Knows no files and no tokens.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

Change = Callable[[str, random.Random], str]
_WORD = re.compile(r"\w+", re.UNICODE)
_SPACED = re.compile(r"\S+|\s+")
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?]+[\"')\]]*|\n|$)\s*")
_BLANKS = re.compile(r"[ \t]+")


def case_noise(share: float) -> Change:
    """Words in capitals, without them, or with the first letter turned: the share of words it happens to."""

    def change(text: str, draw: random.Random) -> str:
        return _WORD.sub(lambda match: _recased(match[0], draw) if draw.random() < share else match[0], text)

    return change


def space_noise(share: float) -> Change:
    """Blanks between words doubled, or made a tab or a new line: the share of them."""

    def change(text: str, draw: random.Random) -> str:
        return _BLANKS.sub(lambda match: draw.choice(("  ", "\t", "\n")) if draw.random() < share else match[0], text)

    return change


def char_noise(share: float) -> Change:
    """Typing errors: a character left out, doubled, taken from elsewhere in the passage, or changed with the next."""

    def change(text: str, draw: random.Random) -> str:
        letters = sorted({sign for sign in text if not sign.isspace()}) or [" "]
        found: list[str] = []
        at = 0
        while at < len(text):
            sign = text[at]
            if sign.isspace() or draw.random() >= share:
                found.append(sign)
            else:
                kind = draw.randrange(4)
                if kind == 1:
                    found += (sign, sign)
                elif kind == 2:
                    found.append(draw.choice(letters))
                elif kind == 3 and at + 1 < len(text):
                    found += (text[at + 1], sign)
                    at += 1
            at += 1
        return "".join(found)

    return change


def word_dropout(share: float) -> Change:
    """Words left out, with the blank before them; a passage keeps one at least."""

    def change(text: str, draw: random.Random) -> str:
        kept: list[str] = []
        dropped = False
        for piece in _SPACED.findall(text):
            if piece.isspace():
                if not (dropped and kept and kept[-1].isspace()):
                    kept.append(piece)
                continue
            dropped = draw.random() < share
            if not dropped:
                kept.append(piece)
        return "".join(kept) if any(not piece.isspace() for piece in kept) else text

    return change


def sentence_shuffle(share: float) -> Change:
    """The sentences of a passage in another order: the share of passages."""

    def change(text: str, draw: random.Random) -> str:
        if draw.random() >= share:
            return text
        sentences = [match for match in _SENTENCE.findall(text) if match]
        if len(sentences) < 2:
            return text
        # The last one lacks the blank that stands between sentences.
        sentences[-1] = sentences[-1] if sentences[-1][-1:].isspace() else sentences[-1] + " "
        draw.shuffle(sentences)
        return "".join(sentences).rstrip() + text[len(text.rstrip()) :]

    return change


def synonyms(share: float, words: Mapping[str, Sequence[str]]) -> Change:
    """Words in the list replaced by another of their group, in the case they had: the share of those."""

    def change(text: str, draw: random.Random) -> str:
        def replace(match: re.Match[str]) -> str:
            others = words.get(match[0].lower())
            if not others or draw.random() >= share:
                return match[0]
            return _cased_like(match[0], draw.choice(others))

        return _WORD.sub(replace, text)

    return change


def paraphrase(share: float, ways: Mapping[str, Sequence[str]]) -> Change:
    """Sentences of the file replaced by another way to say them: the share of those that are found."""

    def change(text: str, draw: random.Random) -> str:
        found = []
        for sentence in _SENTENCE.findall(text):
            bare = sentence.strip()
            others = ways.get(bare)
            if others and draw.random() < share:
                sentence = sentence.replace(bare, draw.choice(others), 1)
            found.append(sentence)
        return "".join(found)

    return change


def composed(changes: Sequence[Change]) -> Change:
    """One after another."""

    def change(text: str, draw: random.Random) -> str:
        for each in changes:
            text = each(text, draw)
        return text

    return change


def _recased(word: str, draw: random.Random) -> str:
    kind = draw.randrange(3)
    if kind == 0:
        return word.upper()
    return word.lower() if kind == 1 else word[:1].swapcase() + word[1:]


def _cased_like(word: str, other: str) -> str:
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other
