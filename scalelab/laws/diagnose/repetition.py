"""Data seen more than once: how often, and whether the law misses more the more often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalelab.laws.diagnose.tangent import Tangent
from scalelab.laws.runs import RunTable

REPEATED = 1.01
"""Epochs from which data count as repeated: below, a corpus was merely read to its end."""
LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """Runs that saw more tokens than there are unique ones."""

    n_repeated: int
    most_epochs: float
    """D over unique tokens, the largest of any run."""
    slope: float | None
    """Change of ln loss with each doubling of epochs beside the law; None where it cannot be told."""
    p_value: float | None
    """That chance alone gives such a slope."""

    @property
    def hurts(self) -> bool:
        """Whether the loss lies higher the more often data were seen, beyond chance."""
        return self.slope is not None and self.slope > 0 and self.p_value is not None and self.p_value < LEVEL


def repetition(runs: RunTable, kept: RunTable, tangent: Tangent) -> Repetition | None:
    """What repeated data did: counted among all runs, and weighed among those of the tangent.

    None where no run repeats or nobody says how many tokens are unique.
    """
    if runs.unique_tokens is None or kept.unique_tokens is None:
        return None
    epochs = runs.n_tokens / runs.unique_tokens
    repeated = epochs > REPEATED
    if not repeated.any():
        return None
    doublings = np.log2(np.maximum(kept.n_tokens / kept.unique_tokens, 1.0))
    slope = tangent.beside(doublings, kept.cluster)
    return Repetition(
        n_repeated=int(repeated.sum()), most_epochs=float(epochs.max()),
        slope=None if slope is None else slope.value, p_value=None if slope is None else slope.p_value,
    )  # fmt: skip
