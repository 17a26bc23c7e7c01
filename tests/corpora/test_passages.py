from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.corpora.passages import MIN_TEXT_BYTES, PASSAGE_BYTES, Passages, Spool, cut
from scalelab.errors import BadInput
from tests.corpora.conftest import prose

TEXTS = st.lists(st.text(alphabet=st.sampled_from("ab \n\néü日🙂"), max_size=400), max_size=40).map("".join)


def gather(folder: Path, documents: list[str]) -> Passages:
    spool = Spool(folder)
    for document in documents:
        for passage in cut([document]):
            spool.add(passage)
    return spool.ordered()


@given(text=TEXTS, step=st.integers(1, 5000))
def test_passages_depend_on_the_text_and_not_on_the_blocks_it_comes_in(text: str, step: int) -> None:
    blocks = [text[i : i + step] for i in range(0, len(text), step)]
    assert list(cut(blocks)) == list(cut([text]))


@given(text=TEXTS)
def test_nothing_but_blank_space_is_lost_at_a_cut(text: str) -> None:
    passages = list(cut([text * 8]))
    assert b"".join(b"".join(passages).split()) == b"".join((text * 8).encode().split())
    for passage in passages:
        passage.decode()  # never cut within a character
        assert 0 < len(passage) <= PASSAGE_BYTES


def test_cuts_stand_after_a_paragraph_else_a_line_else_before_a_blank() -> None:
    paragraphs = list(cut(["a b\nc " * 300 + "end\n\n" + "d e\nf " * 600]))
    assert paragraphs[0].endswith(b"end")
    rows = list(cut(["a b\n" * 2000]))
    assert all(row.endswith(b"a b") and row.startswith(b"a b") for row in rows)
    words = list(cut(["word " * 2000]))
    assert all(part.startswith(b" word") for part in words[1:])


def test_a_line_without_a_place_to_cut_is_cut_between_characters() -> None:
    passages = list(cut(["日" * 10_000]))
    assert b"".join(passages).decode() == "日" * 10_000
    assert max(map(len, passages)) == PASSAGE_BYTES - PASSAGE_BYTES % 3


def test_equal_passages_are_kept_once_and_never_stand_on_both_sides(tmp_path: Path) -> None:
    text = prose(2 * MIN_TEXT_BYTES)
    once, thrice = gather(tmp_path, [text]), gather(tmp_path, [text, prose(9000, 5), text, text])
    assert thrice.n_duplicates == 2 * len(once)
    train, held_out = thrice.split(0.3)
    sides = [set(thrice.read(side)) for side in (train, held_out)]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[0]) + len(sides[1]) == len(thrice)


def test_the_order_is_that_of_the_hashes_whatever_the_order_of_the_documents(tmp_path: Path) -> None:
    documents = [prose(5000, seed) for seed in range(30)]
    forward, backward = gather(tmp_path, documents), gather(tmp_path, documents[::-1])
    assert forward.text_hash == backward.text_hash
    whole = range(len(forward))
    assert list(forward.read(whole)) == list(backward.read(whole))
    assert gather(tmp_path, [*documents[:-1], "x" + documents[-1]]).text_hash != forward.text_hash


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0.001, 0.5))
def test_the_held_out_side_is_the_asked_share_of_the_bytes_to_a_passage(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    passages = gather(tmp_path_factory.mktemp("split"), [prose(100_000)])
    train, held_out = passages.split(share)
    lengths = passages.lengths
    assert (train.start, train.stop, held_out.stop) == (0, held_out.start, len(passages))
    assert lengths[held_out.start :].sum() >= share * lengths.sum()
    assert lengths[held_out.start + 1 :].sum() < share * lengths.sum()


def test_a_longer_corpus_leaves_most_passages_on_their_side(tmp_path: Path) -> None:
    documents = [prose(4000, seed) for seed in range(100)]
    short, long = gather(tmp_path, documents[:95]), gather(tmp_path, documents)
    was = set(short.read(short.split(0.2)[1]))
    now = set(long.read(long.split(0.2)[0]))
    assert len(was & now) <= 0.2 * len(was)


def test_too_little_text_is_refused_with_the_least_size(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"1 B of text .*at least 65536 bytes"):
        gather(tmp_path, ["x"])
    with pytest.raises(BadInput, match="without its 99 repeated passages"):
        gather(tmp_path, [prose(3000)] * 100)
    assert gather(tmp_path, [prose(MIN_TEXT_BYTES + 4096)]).lengths.sum() >= MIN_TEXT_BYTES


def test_lengths_are_those_of_the_text(tmp_path: Path) -> None:
    passages = gather(tmp_path, [prose(80_000)])
    read = list(passages.read(range(len(passages))))
    assert np.array_equal(passages.lengths, [len(passage) for passage in read])
