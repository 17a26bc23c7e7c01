"""What answers are worth in a task: chrF and BLEU of translations, exact match and F1 of answers, all from 0 to 1.

Text in, numbers out: knows no model, no tokens, no lab. sacrebleu is loaded where a translation is scored.
"""

from __future__ import annotations

from scalelab.tasks.scores import NAMES, score_answers

__all__ = ["NAMES", "score_answers"]
