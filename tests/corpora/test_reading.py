from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import random
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.corpora.passages import cut
from scalelab.corpora.reading import documents_of, is_known_format, stream, text
from scalelab.errors import BadInput

ROWS = ["first, with a comma", 'second "quoted"', "third\nof two lines", "vierte – ünïcode 日本"]


def read(path: Path, column: str = "text") -> list[str]:
    return ["".join(document) for document in documents_of(path, column)]


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def table(kind: str) -> bytes:
    if kind == "jsonl":
        return "".join(json.dumps({"id": i, "text": row}) + "\n" for i, row in enumerate(ROWS)).encode()
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t" if kind == "tsv" else ",")
    writer.writerows([["id", "text"], *enumerate(ROWS)])
    return out.getvalue().encode()


def zstd(content: bytes) -> bytes:
    import pyarrow

    return pyarrow.compress(content, codec="zstd", asbytes=True)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv"])
@pytest.mark.parametrize("packed", PACKERS)
def test_tables_give_a_document_a_row_plain_or_compressed(tmp_path: Path, kind: str, packed: str) -> None:
    assert read(write(tmp_path, f"a.{kind}{packed}", PACKERS[packed](table(kind)))) == ROWS


@pytest.mark.parametrize("packed", PACKERS)
def test_a_text_file_is_one_document_plain_or_compressed(tmp_path: Path, packed: str) -> None:
    path = write(tmp_path, f"a.txt{packed}", PACKERS[packed]("\n\n".join(ROWS).encode()))
    assert read(path) == ["\n\n".join(ROWS)]


def test_parquet_gives_a_document_a_row_and_passes_nulls_over(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"n": [1, 2, 3, 4, 5], "text": [*ROWS, None]}), path)
    assert read(path) == ROWS
    with pytest.raises(BadInput, match=r"no column 'txt'.*n, text.*did you mean text"):
        read(path, "txt")
    with pytest.raises(BadInput, match="column 'n' holds int64"):
        read(path, "n")


def test_endings_say_the_format() -> None:
    assert all(
        is_known_format(Path(name)) for name in ("a.txt", "B.PY", "c.jsonl.gz", "d.md.xz", "e.parquet", "f.json")
    )
    assert not any(is_known_format(Path(name)) for name in ("a", "a.png", "a.gz", "a.bin.gz", "a.parquet.bak"))


@settings(deadline=None, max_examples=60)
@given(content=st.text(alphabet=st.sampled_from("ab\r\n日é🙂"), max_size=60), block=st.integers(1, 9))
def test_line_ends_become_lf_and_the_bom_goes_wherever_blocks_end(
    tmp_path_factory: pytest.TempPathFactory, content: str, block: int
) -> None:
    path = write(tmp_path_factory.mktemp("t"), "a.txt", "\ufeff" + content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "BLOCK_BYTES", max(block, 3))
        assert read(path) == [content.replace("\r\n", "\n").replace("\r", "\n")]


@pytest.mark.parametrize("block", [1 << 20, 5, 4])
@pytest.mark.parametrize(
    ("content", "offset"), [(b"good text \xff more", 10), (b"cut \xe6\x97", 4), ("日本".encode() + b"\xed\xa0\x80", 6)]
)
def test_invalid_utf8_is_refused_with_its_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, offset: int, block: int
) -> None:
    monkeypatch.setattr(stream, "BLOCK_BYTES", block)
    with pytest.raises(BadInput, match=f"a.txt' is no UTF-8 at byte {offset} "):
        read(write(tmp_path, "a.txt", content))


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.txt", b"text" * 9 + b"\0text", "no text: byte 36 is NUL"),
        ("a.txt", "text".encode("utf-16"), "is UTF-16"),
        ("a.jsonl", b'{"text": "fine"}\n{"text": 3}\n', "line 2: 'text' holds no text"),
        ("a.jsonl", b'{"text": "fine"}\n\n[1]\n', "line 3 is no JSON object"),
        ("a.jsonl", b'{"text": "open\n', "line 1 is no JSON"),
        ("a.jsonl", b"[" * 200_000, "line 1 is no JSON"),
        ("a.jsonl", b'{"n": ' + b"9" * 5000 + b"}", "line 1 is no JSON"),
        ("a.jsonl", b'{"texts": "x"}', "line 1 has no column 'text'.*texts.*did you mean texts"),
        ("a.jsonl", b'{"text": "a \\ud800 b"}', "line 1: 'text' holds half a surrogate pair"),
        ("a.csv", b"body,id\nx,1\n", "no column 'text'.*body, id.*set corpus.text_column"),
        ("a.csv", b"id,text\n1,x\n2\n", "line 3 has 1 cells of 2"),
        ("a.csv", b"id,text\n1,one, two\n", "line 2 has 3 cells of 2"),
        ("notes.tsv.csv", b"text,text\n1,x\n", "2 columns 'text'"),
        ("a.csv", b'text\n"open\n', "no CSV"),
        ("a.parquet", b"PAR1 is not enough", "damaged or no parquet"),
        ("a.parquet.gz", gzip.compress(b"x", mtime=0), "is a compressed parquet file"),
        ("a.txt.gz", b"no gzip at all", "damaged or no .gz"),
        ("a.txt.gz", gzip.compress(b"text" * 1000, mtime=0)[:-20], "damaged or no .gz"),
        ("a.txt.bz2", bz2.compress(b"text" * 1000)[:-20], "damaged or no .bz2"),
        ("a.txt.bz2", b"no bzip at all", "damaged or no .bz2"),
        ("a.txt.xz", lzma.compress(b"text" * 1000)[:-20], "damaged or no .xz"),
        ("a.txt.xz", b"no xz at all", "damaged or no .xz"),
        ("a.txt.zst", b"no zst at all", "damaged or no .zst"),
        ("a.txt.zst", zstd(os.urandom(1000).hex().encode())[:-20], "damaged or no .zst"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, match: str) -> None:
    with pytest.raises(BadInput, match=match) as caught:
        read(write(tmp_path, name, content))
    assert "\n" not in caught.value.line()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_RATIO_FROM", 2 << 20)
    path = write(tmp_path, "a.txt.gz", gzip.compress(b"a" * (16 << 20), 9, mtime=0))
    given = 0
    with pytest.raises(BadInput, match="more than 200 times its size"):
        for block in stream.blocks(path):
            given += len(block)
    assert given <= 9 << 20


