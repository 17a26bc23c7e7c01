"""A heading read by its words, where no known name stands: "loss_c4_val" is a loss, "train_loss" not the held-out one.

A guess is taken only where one column alone can be meant. Knows headings, no rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from scalelab.errors import BadInput

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+[a-z]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ABOUT = _words(
    "n num number no count total of on the model models hparams hparam config summary size sum all data dataset"
)
"""Words that say nothing about what a number is."""
_SAID_OF: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "n_params": (
        _words("param params parameter parameters"),
        _words("trainable non embedding embeddings embed emb nonemb nonembedding exact active excluding"),
    ),
    "n_tokens": (
        _words("token tokens"),
        _words("train training trained seen consumed processed used so far d pretrain pretraining budget"),
    ),
    "steps": (
        _words("step steps iter iters iteration iterations"),
        _words("train training trained global optimizer optimiser max"),
    ),
    "step_tokens": (_words("tokens"), _words("batch per step global train training in")),
    "unique_tokens": (_words("unique"), _words("token tokens train training")),
    "epochs": (_words("epoch epochs"), _words("train training")),
}
"""What a quantity's heading must say one word of, and what it may say beside it and `_ABOUT`."""
_LOSS = tuple(map(_words, ("loss", "cross entropy", "crossentropy", "xent", "nll", "ce")))
"""Words that say loss, together."""
_NO_LOSS = _words(
    "train training grad gradient aux z std se sem stderr err error min max delta diff ratio scaled smooth smoothed "
    "bits bit byte bytes bpb bpc char character accuracy acc predicted pred fit log ln log10 weight spike"
)
"""What a held-out loss in nats a token does not call itself."""
_HELD_OUT = _words("val valid validation eval evaluation test heldout held holdout dev")


def words_of(heading: str) -> tuple[str, ...]:
    """The words of a heading: "evalLoss/c4_en" → eval, loss, c4, en."""
    return tuple(word.lower() for word in _WORD.findall(heading))


def likely(headings: Sequence[str], taken: Sequence[int], quantity: str) -> int | None:
    """Position of the one free column that can be meant by a quantity; None where there is none, or several."""
    found = [at for at, heading in enumerate(headings) if at not in taken and says(heading, quantity)]
    return found[0] if len(found) == 1 else None


def likely_loss(headings: Sequence[str], taken: Sequence[int]) -> int | None:
    """Position of the one column that can be the held-out loss; None where there is none.

    Raises
    ------
    BadInput
        Several can be meant: which one is the user's to say, for they may be of different texts.
    """
    found = [at for at, heading in enumerate(headings) if at not in taken and _is_loss(heading)]
    held_out = [at for at in found if _HELD_OUT.intersection(words_of(headings[at]))]
    found = held_out or found
    if len(found) > 1:
        some = ", ".join(ascii(headings[at][:30]) for at in found[:6])
        raise BadInput(
            f"{len(found)} columns may be the held-out loss: {some}{' …' if len(found) > 6 else ''}",
            todo=f"say which one, as in loss={headings[found[0]][:30]!r}",
        )
    return found[0] if found else None


def says(heading: str, quantity: str) -> bool:
    """Whether a heading's words name this quantity and nothing else."""
    words = words_of(heading)
    core, beside = _SAID_OF[quantity]
    named = [word for word in words if word in core]
    if quantity == "step_tokens" and not {"batch", "step"}.intersection(words):
        return False
    return bool(named) and all(word in core or word in beside or word in _ABOUT for word in words)


def _is_loss(heading: str) -> bool:
    words = frozenset(words_of(heading))
    return any(way <= words for way in _LOSS) and not words & _NO_LOSS
