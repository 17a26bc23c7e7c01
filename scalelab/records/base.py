"""What every record can do: plain values and JSON, both ways. Knows no record."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, Self


class Json:
    """JSON both ways for a frozen record of plain values; enums go as their value."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def to_json(self) -> str:
        """The record as one line of JSON."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The record from plain values; unknown keys are refused by the constructor."""
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record from its JSON."""
        return cls.from_dict(json.loads(text))


def field_names(record: type[Any]) -> tuple[str, ...]:
    """The fields of a record, in order: the columns of its table."""
    return tuple(field.name for field in fields(record))
