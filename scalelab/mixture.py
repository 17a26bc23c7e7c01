"""A corpus of several: names with shares, as `corpus.source` holds them in one line, "wikitext-103=0.7,python=0.3".

The line is what can be typed after --set and what labs store; a table in TOML means the same. Knows no corpora.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from scalelab.errors import BadInput

_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+"
_PART = re.compile(rf"\s*(?P<name>[^=,][^=]*?)\s*=\s*(?P<weight>{_NUMBER})\s*(?:,|$)")
_NO_SHARE = re.compile(rf"\s*(?P<name>[^=,]+?)\s*=\s*(?P<share>-(?:{_NUMBER})|[+-]?(?:nan|inf)|)\s*(?:,.*)?", re.I)
"""A part whose share is none; anything else behind a sign of equality may be the name of a file."""
_MOST = 16
_LEAST = 1e-6
"""Share of the largest share: of less, no budget holds a token."""
_FORM = 'shares by tokens such as "wikitext-103=0.7,python=0.3"'


def shares(source: str) -> tuple[tuple[str, float], ...]:
    """(corpus, share) of a source, the shares adding up to 1; a source that is one corpus has the share 1.

    Raises BadInput where a mixture is half written.
    """
    parts: list[tuple[str, float]] = []
    place = 0
    while place < len(source) and (found := _PART.match(source, place)):
        parts.append((found["name"], float(found["weight"])))
        place = found.end()
    if not parts or place < len(source):
        if parts and (wrong := _NO_SHARE.fullmatch(source, place)):
            raise BadInput(f"the share of {wrong['name']!r} is {wrong['share']!r}", allowed="a positive number")
        return ((source, 1.0),)
    _check(parts)
    whole = math.fsum(weight for _, weight in parts)
    return tuple((name, weight / whole) for name, weight in parts)


def line_of(table: Mapping[str, Any]) -> str:
    """The one line of a table of shares; raises BadInput where it is none."""
    for name, weight in table.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise BadInput(f"the share of {name!r} is {weight!r}", allowed="a positive number")
        if not math.isfinite(weight) or weight < 0:
            raise BadInput(f"the share of {name!r} is {weight}", allowed="a positive number")
        if "=" in name or "," in name or not name.strip():
            raise BadInput(f"corpus {name!r} in a mixture", allowed="a name or path without = and ,")
    if not table:
        raise BadInput("a mixture of nothing", allowed=_FORM)
    line = ",".join(f"{name.strip()}={weight:.12g}" for name, weight in table.items())
    _check([(name.strip(), float(weight)) for name, weight in table.items()])
    return line


def _check(parts: list[tuple[str, float]]) -> None:
    names = [name for name, _ in parts]
    for name, weight in parts:
        if weight <= 0:
            raise BadInput(f"the share of {name!r} is {weight:g}", allowed="a positive number")
        if names.count(name) > 1:
            raise BadInput(f"{name!r} stands twice in the mixture", allowed="each corpus once")
    if len(parts) > _MOST:
        raise BadInput(f"a mixture of {len(parts)} corpora", allowed=f"at most {_MOST}")
    least = max(weight for _, weight in parts) * _LEAST
    for name, weight in parts:
        if weight < least or weight > 1 / _LEAST:
            raise BadInput(
                f"the share of {name!r} is {weight:g}", allowed=f"up to {1 / _LEAST:g}, and {_LEAST:g} of the largest"
            )
