"""A lab grows: more budgets, sizes or seeds. Done runs stay done; trunks go on from their last checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scalelab.errors import ScalelabError
from scalelab.lab.hooks import Hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What a lab grew by."""

    runs: tuple[str, ...]
    """New runs, in the order of the plan."""
    trunks: tuple[str, ...]
    """Trunks that were there and train further, or again."""
    flops: float
    """Of all that is to be trained for it."""
    seconds: float
    """On the lab's slots."""
    notes: tuple[str, ...]
    """Where the grown lab is not what one planned so from the start would be, and why."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def extend(
    folder: str | Path,
    *,
    budgets: Sequence[str] = (),
    shapes: Sequence[str] = (),
    seeds: int | None = None,
    hooks: Hooks | None = None,
) -> Extension:
    """Grow a lab that nobody trains now; training it is another call (`resume`).

    Parameters
    ----------
    budgets : in the unit of the lab's own budgets: tokens, tokens a parameter or FLOPs.
    shapes : new rungs, d_model x n_layer.
    seeds : how many seeds the lab shall have in all.
    """
    raise ScalelabError("extend is not there yet")
