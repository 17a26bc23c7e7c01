"""Importing this file imports all that a worker needs, once, in the process that workers are forked from.

A fresh process pays 5 to 7 CPU-seconds for torch and transformers; a fork of this one takes its first step at once.
Nothing here may start a thread: a fork would not carry it over.
"""

from __future__ import annotations

import torch

from scalelab.records import ModelShape
from scalelab.training import generate, probe, run
from scalelab.training.cpu import keep_freed_memory
from scalelab.training.model import build

WARMED = ("gpt2",)
"""Architectures whose model class is imported and built once; others are imported by the worker that needs them."""

torch.set_num_threads(1)
keep_freed_memory()
for _architecture in WARMED:
    build(
        ModelShape(architecture=_architecture, n_layer=1, d_model=8, n_head=1, d_ff=8, context=8, vocab_size=8), seed=0
    )

__all__ = ["generate", "probe", "run"]
