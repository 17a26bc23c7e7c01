"""Recipes: seeded, composable, each doing what it is named for to about the share that it was given."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.corpora.augment import recipes
from scalelab.errors import BadInput
from scalelab.recipe import SHARED, parse_recipe

TEXT = "The quick brown fox jumps over the lazy dog. It was late! Was it? Nobody knew, so nobody said.\n" * 40
ALL = {
    "case-noise": recipes.case_noise,
    "space-noise": recipes.space_noise,
    "char-noise": recipes.char_noise,
    "word-dropout": recipes.word_dropout,
    "sentence-shuffle": recipes.sentence_shuffle,
}


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@pytest.mark.parametrize("name", ALL)
@given(text=st.text(max_size=200), share=st.floats(0.01, 1.0), seed=st.integers(0, 9))
@settings(max_examples=60)
def test_any_text_comes_out_as_text_and_alike_for_one_seed(name: str, text: str, share: float, seed: int) -> None:
    change = ALL[name](share)
    once = change(text, random.Random(seed))
    assert once == change(text, random.Random(seed))
    once.encode("utf-8", "surrogatepass")


def test_case_noise_touches_its_share_of_words_and_nothing_else() -> None:
    changed = recipes.case_noise(0.3)(TEXT, random.Random(1))
    assert changed.lower() == TEXT.lower()
    share = sum(one != other for one, other in zip(words(TEXT), words(changed), strict=True)) / len(words(TEXT))
    assert 0.15 < share < 0.35  # a third of what is turned was that way before


def test_space_noise_leaves_the_words() -> None:
    changed = recipes.space_noise(0.5)(TEXT, random.Random(1))
    assert words(changed) == words(TEXT)
    assert changed != TEXT


def test_char_noise_makes_about_as_many_errors_as_asked() -> None:
    changed = recipes.char_noise(0.05)(TEXT, random.Random(1))
    broken = sum(1 for count in (Counter(words(TEXT)) - Counter(words(changed))).values() for _ in range(count))
    assert 0.1 < broken / len(words(TEXT)) < 0.3  # words of four letters, one letter in twenty
    assert abs(len(changed) - len(TEXT)) < 0.03 * len(TEXT)


def test_word_dropout_drops_its_share_and_keeps_the_order() -> None:
    changed = recipes.word_dropout(0.25)(TEXT, random.Random(1))
    assert 0.70 < len(words(changed)) / len(words(TEXT)) < 0.80
    kept = iter(words(TEXT))
    assert all(word in kept for word in words(changed))
    assert recipes.word_dropout(1.0)("only words", random.Random(1)) == "only words"


def test_a_shuffle_keeps_every_sentence() -> None:
    text = "One is here. Two is there! Is three? Four."
    changed = recipes.sentence_shuffle(1.0)(text, random.Random(3))
    assert changed != text
    assert sorted(words(changed)) == sorted(words(text))
    assert {"One is here.", "Two is there!", "Is three?", "Four."} == set(re.findall(r"[A-Z][^.!?]*[.!?]", changed))


def test_synonyms_keep_the_case_of_a_word() -> None:
    change = recipes.synonyms(1.0, {"big": ("large",), "large": ("big",)})
    assert change("Big BIG big, bigger large.", random.Random(0)) == "Large LARGE large, bigger big."


def test_a_paraphrase_replaces_whole_sentences_that_it_knows() -> None:
    change = recipes.paraphrase(1.0, {"It was late!": ("The hour was late!",)})
    changed = change(TEXT, random.Random(0))
    assert changed.count("The hour was late!") == 40
    assert changed.replace("The hour was late!", "It was late!") == TEXT


def test_recipes_compose_in_order() -> None:
    upper = recipes.synonyms(1.0, {"fox": ("wolf",)})
    then = recipes.synonyms(1.0, {"wolf": ("bear",)})
    assert recipes.composed([upper, then])("a fox", random.Random(0)) == "a bear"
    assert recipes.composed([then, upper])("a fox", random.Random(0)) == "a wolf"


@pytest.mark.parametrize(
    ("text", "words_"),
    [
        ("char-noise", "needs a share"),
        ("char-noise=0", "above 0"),
        ("char-noise=1.5", "up to 1"),
        ("char-noise=nan", "recipe"),
        ("char-noise=0.1:file.txt", "reads no file"),
        ("chars=0.1", "no recipe"),
        ("paraphrase=0.5", "needs a file"),
        ("", "recipe"),
        ("\x1b[31m", "recipe"),
    ],
)
def test_what_is_no_recipe_is_refused_in_words(text: str, words_: str) -> None:
    with pytest.raises(BadInput, match=words_) as told:
        parse_recipe(text)
    assert "\x1b" not in told.value.line()


def test_a_recipe_is_written_as_it_is_read() -> None:
    for name in SHARED:
        text = f"{name}=0.25" + (":a/b.tsv" if name in {"synonyms", "paraphrase"} else "")
        assert parse_recipe(text).written == text
        assert parse_recipe(parse_recipe(text).written) == parse_recipe(text)
    assert parse_recipe("sentence-shuffle").share == 1.0
