"""Of a lab that has several texts, the one that is asked for: `--where group=NAME`, `--where part=CORPUS`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalelab.errors import BadInput, did_you_mean
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.records import TokenSet
    from scalelab.store.reader import Reader

_NAMED = re.compile(r"(group|part)\s*={1,2}\s*(?P<quote>['\"]?)(.+?)(?P=quote)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which of a lab's runs, and on which held-out text their losses are."""

    group: str
    part: str | None
    """One corpus of the group's mixture; None: the mixture, or the only corpus."""
    where: tuple[str, ...]
    """The other conditions."""
    tokens: TokenSet | None
    """Of the group."""

    @property
    def bytes_per_token(self) -> float | None:
        """Of the held-out text that losses are on."""
        if self.tokens is None:
            return None
        own = next((each for each in self.tokens.parts if each.corpus == self.part), None)
        return self.tokens.bytes_per_token if own is None else own.held_out_bytes / own.held_out_tokens

    def words(self) -> list[str]:
        """What there is to choose, and what was chosen."""
        corpora = _corpora(self.tokens)
        if self.part is not None:
            return [f"losses are on the held-out text of {self.part} alone"]
        return [f"parts {', '.join(corpora)}: `--where part=NAME` takes the losses on one"] if corpora else []


def chosen(reader: Reader, where: Sequence[str]) -> Chosen:
    """What the conditions ask for: the first group where none is named, and its mixture where no part is.

    Raises
    ------
    BadInput
        The lab has no such group, or the group no such part.
    """
    from scalelab.records import TokenSet

    asked: dict[str, list[str]] = {"group": [], "part": []}
    others: list[str] = []
    for each in where:
        named = _NAMED.fullmatch(each.strip())
        (others if named is None else asked[named[1]]).append(each if named is None else named[3])
    groups = reader.groups()
    known = [] if len(groups) == 1 else list(groups)
    group = _one("group", asked["group"], known, "the lab has one text") or groups[0]
    kept = reader.meta("tokens" if group == groups[0] else f"tokens {group}")
    tokens = TokenSet.from_json(kept) if kept else None
    part = _one("part", asked["part"], _corpora(tokens), "its text is no mixture")
    return Chosen(group=group, part=part, where=tuple(others), tokens=tokens)


def _corpora(tokens: TokenSet | None) -> list[str]:
    """The parts of a mixture."""
    return [each.corpus for each in tokens.parts] if tokens is not None and len(tokens.parts) > 1 else []


def _one(kind: str, asked: list[str], known: list[str], without: str) -> str | None:
    if not asked:
        return None
    if len(asked) > 1 or asked[0] not in known:
        allowed = ", ".join(known) if known else f"none: {without}"
        raise BadInput(f"{kind} {clean(asked[-1], 80)}", allowed=allowed, todo=did_you_mean(asked[-1], known))
    return asked[0]
