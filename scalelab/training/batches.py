"""Which tokens a step sees: a pure function of (seed, step), so that a resumed run reads what it would have read.

An epoch is a permutation of all windows of `context` tokens; the next epoch is another one. Where some tokens are no
targets (a task's prompts, padding), they stand in the batch as their complement, ~token: one array carries tokens and
mask, and text without tasks goes its way untouched. Knows no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalelab.errors import BadInput, ScalelabError
from scalelab.records import TokenSet


def open_tokens(tokens: TokenSet, part: str) -> NDArray[Any]:
    """The memory map of "train", "held_out" or a mixture's part, "held_out-N"; as long as the token set claims."""
    path = Path(tokens.directory) / f"{part}.bin"
    if tokens.dtype not in ("uint16", "uint32"):
        raise BadInput(f"token dtype {tokens.dtype!r} is not known", allowed="uint16, uint32")
    try:
        array = np.memmap(path, dtype=np.dtype(tokens.dtype).newbyteorder("<"), mode="r")
    except (OSError, ValueError) as error:
        raise ScalelabError(f"tokens at {path} cannot be read: {error}", todo="prepare the corpus again") from error
    own = {f"held_out-{number}": each.held_out_tokens for number, each in enumerate(tokens.parts)}
    claimed = {"train": tokens.train_tokens, "held_out": tokens.held_out_tokens, **own}[part]
    if len(array) != claimed:
        raise ScalelabError(f"{path} holds {len(array)} tokens instead of {claimed}", todo="prepare the corpus again")
    return array


def open_targets(tokens: TokenSet, part: str) -> NDArray[np.bool_] | None:
    """Which tokens of "train" or "held_out" are targets; None where all are."""
    if tokens.pairs is None:
        return None
    path = Path(tokens.directory) / f"{part}.targets.bin"
    claimed = tokens.train_tokens if part == "train" else tokens.held_out_tokens
    try:
        array = np.memmap(path, dtype=np.bool_, mode="r")
    except (OSError, ValueError) as error:
        raise ScalelabError(f"targets at {path} cannot be read: {error}", todo="prepare the corpus again") from error
    if len(array) != claimed:
        raise ScalelabError(f"{path} marks {len(array)} tokens instead of {claimed}", todo="prepare the corpus again")
    return array


def marked(tokens: NDArray[np.int64], targets: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Tokens, those that are no targets as their complement."""
    return np.where(targets, tokens, ~tokens)


class Batches:
    """The batches of one run over a flat array of tokens."""

    def __init__(
        self, tokens: NDArray[Any], *, context: int, batch_sequences: int, seed: int,
        targets: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        self.windows = (len(tokens) - 1) // context
        if self.windows < 1:
            raise BadInput(f"context {context} is longer than the corpus of {len(tokens)} tokens")
        self._tokens, self._targets = tokens, targets
        self._batch, self._context, self._seed = batch_sequences, context, seed
        self._within = np.arange(context + 1, dtype=np.int64)
        self._orders: dict[int, NDArray[np.int64]] = {}

    def epoch(self, step: int) -> float:
        """Passes over the corpus finished after `step` steps; above 1, tokens repeat."""
        return step * self._batch / self.windows

    def batch(self, step: int) -> NDArray[np.int64]:
        """The tokens of step `step`, (batch_sequences, context + 1): inputs are [:, :-1], targets [:, 1:].

        Those that are no targets stand as their complement, below 0.
        """
        first = step * self._batch
        places = np.arange(first, first + self._batch)
        epochs, within = np.divmod(places, self.windows)
        if epochs[0] == epochs[-1]:
            windows = self._order(int(epochs[0]))[within]
        else:
            windows = np.array([self._order(int(e))[w] for e, w in zip(epochs, within, strict=True)])
        places = (windows * self._context)[:, None] + self._within
        gathered: NDArray[np.int64] = self._tokens[places].astype(np.int64)
        return gathered if self._targets is None else marked(gathered, self._targets[places])

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._orders:
            self._orders = {past: order for past, order in self._orders.items() if past == epoch - 1}
            generator = np.random.Generator(np.random.Philox(key=[self._seed, epoch]))
            self._orders[epoch] = generator.permutation(self.windows)
        return self._orders[epoch]
