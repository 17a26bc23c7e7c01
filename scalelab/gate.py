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


def clean(text: str, limit: int = 500) -> str:
    """The text on one printable line of at most `limit` characters; what would act on a terminal is shown escaped."""
    head = "".join(_visible(char) for char in " ".join(text[: 4 * limit].split()))
    whole = len(text) <= 4 * limit and len(head) <= limit
    return head if whole else head[: max(limit - 1, 0)] + _ELLIPSIS


def clean_lines(text: str, limit: int = 20_000) -> str:
    """Like `clean`, for text whose line breaks matter: samples and log tails."""
    return "\n".join("".join(_visible(char) for char in line) for line in text[:limit].splitlines())
