"""The scores of a task, by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scalelab.tasks.squad import exact, f1

NAMES = {"chrf": "chrF", "bleu": "BLEU", "exact": "exact match", "f1": "F1"}
"""What people call them."""


def score_answers(task: str, answers: Sequence[str], right: Sequence[Sequence[str]]) -> dict[str, float]:
    """Each score of a task, 0 to 1.

    Parameters
    ----------
    task : "translation" gives chrf and bleu of the corpus; "qa" the means of exact and f1.
    answers : what a model said.
    right : for each of them the texts that would have been right, at least one.
    """
    if task == "translation":
        return _translation(answers, right)
    pairs = list(zip(answers, right, strict=True))
    return {
        "exact": sum(exact(said, wanted) for said, wanted in pairs) / len(pairs),
        "f1": sum(f1(said, wanted) for said, wanted in pairs) / len(pairs),
    }


def _translation(answers: Sequence[str], right: Sequence[Sequence[str]]) -> dict[str, float]:
    """By sacrebleu with its defaults (Post 2018, aclanthology.org/W18-6319): chrF2, and BLEU over 13a tokens."""
    import sacrebleu

    most = max(len(each) for each in right)
    # One stream of references a rank; None where a sentence has fewer, which sacrebleu knows.
    streams: list[Any] = [[each[rank] if rank < len(each) else None for each in right] for rank in range(most)]
    said = list(answers)
    return {
        "chrf": sacrebleu.corpus_chrf(said, streams).score / 100.0,
        "bleu": sacrebleu.corpus_bleu(said, streams).score / 100.0,
    }
