"""Text made into more text: recipes over passages, and the token set of a group that is trained on them."""

from __future__ import annotations

from scalelab.corpora.augment.making import augmented

__all__ = ["augmented"]
