"""Tokens a step from what a run left of its settings; nothing is assumed that a factor of eight may hang on."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from scalelab.laws.reading.run_settings import settings_in, settings_of, tokens_a_step

FULL: dict[str, Any] = {
    "per_device_train_batch_size": 4, "gradient_accumulation_steps": 8, "world_size": 2, "max_seq_length": 512,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "tokens"),
    [
        ({}, 4 * 8 * 2 * 512),
        ({"gradient_accumulation_steps": None}, 4 * 2 * 512),
        ({"global_batch_size": 100}, 100 * 512),
        ({"total_train_batch_size": 7, "block_size": 10}, 70),
        ({"world_size": None}, None),
        ({"max_seq_length": None}, None),
        ({"per_device_train_batch_size": None}, None),
        ({"per_device_train_batch_size": "auto"}, None),
        ({"per_device_train_batch_size": True}, None),
        ({"world_size": 0}, None),
        ({"world_size": -1}, None),
        ({"max_seq_length": math.inf}, None),
        ({"max_seq_length": 10**400}, None),
        ({"world_size": None, "n_gpu": 3}, 4 * 8 * 3 * 512),
    ],
)
def test_tokens_a_step(change: dict[str, Any], tokens: float | None) -> None:
    assert tokens_a_step(FULL | change) == tokens


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "[" * 100_000, "\x00"])
def test_what_is_no_object_says_nothing(text: str) -> None:
    assert settings_of(text) == {}


def test_the_first_folder_that_says_something_counts(tmp_path: Path) -> None:
    checkpoint, run = tmp_path / "run" / "checkpoint-1", tmp_path / "run"
    checkpoint.mkdir(parents=True)
    assert settings_in((checkpoint, run)) == {}
    (run / "args.json").write_text(json.dumps(FULL))
    assert settings_in((checkpoint, run)) == FULL
    (checkpoint / "training_args.json").write_text('{"world_size": 9}')
    assert settings_in((checkpoint, run)) == {"world_size": 9}
    (checkpoint / "training_args.json").write_bytes(b"\xff\xfe\x00")
    assert settings_in((checkpoint, run)) == FULL
    (checkpoint / "training_args.json").write_text(" " * 2_000_000 + "{}")
    assert settings_in((checkpoint, run)) == FULL
