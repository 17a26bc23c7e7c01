from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab.errors import BadInput, ScalelabError
from scalelab.training.batches import Batches, open_tokens
from tests.training.making import make_tokens

TOKENS = np.arange(1_000, dtype=np.uint16)


def _batches(seed: int = 0, batch: int = 4) -> Batches:
    return Batches(TOKENS, context=10, batch_sequences=batch, seed=seed)


def test_an_epoch_sees_every_window_once_and_the_next_in_another_order() -> None:
    batches = _batches(batch=9)
    assert batches.windows == 99
    first, second = (
        np.concatenate([batches.batch(step)[:, 0] for step in steps]) for steps in (range(11), range(11, 22))
    )
    assert sorted(first) == sorted(second) == list(range(0, 990, 10))
    assert list(first) != list(second)
    assert batches.epoch(22) == 2.0


def test_a_batch_depends_on_seed_and_step_and_not_on_what_was_read_before() -> None:
    walked = _batches()
    for step in range(60):
        last = walked.batch(step)
    assert np.array_equal(last, _batches().batch(59))
    assert not np.array_equal(last, _batches(seed=1).batch(59))


def test_a_batch_across_the_end_of_an_epoch_belongs_to_both() -> None:
    batches = _batches(batch=4)
    across = batches.batch(24)  # windows 96 … 99 of 99
    whole = np.concatenate([batches.batch(step)[:, 0] for step in range(24)])
    assert sorted([*whole, *across[:3, 0]]) == list(range(0, 990, 10))


def test_targets_are_the_inputs_one_further() -> None:
    batch = _batches().batch(3)
    assert batch.shape == (4, 11)
    assert batch.dtype == np.int64
    assert np.array_equal(batch[:, 1:], batch[:, :-1] + 1)


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_both_token_sizes_are_read(tmp_path: Path, dtype: str) -> None:
    tokens = make_tokens(tmp_path, n=500, dtype=dtype)
    assert len(open_tokens(tokens, "train")) == 500
    assert open_tokens(tokens, "held_out").max() < 96


def test_tokens_that_are_not_what_was_prepared_are_refused(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path, n=500)
    with pytest.raises(ScalelabError, match="500 tokens instead of 501"):
        open_tokens(replace(tokens, train_tokens=501), "train")
    (tmp_path / "train.bin").unlink()
    with pytest.raises(ScalelabError, match="cannot be read"):
        open_tokens(tokens, "train")


def test_a_context_longer_than_the_corpus_is_refused() -> None:
    with pytest.raises(BadInput, match="context 1000 is longer"):
        Batches(TOKENS, context=1000, batch_sequences=1, seed=0)
