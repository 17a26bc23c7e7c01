"""Pairs of prompts and targets → tokens on disk, with a mark on every token that is a target.

    rows of files, of the hub, of a generator ─fields→ pairs ─PairSpool→ two sides ─layout→ windows ─→ train.bin …

An example is prompt, separator, target, end of text; it stands whole in one window of the context, and every window
begins with an end of text. A prompt is on one side only. Must not know models, scores or labs.
"""

from __future__ import annotations

from scalelab.corpora.pairs.heldout import HeldOutPair, read_held_out
from scalelab.corpora.pairs.preparing import prepare_pairs

__all__ = ["HeldOutPair", "prepare_pairs", "read_held_out"]
