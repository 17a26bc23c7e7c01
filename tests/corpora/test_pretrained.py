"""Tokenizers that exist already: GPT-2's layout (end of text inside the vocabulary), and ones of another kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scalelab.corpora import load_tokenizer, prepare
from scalelab.corpora.tokenizers import Tokenizer, end_of_text, fast, kind_of, size_of
from scalelab.corpora.tokenizers.base import END_OF_TEXT
from scalelab.errors import BadInput, ScalelabError
from scalelab.preset import CorpusSpec
from tests.corpora.conftest import prose
from tests.corpora.hub.samples import Need, made, texts, two_files
from tests.corpora.loopback import Hub

Write = Callable[..., CorpusSpec]
TEXT = prose(150_000)


def gpt2_like(text: str = TEXT, size: int = 400) -> dict[str, Any]:
    """tokenizer.json as GPT-2's repository has it: the end of text is a token of the vocabulary, the last one."""
    library = kind_of("bpe").make(CorpusSpec(vocab_size=size), [text])
    told: dict[str, Any] = json.loads(library.to_str())
    told["model"]["vocab"][END_OF_TEXT] = len(told["model"]["vocab"])
    return told


def word_level() -> dict[str, Any]:
    """One whose words tiktoken knows nothing of, with an end of text in front."""
    vocab = {"</s>": 0, "<unk>": 1, **{word: number for number, word in enumerate(sorted(set(TEXT.split())), 2)}}
    return {
        "version": "1.0", "padding": None,
        "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0},
         "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None, "decoder": None, "added_tokens": [
            {"id": 0, "content": "</s>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True}],
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "gpt2"
    home.mkdir()
    (home / "tokenizer.json").write_text(json.dumps(gpt2_like()))
    return home


def test_gpt2s_layout_takes_the_fast_way_with_the_librarys_tokens(folder: Path) -> None:
    library = kind_of(str(folder)).make(CorpusSpec(), [])
    assert fast.merges_agree(library)
    encode = fast.fast_encoder(library)
    for text in ("don't — “日本” 42", f"a{END_OF_TEXT}b", TEXT[:5000]):
        assert encode(text.encode()).tolist() == Tokenizer(library).encode(text)
    assert (size_of(library), end_of_text(library)) == (400, 399)


@pytest.mark.parametrize("where", ["folder", "file"])
def test_a_local_tokenizer_serves_as_it_stands(corpus: Write, cache: Path, folder: Path, where: str) -> None:
    name = str(folder if where == "folder" else folder / "tokenizer.json")
    tokens = prepare(corpus(TEXT, tokenizer=name), cache)
    assert tokens.vocab_size == 400
    assert load_tokenizer(Path(tokens.directory)).end_of_text == 399
    parts = [*texts(tokens), *texts(tokens, "held_out")]
    assert sorted("\n\n".join(parts).split("\n\n")) == sorted(TEXT.split("\n\n"))


def test_another_file_under_the_same_name_makes_other_tokens(corpus: Write, cache: Path, folder: Path) -> None:
    spec = corpus(TEXT, tokenizer=str(folder))
    before = prepare(spec, cache)
    (folder / "tokenizer.json").write_text(json.dumps(gpt2_like(size=350)))
    after = prepare(spec, cache)
    assert (after.vocab_size, after.key != before.key) == (350, True)


def test_one_of_another_kind_goes_the_slow_way_and_its_own_end_of_text_stands_between(
    corpus: Write, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.json").write_text(json.dumps(word_level()))
    tokens = prepare(corpus(TEXT, tokenizer=str(tmp_path / "words.json")), cache)
    tokenizer = load_tokenizer(Path(tokens.directory))
    assert tokenizer.end_of_text == 0
    # It was saved with a truncation to 8 tokens, which would lose nearly all of the text.
    assert tokens.train_tokens + tokens.held_out_tokens > len(TEXT.split())


def test_gpt2_is_fetched_by_its_id_once(hub: Hub, corpus: Write, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.model("openai-community/gpt2", {"tokenizer.json": json.dumps(gpt2_like()).encode()})
    spec = corpus(TEXT, tokenizer="gpt2")
    monkeypatch.setattr("scalelab.corpora.preparing._SETTLED_NS", -1)
    tokens = prepare(spec, cache)
    assert tokens.vocab_size == 400
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert prepare(spec, cache) == tokens


def test_a_streamed_corpus_takes_a_tokenizer_of_the_hub(hub: Hub, cache: Path) -> None:
    hub.model("me/words", {"tokenizer.json": json.dumps(gpt2_like()).encode()})
    hub.dataset("me/stories", two_files([prose(2500, seed) for seed in range(60)]))
    tokens = made(hub, "hf:me/stories", cache, Need(), tokenizer="me/words", held_out=0.2)
    assert (tokens.vocab_size, tokens.tokenizer) == (400, "me/words")
    assert sum(map(len, texts(tokens))) == tokens.train_bytes


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("me/nothing", "there is no tokenizer 'me/nothing' on the hub"),
        ("me/slow", "has no tokenizer.json"),
        ("me/broken", "is no tokenizer.json that can be read"),
    ],
)
def test_what_the_hub_cannot_give_is_refused(hub: Hub, corpus: Write, cache: Path, name: str, match: str) -> None:
    hub.model("me/slow", {"vocab.json": b"{}"})
    hub.model("me/broken", {"tokenizer.json": b"{}"})
    with pytest.raises(BadInput, match=match):
        prepare(corpus(TEXT, tokenizer=name), cache)


def test_without_a_hub_it_is_said_at_once(corpus: Write, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ScalelabError, match=r"cannot be reached.*folder with a tokenizer.json"):
        prepare(corpus(TEXT, tokenizer="gpt2"), cache)


@pytest.mark.parametrize(
    ("content", "match"), [(None, "there is no tokenizer.json"), (b"{", "is no JSON"), (b"\xff", "is no JSON")]
)
def test_a_folder_without_one_and_a_broken_file_are_refused(
    corpus: Write, cache: Path, tmp_path: Path, content: bytes | None, match: str
) -> None:
    home = tmp_path / "mine"
    home.mkdir()
    if content is not None:
        (home / "tokenizer.json").write_bytes(content)
    with pytest.raises(BadInput, match=match):
        prepare(corpus(TEXT, tokenizer=str(home)), cache)


@pytest.mark.parametrize("name", ["wordpiece", "gpt3", ""])
def test_an_unknown_name_is_refused_by_the_preset(name: str) -> None:
    with pytest.raises(ValueError, match=r"gpt2|at least 1"):
        CorpusSpec(tokenizer=name)
