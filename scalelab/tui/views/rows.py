"""What a sheet is made of: headings and fields, as records. It knows neither what they mean nor how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A line above some fields."""

    text: str
    beside: str = ""
    """Heads of the columns that stand beside the fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value that a person may change."""

    key: str
    """Unique in its sheet."""
    label: str
    value: str
    """As it stands; empty where nothing is given and `empty` says what then holds."""
    empty: str = ""
    choices: tuple[str, ...] = ()
    """What h and l go through; other values may be typed unless `closed`."""
    closed: bool = False
    """Whether only the choices serve."""
    beside: str = ""
    """What follows from the value, at its right."""
    problem: str = ""
    """Why the value cannot serve."""
    changed: bool = False
    """Whether it differs from where it came from."""
    under: str = ""
    """The field that it is a detail of: it is shown while the cursor is there, or while it is wrong."""


Row = Heading | Field
