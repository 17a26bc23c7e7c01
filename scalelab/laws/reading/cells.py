"""One cell of a table → a number, or the words why it is none. What could be read two ways is refused, not guessed."""

from __future__ import annotations

import math

from scalelab.laws.reading.sheets import Cell

MOST_LOSS = 13.9
"""Nats a token: ln of a million words, above which no language model's loss lies. Larger is another unit."""
DIED = frozenset(
    ("crashed", "failed", "killed", "running", "preempted", "preempting", "pending", "diverged", "stopped", "cancelled",
     "canceled", "planned", "queued", "aborted", "error", "timeout", "interrupted")
)  # fmt: skip
"""States, in lower case, of a run that did not end by itself: what it last measured is no point."""


def number(cell: Cell, name: str) -> float | str:
    """The number in a cell, or why it is refused."""
    text = as_text(cell)
    try:
        value = float(text)
    except ValueError:
        return _not_plain(text, name)
    if not math.isfinite(value):
        return f"{name} is {shown(text)}: a run without a finite value is no point"
    return value if value > 0 else f"{name} is {shown(text)}: must be above 0"


def loose_number(cell: Cell) -> float:
    """The number in a cell of any column; NaN where it holds none."""
    text = as_text(cell)
    try:
        return float(text)
    except ValueError:
        value = _not_plain(text, "count")
        return value if isinstance(value, float) else math.nan


def as_text(cell: Cell) -> str:
    """A cell as text without blanks around it; "" where nothing stands."""
    if isinstance(cell, str):
        return cell.strip()
    return "" if cell is None else repr(cell)


def _not_plain(text: str, name: str) -> float | str:
    if not text:
        return f"{name} is empty"
    if text.startswith("="):
        return f"{name} is a formula, {shown(text)}: save the sheet's values"
    if "," in text and text.replace(",", "").replace(".", "").strip("+-").isdigit():
        return f"{name} is {shown(text)}: thousands or decimals? write it without a comma, with a point"
    if name == "loss":
        return f"{name} is {shown(text)}: not a number"
    from scalelab.errors import BadInput
    from scalelab.units import parse_count  # here: few cells are written like 125M

    try:
        return float(parse_count(text))
    except BadInput:
        return f"{name} is {shown(text)}: not a number"


def shown(text: str) -> str:
    """A cell as it may be printed: short, quoted, nothing that a terminal would obey."""
    return ascii(text[:30] + ("…" if len(text) > 30 else ""))


def loss_in_nats(value: float, unit: str) -> float | str:
    """A loss in nats a token from the unit of its column, or why it cannot be one."""
    if unit == "ln":
        nats = math.log(value) if value > 1 else 0.0
    else:
        nats = value * math.log(2.0) if unit == "bits" else value
    if nats <= 0:
        return f"perplexity is {value:g}: must be above 1"
    if nats > MOST_LOSS:
        return f"loss is {value:g}: above {MOST_LOSS} nats a token, so perhaps a perplexity or a sum"
    return nats


def unfinished(cell: Cell) -> str:
    """Why a run in this state is no point, or ""."""
    text = as_text(cell)
    return f"its state is {shown(text)}: no finished run" if text.lower() in DIED else ""