@pytest.mark.parametrize(
    ("ending", "packed"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", partial(lzma.compress, preset=0))],
    ids=("gz", "bz2", "xz"),
)
def test_a_bomb_behind_text_is_refused_where_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, packed: Callable[[bytes], bytes]
) -> None:
    """What comes before it must not pay for it: the whole file is far below the ratio."""
    monkeypatch.setattr(stream, "_RATIO_FROM", 8 << 20)
    monkeypatch.setattr(stream, "BLOCK_BYTES", 1 << 18)
    text = random.Random(0).randbytes(1 << 20).hex().encode()
    path = write(tmp_path, f"a.csv{ending}", packed(text) + packed(b"a" * (64 << 20)))
    given = 0
    with pytest.raises(BadInput, match="more than 200 times its size"):
        for block in stream.blocks(path):
            given += len(block)
    assert len(text) < given <= 20 << 20


def test_a_file_that_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_BYTES", 3_000_000)
    with pytest.raises(BadInput, match=r"unpacks to more than 3.0 MB"):
        read(write(tmp_path, "a.txt.xz", lzma.compress(b"abcd" * 1_000_000)))
    assert len(read(write(tmp_path, "b.txt", b"abcd" * 1_000_000))[0]) == 4_000_000


def test_a_parquet_file_may_be_a_bomb_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    monkeypatch.setattr(stream, "_RATIO_FROM", 100_000)
    parquet.write_table(pa.table({"text": ["the same " * 100] * 10_000}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="more than 200 times its size"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("special", ["/dev/zero", "/dev/null"])
def test_devices_are_refused(special: str) -> None:
    if not Path(special).exists():
        pytest.skip("no such device here")
    with pytest.raises(BadInput, match="is a device, pipe or socket"):
        read(Path(special))


@pytest.mark.timeout(10)
def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(BadInput, match="is a device, pipe or socket"):
        read(tmp_path / "a.txt")


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a.txt", "text")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(stream.os, "open", refuse)
    with pytest.raises(BadInput, match="cannot be read: permission denied: check"):
        read(path)


@pytest.mark.parametrize("change", [b"text, and more of it", b"te", b"TEXT"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: bytes) -> None:
    path = write(tmp_path, "a.txt", b"text")
    os.utime(path, (1, 1))
    blocks = stream.blocks(path)
    next(blocks)
    path.write_bytes(change)
    with pytest.raises(BadInput, match="changed while it was read"):
        list(blocks)


def test_a_line_of_a_table_has_a_limit_and_a_line_of_text_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "LINE_BYTES", 1000)
    monkeypatch.setattr(stream, "BLOCK_BYTES", 100)
    line = json.dumps({"text": "x" * 2000})
    with pytest.raises(BadInput, match=r"line 2 is longer than 1.0 kB.*plain text"):
        read(write(tmp_path, "a.jsonl", '{"text": "y"}\n' + line))
    assert read(write(tmp_path, "a.txt", line)) == [line]


def test_one_endless_line_takes_the_memory_of_a_few_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        for _ in range(32):
            file.write(b"word and other " * 70_000)
    tracemalloc.start()
    n_passages = sum(1 for document in documents_of(path, "text") for _ in cut(document))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_passages > 8000
    assert peak < 8 << 20
