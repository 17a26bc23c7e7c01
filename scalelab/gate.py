"""The one gate for text from outside (names, corpora, samples, logs): nothing that passes can steer a terminal."""

from __future__ import annotations

import unicodedata

_ELLIPSIS = "…"
# Control, format (bidi overrides, zero width), surrogate, private, unassigned; line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _visible(char: str) -> str:
    """The character itself, or its escape where it would act instead of show."""
    if " " <= char <= "~":
        return char
    return char if unicodedata.category(char) not in _UNSAFE else char.encode("unicode_escape").decode()


def _shown(line: str) -> str:
    if line.isascii() and line.isprintable():  # most are, and a table of 500 runs has 6,000 words
        return line
    return "".join(_visible(char) for char in line)


def clean(text: str, limit: int = 500) -> str:
    """The text on one printable line of at most `limit` characters; what would act on a terminal is shown escaped."""
    head = _shown(" ".join(text[: 4 * limit].split()))
    whole = len(text) <= 4 * limit and len(head) <= limit
    return head if whole else head[: max(limit - 1, 0)] + _ELLIPSIS


def clean_lines(text: str, limit: int = 20_000) -> str:
    """Like `clean`, for text whose line breaks matter: samples and log tails."""
    return "\n".join(_shown(line) for line in text[:limit].splitlines())
