"""A corpus as tokens on disk, with what it was taken from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from scalelab.records.base import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPart(Json):
    """One corpus of those that a token set was taken from by shares, or the one that was streamed."""

    corpus: str
    revision: str
    """Which state of it: the commit of a hub's repository; empty for text of this machine."""
    share: float
    """Of the training tokens, as asked; all shares add up to 1."""
    train_tokens: int
    """In train.bin."""
    unique_tokens: int
    """Different ones among those that were read for it: fewer than train_tokens where they repeat."""
    held_out_tokens: int
    """In its own held_out-N.bin, N from 0; the token set's held_out.bin mixes all parts in their shares."""
    held_out_bytes: int

    @property
    def passes(self) -> float:
        """How often its text stands in train.bin."""
        return self.train_tokens / max(self.unique_tokens, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCounts(Json):
    """What a token set of prompts and targets holds; prompts and padding are inputs alone, losses are of targets."""

    task: str
    """"translation" or "qa"."""
    context: int
    """Tokens of a window: an example stands in one and is never cut."""
    train_pairs: int
    held_out_pairs: int
    """Prompts that are held out, each with all its targets; held_out.jsonl has them as text."""
    train_targets: int
    """Tokens of train.bin that are targets, ends of targets included; train.targets.bin marks them."""
    held_out_targets: int
    held_out_target_bytes: int
    """Of the held-out targets as text."""
    longest_target: int
    """Tokens, end included: no model is asked for a longer one."""
    too_long: int = 0
    """Examples left out for being longer than the context."""
    empty: int = 0
    """Examples left out for an empty prompt or target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet(Json):
    """A corpus as tokens on disk: train.bin and held_out.bin (flat, little-endian), tokenizer.json, manifest.json."""

    key: str
    """Hash of (text, tokenizer, split): two labs with one key train on the same bytes."""
    directory: str
    corpus: str
    tokenizer: str
    dtype: str
    """"uint16" or "uint32"."""
    vocab_size: int
    train_tokens: int
    train_bytes: int
    held_out_tokens: int
    held_out_bytes: int
    parts: tuple[TokenPart, ...] = ()
    """What it was taken from by streaming or in shares; empty for one corpus of this machine, which is there whole."""
    asked_train: int = 0
    """Training tokens that were asked of the parts; 0: all there are."""
    asked_held_out: int = 0
    pairs: PairCounts | None = None
    """Of a task's prompts and targets; None of plain text, where every token is a target."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The token set from plain values, its parts included."""
        parts = tuple(TokenPart.from_dict(part) for part in values.get("parts", ()))
        pairs = values.get("pairs")
        return cls(**{**values, "parts": parts, "pairs": pairs and PairCounts.from_dict(pairs)})

    @property
    def bytes_per_token(self) -> float:
        """Of the held-out text, or of its targets: turns nats a token into bits a byte."""
        if self.pairs is not None:
            return self.pairs.held_out_target_bytes / self.pairs.held_out_targets
        return self.held_out_bytes / self.held_out_tokens
