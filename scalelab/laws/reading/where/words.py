"""A `--where` expression → its words and signs, each with its place; what is none is shown where it stands.

Knows no grammar and no table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from scalelab.errors import BadInput
from scalelab.gate import clean

ALLOWED = "tokens/n_params between 1 and 500, series = 'hot', width in (256, 512); and, or, not, ( ), + - * /"
_TOKENS = re.compile(
    r"\s*(?:(?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?[kmbgtpeKMBGTPE]?(?![\w.]))"
    r"|(?P<name>[^\W\d][\w.]*)"
    r"|(?P<column>`[^`]*`)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<sign>==|!=|<>|<=|>=|&&|\|\||[=<>≤≥≠()+\-−*×/,])"
    r"|(?P<end>$))"
)
_SAME = {"==": "=", "<>": "!=", "≠": "!=", "≤": "<=", "≥": ">=", "−": "-", "×": "*", "&&": "and", "||": "or"}
WORDS = frozenset(("and", "or", "not", "in", "between"))


class Token(NamedTuple):
    """A word or sign, and where it begins."""

    kind: str
    text: str
    at: int


def tokens(source: str) -> Iterator[Token]:
    """The tokens of an expression, the last of kind "end".

    Raises
    ------
    BadInput
        Something that is neither number, name, text nor sign.
    """
    at = 0
    while True:
        match = _TOKENS.match(source, at)
        if match is None or match.lastgroup is None:
            at += len(source[at:]) - len(source[at:].lstrip())
            raise trouble(source, f"{clean(source[at : at + 12], 20)!r} is not understood", at)
        kind, text = match.lastgroup, match[match.lastgroup]
        word = text.lower() if kind == "name" and text.lower() in WORDS else _SAME.get(text, text)
        yield Token(kind, word, match.start(kind))
        if kind == "end":
            return
        at = match.end()


def trouble(source: str, what: str, at: int, allowed: str = ALLOWED) -> BadInput:
    """What is wrong with an expression, and where: the column, and the text around it with a mark at the place."""
    shown = f"{clean(source[max(0, at - 30) : at], 60)}▸{clean(source[at : at + 30], 60)}"
    return BadInput(f"--where, column {at + 1}: {what} in {shown!r}", allowed=allowed)
