"""The token set of an augmented group: the same held-out side, the text changed as asked, kept and found again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scalelab import corpora
from scalelab.corpora.augment import augmented
from scalelab.corpora.augment.lists import paraphrases, synonym_groups
from scalelab.corpora.augment.making import passages
from scalelab.errors import BadInput
from scalelab.preset import CorpusSpec
from scalelab.recipe import parse_recipe
from scalelab.records import TokenSet


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> TokenSet:
    folder = tmp_path_factory.mktemp("augment")
    nouns = ("law", "sea", "war", "tax", "man")
    lines = [f"The {noun} of number {i} was big and old. It began at {i}!" for i in range(400) for noun in nouns]
    (folder / "text.txt").write_text("\n\n".join(lines))
    return corpora.prepare(CorpusSpec(source=str(folder / "text.txt"), vocab_size=300), folder / "cache")


def texts(tokens: TokenSet) -> list[str]:
    return list(passages(tokens, corpora.load_tokenizer(Path(tokens.directory))))


def binary(tokens: TokenSet, name: str) -> bytes:
    return (Path(tokens.directory) / name).read_bytes()


def test_reading_back_is_exact(base: TokenSet, tmp_path: Path) -> None:
    same = augmented(base, [], tmp_path)
    assert binary(same, "train.bin") == binary(base, "train.bin")
    assert same.train_bytes == base.train_bytes


def test_held_out_text_and_tokenizer_stay(base: TokenSet, tmp_path: Path) -> None:
    made = augmented(base, [parse_recipe("char-noise=0.1")], tmp_path, label="(noisy)")
    for name in ("held_out.bin", "tokenizer.json"):
        assert binary(made, name) == binary(base, name)
    assert binary(made, "train.bin") != binary(base, "train.bin")
    assert (made.held_out_tokens, made.vocab_size) == (base.held_out_tokens, base.vocab_size)
    assert made.corpus.endswith("(noisy)")


def test_copies_are_versions_of_which_the_first_is_plain(base: TokenSet, tmp_path: Path) -> None:
    made = augmented(base, [parse_recipe("word-dropout=0.2")], tmp_path, copies=3)
    plain, found = texts(base), texts(made)
    assert len(found) == 3 * len(plain)
    assert found[: len(plain)] == plain
    second, third = found[len(plain) : 2 * len(plain)], found[2 * len(plain) :]
    assert second != third != plain
    assert made.train_tokens > 2 * base.train_tokens


def test_a_key_for_each_recipe_and_the_same_tokens_again(base: TokenSet, tmp_path: Path) -> None:
    noisy = augmented(base, [parse_recipe("char-noise=0.1")], tmp_path)
    again = augmented(base, [parse_recipe("char-noise=0.1")], tmp_path)
    other = augmented(base, [parse_recipe("char-noise=0.2")], tmp_path)
    anew = augmented(base, [parse_recipe("char-noise=0.1")], tmp_path / "elsewhere")
    assert again == noisy
    assert other.key != noisy.key
    assert binary(anew, "train.bin") == binary(noisy, "train.bin")


def test_unique_tokens_are_whole_passages_from_the_beginning(base: TokenSet, tmp_path: Path) -> None:
    made = augmented(base, [], tmp_path, unique_tokens=2000)
    found = texts(made)
    last = len(corpora.load_tokenizer(Path(made.directory)).encode(found[-1])) + 1
    assert made.train_tokens - last < 2000 <= made.train_tokens
    assert found == texts(base)[: len(found)]
    flat = np.frombuffer(binary(made, "train.bin"), "<u2")
    assert len(flat) == made.train_tokens
    with pytest.raises(BadInput, match="up to"):
        augmented(base, [], tmp_path, unique_tokens=10**9)


def test_another_word_list_is_another_text(base: TokenSet, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("big huge\n")
    recipe = [parse_recipe(f"synonyms=1:{tmp_path / 'a.txt'}")]
    first = augmented(base, recipe, tmp_path)
    assert all("was huge" in text for text in texts(first))
    (tmp_path / "a.txt").write_text("big vast\n")
    assert augmented(base, recipe, tmp_path).key != first.key


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("synonyms=1:{}", "what stands in the text"), ("paraphrase:{}", "what stands in the text"),
        ("word-dropout=1", "another share"), ("char-noise=1e-9", "another share"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("copies", [1, 3])
def test_a_recipe_that_changes_nothing_is_refused(
    base: TokenSet, tmp_path: Path, recipe: str, words: str, copies: int
) -> None:
    """Its group would be plain text in secret."""
    (tmp_path / "list").write_text("zebra\tgiraffe\n")
    wanted = [parse_recipe("case-noise=0.5"), parse_recipe(recipe.format(tmp_path / "list"))]
    with pytest.raises(BadInput, match=f"changes nothing.*{words}"):
        augmented(base, wanted, tmp_path, copies=copies)


def test_the_shipped_synonyms_are_groups_of_known_words() -> None:
    groups = synonym_groups("")
    assert len(groups) > 200
    assert "large" in groups["big"]
    assert all(word == word.lower() and word not in others for word, others in groups.items())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"), (b"", "empty"), (b"\xff\xfe", "not UTF-8"), (b'{"text": "a"}\n', "line 1"),
        (b'{"text": "a", "paraphrase": 3}', "line 1"), (b"one\ttwo\nthree\n", "line 2"),
    ],
)  # fmt: skip
def test_paraphrases_that_are_none_are_refused_by_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "ways"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        paraphrases(str(path))


def test_paraphrases_in_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "ways"
    odd = json.dumps({"text": "A\u2028b.", "paraphrase": "B\x85a."}, ensure_ascii=False)
    path.write_text(json.dumps({"text": "A b.", "paraphrase": ["B a.", "C."]}) + f"\r\nD e.\tE d.\n{odd}\n")
    assert paraphrases(str(path)) == {"A b.": ["B a.", "C."], "D e.": ["E d."], "A\u2028b.": ["B\x85a."]}
