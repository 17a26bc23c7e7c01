"""What a run was told to do, as far as it left it as JSON: batch and length, for tokens that nobody counted.

YAML and pickles stay closed: the first needs a parser that nothing else here needs, the second runs code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scalelab.laws.reading.files import small_text

FILES = ("training_args.json", "args.json", "hyperparameters.json", "run_config.json")
MOST_BYTES = 1 << 20
LENGTHS = (
    "block_size", "max_seq_length", "max_seq_len", "seq_length", "sequence_length", "seq_len", "context_length",
    "cutoff_len", "max_length",
)  # fmt: skip
DEVICES = ("world_size", "n_gpu", "num_devices", "num_gpus")


def settings_in(folders: Iterable[Path]) -> dict[str, Any]:
    """The training arguments in the first of these folders that has them."""
    for folder in dict.fromkeys(folders):
        for name in FILES:
            text = small_text(folder / name, MOST_BYTES)
            if text is not None and (found := settings_of(text)):
                return found
    return {}


def settings_of(text: str) -> dict[str, Any]:
    """The object in a text; {} where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def tokens_a_step(settings: Mapping[str, Any]) -> float | None:
    """Batch × accumulation × devices × length; None where batch, length or the devices are not said.

    One device is not assumed: a run on eight would be read as an eighth of its tokens.
    """
    length = _first(settings, LENGTHS)
    whole = _first(settings, ("total_train_batch_size", "global_batch_size"))
    if whole is not None and length is not None:
        return whole * length
    batch, devices = _first(settings, ("per_device_train_batch_size",)), _first(settings, DEVICES)
    if batch is None or devices is None or length is None:
        return None
    return batch * devices * length * (_first(settings, ("gradient_accumulation_steps",)) or 1.0)


def _first(settings: Mapping[str, Any], names: Iterable[str]) -> float | None:
    """The first of these that is a positive number."""
    for name in names:
        value = settings.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15 and math.isfinite(value):
            return float(value)
    return None
