"""What repeated tokens are worth: D as a law of fresh tokens should see it.

After Muennighoff et al. 2023 (arXiv 2305.16264): each further epoch is worth less, with a decay of R* = 15.4 epochs.
Their constant is used and not fitted: few tables hold enough repetition to tell it, and on theirs any from 5 to 25
serves. Knows counts of tokens, no runs' losses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scalelab.laws.forms.repetition import decay
from scalelab.laws.runs import Array, RunTable

DECAY = 15.4
"""R_D*, epochs."""


def fresh_equivalent(n_tokens: npt.ArrayLike, unique_tokens: npt.ArrayLike | None) -> Array:
    """D′ = U + U·R*·(1 − exp(−(D/U − 1)/R*)) where D exceeds the U unique tokens, D elsewhere and without U."""
    tokens = np.asarray(n_tokens, dtype=float)
    if unique_tokens is None:
        return tokens
    unique = np.asarray(unique_tokens, dtype=float)
    passes = np.log(np.maximum(tokens / unique, 1.0))
    with np.errstate(over="ignore"):  # beyond any number of passes nothing more is gained
        worth: Array = np.where(passes > 0, unique * np.exp(decay(passes, np.log(DECAY))), tokens)
    return worth


def with_fresh_tokens(runs: RunTable) -> RunTable:
    """The runs with D as fresh tokens; C stays what was spent. The table itself where nothing was repeated."""
    worth = fresh_equivalent(runs.n_tokens, runs.unique_tokens)
    if np.array_equal(worth, runs.n_tokens):
        return runs
    return replace(runs, n_tokens=worth, flops=runs.compute)
