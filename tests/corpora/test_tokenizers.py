from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.corpora.tokenizers import KINDS, Tokenizer, fast, load_tokenizer
from scalelab.corpora.tokenizers.base import END_OF_TEXT, byte_alphabet
from scalelab.errors import BadInput, ScalelabError
from scalelab.preset import CorpusSpec
from tests.corpora.conftest import prose

# Letters, digits, signs and blanks of many scripts beside what any text holds.
TEXTS = st.text(alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from("etaoin 's\n\t  .,(){}09é日🙂̈ß")))


def made(kind: str, vocab_size: int = 400, text: str = "") -> Any:
    sample = text or prose(60_000) + " naïve café — “日本語” don't we'll x = foo(bar)\n    return 42\n" * 50
    return KINDS[kind].make(CorpusSpec(tokenizer=kind, vocab_size=vocab_size), [sample])


BPE, BYTES = made("bpe"), made("bytes")
FAST = fast.fast_encoder(BPE)


@settings(deadline=None)
@given(text=TEXTS)
@pytest.mark.parametrize("kind", ["bpe", "bytes"])
def test_any_text_comes_back_from_its_tokens(kind: str, text: str) -> None:
    tokenizer = Tokenizer({"bpe": BPE, "bytes": BYTES}[kind])
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_merges_of_a_trained_tokenizer_take_the_fast_way() -> None:
    assert fast.merges_agree(BPE)


@settings(deadline=None, max_examples=200)
@given(text=TEXTS)
def test_tiktoken_gives_the_tokens_of_the_library(text: str) -> None:
    assert FAST(text.encode()).tolist() == Tokenizer(BPE).encode(text)


@given(text=TEXTS)
def test_byte_tokens_are_the_bytes(text: str) -> None:
    tokens = KINDS["bytes"].encoder(BYTES)(text.encode())
    assert tokens.tolist() == list(text.encode()) == Tokenizer(BYTES).encode(text)


def test_sizes_and_the_end_of_text_token() -> None:
    for library, size in ((BPE, 400), (BYTES, 257)):
        tokenizer = Tokenizer(library)
        assert (tokenizer.vocab_size, tokenizer.end_of_text) == (size, size - 1)
        assert library.token_to_id(END_OF_TEXT) == size - 1
        assert tokenizer.decode([tokenizer.end_of_text]) == ""


def test_a_text_that_spells_the_end_of_text_is_text() -> None:
    for library in (BPE, BYTES):
        tokenizer = Tokenizer(library)
        assert tokenizer.end_of_text not in tokenizer.encode(f"a{END_OF_TEXT}b")
        assert tokenizer.decode(tokenizer.encode(f"a{END_OF_TEXT}b")) == f"a{END_OF_TEXT}b"
    assert 399 not in FAST(END_OF_TEXT.encode())


def test_the_same_sample_gives_the_same_merges_and_another_one_others() -> None:
    text = prose(100_000)
    assert made("bpe", text=text).to_str() == made("bpe", text=text).to_str()
    assert made("bpe", text=text).to_str() != made("bpe", text=prose(100_000, 1)).to_str()


def test_a_text_with_few_pairs_gives_a_smaller_vocabulary() -> None:
    assert made("bpe", vocab_size=2000, text="abab abab " * 20).get_vocab_size() < 270
    assert made("bpe", vocab_size=257).get_vocab_size() == 257


def edited(**changes: Any) -> Any:
    from tokenizers import Tokenizer as Library

    parts = json.loads(BPE.to_str())
    parts["model"].update(changes)
    return Library.from_str(json.dumps(parts))


def test_merges_that_tiktoken_would_read_otherwise_go_the_slow_way_with_the_same_tokens() -> None:
    # "abc" is the pair a + bc, but a + b is joined first: tiktoken would still make "abc" of ab + c.
    alphabet = byte_alphabet()
    vocab = {char: rank for rank, char in enumerate(sorted(alphabet))} | {"ab": 256, "bc": 257, "abc": 258}
    crossed = edited(vocab=vocab, merges=[["a", "b"], ["b", "c"], ["a", "bc"]])
    assert not fast.merges_agree(crossed)
    slow = fast.fast_encoder(crossed)(b"abc").tolist()
    assert slow == [256, vocab["c"]]
    direct = fast._tiktoken(fast.byte_ranks(crossed)).encode_ordinary("abc")
    assert direct == [258] != slow


def test_ids_out_of_the_order_of_merges_go_the_slow_way() -> None:
    alphabet = {char: rank for rank, char in enumerate(sorted(byte_alphabet()))}
    turned = edited(vocab=alphabet | {"ab": 257, "bc": 256}, merges=[["a", "b"], ["b", "c"]])
    assert not fast.merges_agree(turned)
    assert fast.fast_encoder(turned)(b"abc").tolist() == [257, alphabet["c"]]


def test_a_character_of_another_class_sends_its_passage_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    library = made("bpe", text="日本語 " * 500)
    # As if tiktoken's tables did not know a Japanese letter.
    monkeypatch.setattr(fast, "WORDS", fast.WORDS.replace(r"\p{L}", r"[\p{L}&&[^\u65e5]]"))
    assert fast.OddCharacters(library).within("x日")
    assert not fast.OddCharacters(library).within("ein Café, 本")
    tokens = Tokenizer(library).encode("日本語")
    assert fast._tiktoken(fast.byte_ranks(library)).encode_ordinary("日本語") != tokens
    assert fast.fast_encoder(library)("日本語".encode()).tolist() == tokens


def test_both_libraries_class_the_characters_of_living_scripts_alike() -> None:
    odd = fast.OddCharacters(BPE)
    assert not odd.within("".join(chr(code) for code in range(0x20, 0x3100) if not 0xD800 <= code <= 0xDFFF))


def test_a_saved_tokenizer_is_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(BPE.to_str(), encoding="utf-8")
    text = "don't — “日本” 42"
    assert load_tokenizer(tmp_path).encode(text) == Tokenizer(BPE).encode(text)


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"model": 3}'])
def test_a_missing_or_damaged_tokenizer_is_told_in_one_line(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ScalelabError, match="prepare the corpus again"):
        load_tokenizer(tmp_path)


def test_a_prompt_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadInput, match="no UTF-8"):
        Tokenizer(BPE).encode("a\udc80b")


def test_token_arrays_are_uint32() -> None:
    for kind, library in (("bpe", BPE), ("bytes", BYTES)):
        assert KINDS[kind].encoder(library)(b"some text").dtype == np.uint32
