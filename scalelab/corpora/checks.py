"""Whether a token set is enough for a plan: asked before anything trains."""

from __future__ import annotations

from scalelab.errors import BadInput
from scalelab.records import TokenSet

_MOST_HELD_OUT = 0.5


def check(tokens: TokenSet, context: int, evaluation_tokens: int) -> None:
    """Raise BadInput if a side is shorter than a sequence, or the held-out side than one evaluation.

    A sequence of `context` tokens reads one more, the last target. Budgets beyond the corpus are allowed: see `epochs`.
    """
    if tokens.train_tokens < context + 1:
        raise BadInput(
            f"model.context is {context} and the corpus {tokens.corpus!r} has {tokens.train_tokens} training tokens",
            allowed=f"a context up to {tokens.train_tokens - 1}",
            todo="use more text or a shorter context",
        )
    needed = max(evaluation_tokens, 2 * context) + 1
    if tokens.held_out_tokens >= needed:
        return
    what = f"evaluation.tokens is {evaluation_tokens}"
    if evaluation_tokens < 2 * context:
        what = f"two sequences of {context} tokens are the least to evaluate on"
    share = 1.02 * needed / (tokens.train_tokens + tokens.held_out_tokens)
    remedies = [f"set corpus.held_out = {share:.2g}"] if share <= _MOST_HELD_OUT else ["use more text"]
    if evaluation_tokens >= 2 * context and tokens.held_out_tokens - 1 >= max(1024, 2 * context):
        remedies.append(f"evaluation.tokens = {tokens.held_out_tokens - 1}")
    raise BadInput(
        f"{what} and the corpus {tokens.corpus!r} holds out {tokens.held_out_tokens} tokens",
        allowed=f"at least {needed} held-out tokens",
        todo=" or ".join(remedies),
    )


def epochs(tokens: TokenSet, n_tokens: float) -> float:
    """Passes over the training side that a budget of `n_tokens` makes; above 1, tokens repeat."""
    return n_tokens / tokens.train_tokens
