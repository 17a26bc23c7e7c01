"""A row of a table → prompt and targets: columns by name, dots for what is nested, a list for several answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalelab.corpora.reading.jsonl import no_column
from scalelab.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One example as text."""

    prompt: str
    targets: tuple[str, ...]
    """The answers that are right, the one to learn first."""

    @property
    def is_whole(self) -> bool:
        """Whether there is a prompt and something to answer."""
        return bool(self.prompt and self.targets)


def pair_of(row: Mapping[str, Any], prompt: Sequence[str], target: str, where: str) -> Pair:
    """The pair in a row; `where` names it in errors.

    Raises
    ------
    BadInput
        A column is missing, or holds something else than text or a list of texts.
    """
    parts = [_texts(_value(row, name, where), name, where) for name in prompt]
    answers = _texts(_value(row, target, where), target, where)
    whole = all(parts)
    joined = "\n".join(part[0] for part in parts if part)
    return Pair(prompt=joined if whole else "", targets=tuple(dict.fromkeys(answers)))


def top_columns(prompt: Sequence[str], target: str) -> list[str]:
    """The columns of the table itself that hold these."""
    return list(dict.fromkeys(name.partition(".")[0] for name in (*prompt, target)))


def _value(row: Mapping[str, Any], name: str, where: str) -> Any:
    if name in row:
        return row[name]
    found: Any = row
    for part in name.split("."):
        if found is None:
            return None
        if not isinstance(found, Mapping) or part not in found:
            raise _missing(name, row, found, where)
        found = found[part]
    return found


def _missing(name: str, row: Mapping[str, Any], inner: Any, where: str) -> BadInput:
    known = inner if isinstance(inner, Mapping) and inner else row
    problem = no_column(where, name, [str(each) for each in known])
    return BadInput(problem.what, allowed=problem.allowed, todo="name the columns: #PROMPT,TARGET")


def _texts(value: Any, name: str, where: str) -> list[str]:
    """The texts of a cell without blanks at their ends; none of an empty one."""
    several = value if isinstance(value, list | tuple) else [value]
    texts = []
    for each in several:
        if each is None or (isinstance(each, float) and math.isnan(each)):  # NaN is how tables of numbers say none
            continue
        if isinstance(each, bool) or not isinstance(each, str | int | float):
            raise BadInput(
                f"{where}: {name!r} holds {type(each).__name__}, no text",
                todo="name a column of text, with a dot for what is inside another: #translation.de,translation.en",
            )
        text = str(each).strip()
        _refuse_half(text, name, where)
        texts += [text] if text else []
    return texts


def _refuse_half(text: str, name: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{where}: {name!r} holds half a surrogate pair", todo="mend or drop the line") from error
