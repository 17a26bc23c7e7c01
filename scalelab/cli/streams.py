"""stdout and stderr as they are found: closed pipes, terminals without UTF-8. It knows nothing of what is printed."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys

# What a terminal without UTF-8 shows for the signs of the field; anything else becomes a question mark.
_PLAIN = str.maketrans(
    {
        "α": "alpha",
        "β": "beta",
        "γ": "gamma",
        "δ": "delta",
        "θ": "theta",
        "∝": "~",
        "κ": "kappa",
        "·": "*",
        "×": "x",
        "±": "+-",
        "−": "-",
        "²": "^2",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "→": "->",
        "…": "...",
        "–": "-",
        "—": "-",
        "“": '"',
        "”": '"',
        "’": "'",
        "●": "o",
        "◆": "X",
        "▸": ">",
        "⠤": ".",
        "•": "*",
        "│": "|",
        "─": "-",
        "━": "=",
        "┤": "|",
        "┬": "-",
        "┌": "+",
        "└": "+",
        "┐": "+",
        "┘": "+",
    }
)


def _to_plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(_PLAIN)
    return plain.encode("ascii", "replace").decode(), error.end


def make_safe() -> None:
    """Let no sign that the terminal cannot show end the program: it is spelled out instead."""
    codecs.register_error("scalelab-plain", _to_plain)
    for stream in (sys.stdout, sys.stderr):
        # A closed descriptor leaves None here, and test runners put plain buffers in place.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="scalelab-plain")  # type: ignore[union-attr]


def drop_stdout() -> None:
    """Whoever read stdout has gone (`| head`): what is still buffered goes nowhere, without a complaint at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def say(line: str) -> None:
    """One line of talk on stderr; a closed stderr is no reason to fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(line, file=sys.stderr, flush=True)
