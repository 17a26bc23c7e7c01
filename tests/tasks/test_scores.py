"""Scores of answers: SQuAD's rule worked out by hand, translations as sacrebleu itself says."""

from __future__ import annotations

import pytest
import sacrebleu

from scalelab.tasks import score_answers
from scalelab.tasks.squad import bare, exact, f1


@pytest.mark.parametrize(
    ("said", "right", "same", "shared"),
    [
        ("the Norman dynasty", ["Norman dynasty."], 1.0, 1.0),  # articles, case and signs say nothing
        ("in Normandy", ["Normandy"], 0.0, 2 / 3),  # precision 1/2, recall 1
        ("10th and 11th centuries", ["in the 10th and 11th centuries", "10th century"], 0.0, 8 / 9),  # 4 of 4, 4 of 5
        ("red red car", ["red car"], 0.0, 0.8),  # a word counts as often as it stands: 2 of 3, 2 of 2
        ("", ["Rollo"], 0.0, 0.0),
        ("the", ["a"], 1.0, 1.0),  # nothing where nothing is expected
        ("Rollo", ["the"], 0.0, 0.0),
    ],
)
def test_exact_match_and_f1_are_squads(said: str, right: list[str], same: float, shared: float) -> None:
    assert exact(said, right) == same
    assert f1(said, right) == pytest.approx(shared)


def test_what_says_nothing_goes() -> None:
    assert bare("  The  U.S.A., an  Apple's\n") == "usa apples"


def test_the_scores_of_answers_are_means() -> None:
    found = score_answers("qa", ["Rollo", "in Normandy", "x"], [["rollo"], ["Normandy"], ["y"]])
    assert found == {"exact": pytest.approx(1 / 3), "f1": pytest.approx((1 + 2 / 3) / 3)}


SAID = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
FIRST = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
SECOND = ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."]


def test_translations_are_scored_as_sacrebleu_does() -> None:
    right = [[second, first] for first, second in zip(FIRST, SECOND, strict=True)]
    found = score_answers("translation", [*SAID[:2], "The man bit the dog."], right)
    said = [*SAID[:2], "The man bit the dog."]
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, [SECOND, FIRST]).score / 100)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(said, [SECOND, FIRST]).score / 100)
    assert 0.5 < found["bleu"] < 1 and 0.5 < found["chrf"] < 1


def test_sentences_may_have_more_or_fewer_right_translations() -> None:
    found = score_answers("translation", SAID, [[FIRST[0], SECOND[0]], [FIRST[1]], [SECOND[2], FIRST[2]]])
    assert found == {"chrf": pytest.approx(1.0), "bleu": pytest.approx(1.0)}


def test_nothing_right_is_nothing() -> None:
    assert score_answers("translation", ["zzz"], [["qqq"]]) == {"chrf": 0.0, "bleu": 0.0}
