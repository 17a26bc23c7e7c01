from __future__ import annotations

import pytest

from scalelab.corpora import check, epochs
from scalelab.errors import BadInput
from scalelab.records import TokenSet


def tokens(train: int, held_out: int) -> TokenSet:
    return TokenSet(
        key="k",
        directory="d",
        corpus="notes",
        tokenizer="bytes",
        dtype="uint16",
        vocab_size=257,
        train_tokens=train,
        train_bytes=train,
        held_out_tokens=held_out,
        held_out_bytes=held_out,
    )


def test_just_enough_is_enough() -> None:
    check(tokens(129, 4097), context=128, evaluation_tokens=4096)
    check(tokens(4097, 4097), context=2048, evaluation_tokens=1024)


def test_a_context_longer_than_the_corpus_is_refused() -> None:
    with pytest.raises(BadInput, match=r"context is 128 and the corpus 'notes' has 128 .*up to 127"):
        check(tokens(128, 10_000), context=128, evaluation_tokens=1024)


def test_too_few_held_out_tokens_are_refused_with_what_would_do() -> None:
    with pytest.raises(BadInput, match=r"held_out = 0.043 or evaluation.tokens = 4095$") as caught:
        check(tokens(94_000, 4096), context=128, evaluation_tokens=4096)
    assert "at least 4097 held-out tokens" in caught.value.line()
    with pytest.raises(BadInput, match=r": use more text or evaluation.tokens = 4999$"):
        check(tokens(50_000, 5000), context=128, evaluation_tokens=65_536)
    with pytest.raises(BadInput, match=r"^two sequences of 4096 tokens .*use more text$"):
        check(tokens(5000, 500), context=4096, evaluation_tokens=1024)


def test_a_budget_beyond_the_corpus_is_counted_in_epochs() -> None:
    assert epochs(tokens(1000, 10), 2500) == 2.5
    assert epochs(tokens(1000, 10), 500) == 0.5
