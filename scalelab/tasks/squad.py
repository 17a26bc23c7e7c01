"""Exact match and token F1 by the rule of SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, section 6).

Letters' case, punctuation, the articles a, an and the, and blanks say nothing; of several right answers the nearest
counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_SIGNS = str.maketrans("", "", string.punctuation)


def bare(text: str) -> str:
    """A text without what says nothing."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_SIGNS)).split())


def exact(said: str, right: Sequence[str]) -> float:
    """1 where an answer is one of the right ones, else 0."""
    return float(any(bare(said) == bare(each) for each in right))


def f1(said: str, right: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over words, against the nearest right answer."""
    return max(_overlap(bare(said).split(), bare(each).split()) for each in right)


def _overlap(said: list[str], right: list[str]) -> float:
    if not said or not right:
        # An answer of articles alone is right where none is expected, as in SQuAD 2.
        return float(said == right)
    shared = sum((Counter(said) & Counter(right)).values())
    return 2.0 * shared / (len(said) + len(right))
