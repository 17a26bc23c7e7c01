"""Tables as people really write them: good rows are kept, every other row is told with its line and reason."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import RunTable

GOOD = "a,1e6,2e7,4.1\nb,2e6,4e7,3.9\n"
HEADER = "run_id,n_params,tokens,loss\n"


@pytest.fixture
def read(tmp_path: Path):
    """Write a text (or bytes) and read it as runs."""

    def write_and_read(text: str | bytes, **options: object) -> RunTable:
        path = tmp_path / "runs.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return laws.read_runs(path, **options)

    return write_and_read


def reasons(table: RunTable) -> dict[int | None, str]:
    return {item.line: item.reason for item in table.excluded}


def test_plain_table(read) -> None:
    table = read(HEADER + GOOD)
    assert table.run_id == ("a", "b")
    np.testing.assert_array_equal(table.n_params, [1e6, 2e6])
    np.testing.assert_array_equal(table.n_tokens, [2e7, 4e7])
    np.testing.assert_array_equal(table.loss, [4.1, 3.9])
    assert (table.flops, table.n_excluded, table.notes) == (None, 0, ())


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + GOOD,
        (HEADER + GOOD).replace("\n", "\r\n"),
        (HEADER + GOOD).replace(",", ";"),
        (HEADER + GOOD).replace(",", "\t"),
        HEADER + "\n\n" + GOOD + "\n , , ,\n",
        (HEADER + GOOD).replace("1e6", '" 1e6 "'),
    ],
    ids=["bom", "crlf", "semicolons", "tabs", "blank lines", "quoted"],
)
def test_ways_to_write_the_same_table(read, text: str) -> None:
    table = read(text)
    np.testing.assert_array_equal(table.loss, [4.1, 3.9])
    assert table.n_excluded == 0


@pytest.mark.parametrize(
    "header",
    ["Model Size,Training FLOP,Loss", "N,C,L", "params,FLOPs,val_loss", "parameters,compute,Validation Loss"],
)
def test_other_names_are_guessed_and_tokens_follow_from_compute(read, header: str) -> None:
    table = read(header + "\n1e6,1.2e14,4.1\n2e6,4.8e14,3.9\n")
    np.testing.assert_allclose(table.n_tokens, [2e7, 4e7])
    assert any("flops / (6 · n_params)" in note for note in table.notes)
    assert table.count_name == header.split(",")[0]


def test_given_columns_win_over_guesses(read) -> None:
    table = read("n_params,total,tokens,loss\n1,1e6,2e7,4.1\n1,2e6,4e7,3.9\n", columns={"n_params": "total"})
    np.testing.assert_array_equal(table.n_params, [1e6, 2e6])
    assert table.count_name == "total"
    with pytest.raises(BadInput, match="did you mean total"):
        read("n_params,total,tokens,loss\n1,1e6,2e7,4.1\n", columns={"n_params": "totl"})
    with pytest.raises(BadInput, match="cannot map 'x'"):
        read(HEADER + GOOD, columns={"x": "loss"})


def test_rows_can_be_chosen(read) -> None:
    text = "n_params,tokens,loss,outlier\n1e6,2e7,4.1,0\n2e6,4e7,9.9,1\n"
    table = read(text, where={"outlier": "0"})
    assert (len(table), table.n_excluded) == (1, 0)
    assert "1 rows not chosen" in table.notes
    with pytest.raises(BadInput, match="every row was filtered away"):
        read(text, where={"outlier": "2"})
    with pytest.raises(BadInput, match="no column 'series'"):
        read(text, where={"series": "x"})


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("x,1e6,2e7,0", "must be above 0"),
        ("x,1e6,2e7,-3", "must be above 0"),
        ("x,1e6,2e7,nan", "no point"),
        ("x,1e6,2e7,inf", "no point"),
        ("x,1e6,2e7,n/a", "not a number"),
        ("x,1e6,2e7,", "empty"),
        ('x,"1,000",2e7,4', "thousands or decimals"),
        ('x,1e6,2e7,"3,25"', "thousands or decimals"),
        ("x,=1+1,2e7,4", "formula"),
        ("x,1e6,2e7,=cmd|' /C calc'!A0", "formula"),
        ("x,1e6,2e7,\x1b[31m", "not a number"),
        ("x,1e6,2e7,35.2", "perplexity"),
        ("x,1e6,2e7", "3 cells where the header has 4"),
        ("x,1e6,2e7,3,9", "5 cells where the header has 4"),
        ("x,1e400,2e7,3", "no point"),
        ("x,0,2e7,3", "n_params is '0'"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_the_others_kept(read, row: str, word: str) -> None:
    table = read(HEADER + "a,1e6,2e7,4.1\n" + row + "\nb,2e6,4e7,3.9\n")
    assert table.run_id == ("a", "b")
    assert table.n_excluded == 1
    assert word in reasons(table)[3]
    assert reasons(table)[3].isprintable()
    assert table.excluded[0].run == "x"


def test_counts_may_have_suffixes(read) -> None:
    table = read(HEADER + "a,125M,2.5B,3.9\nb,1.3b,26B,3.1\nc,1_000_000,2e7,4\n")
    np.testing.assert_allclose(table.n_params, [125e6, 1.3e9, 1e6])


def test_line_numbers_count_lines_inside_quotes(read) -> None:
    table = read(HEADER + '"two\nlines",1e6,2e7,4.1\nx,1e6,2e7,n/a\n')
    assert list(reasons(table)) == [4]


@pytest.mark.parametrize("name", ["perplexity", "val_ppl", "PPL"])
def test_perplexity_becomes_nats_and_says_so(read, name: str) -> None:
    table = read(f"n_params,tokens,{name}\n1e6,2e7,60.340288\n2e6,4e7,0.5\n")
    np.testing.assert_allclose(table.loss, [4.1], rtol=1e-6)
    assert any("natural log" in note for note in table.notes)
    assert "above 1" in reasons(table)[3]


def test_bits_a_token_become_nats_and_bits_a_byte_are_refused(read) -> None:
    table = read("n_params,tokens,loss_bits\n1e6,2e7,5.0\n2e6,4e7,n/a\n")
    np.testing.assert_allclose(table.loss, [5.0 * np.log(2)])
    with pytest.raises(BadInput, match="bytes a token"):
        read("n_params,tokens,bits_per_byte\n1e6,2e7,1.1\n")
    with pytest.raises(BadInput, match="bytes a token"):
        read("n_params,tokens,bpb\n1e6,2e7,1.1\n", columns={"loss": "bpb"})


def test_repeated_rows_count_once_and_replicates_stay(read) -> None:
    table = read(HEADER + "a,1e6,2e7,4.1\na,1e6,2e7,4.1\nb,1e6,2e7,4.1\na,1e6,2e7,4.2\na,1e6,2e7,4.1\n")
    assert table.run_id == ("a", "b", "a")
    assert reasons(table) == {3: "repeats line 2", 6: "repeats line 2"}
    nameless = read("n_params,tokens,loss\n1e6,2e7,4.1\n1e6,2e7,4.1\n")
    assert reasons(nameless) == {3: "repeats line 2"}


def test_compute_far_from_six_n_d_is_warned_of(read) -> None:
    table = read("n_params,tokens,loss,flops\n1e6,2e7,4.1,1.2e14\n2e6,4e7,3.9,4.8e20\n")
    assert len(table) == 2
    assert any("1 of 2 rows" in note for note in table.notes)
    assert not any("far from" in note for note in read("n_params,tokens,loss,flops\n1e6,2e7,4.1,1.5e14\n").notes)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (b"\x00\x01\x02PK", "is binary"),
        (gzip.compress(b"n_params,tokens,loss\n1,2,3\n" * 9, mtime=0), "is compressed .gzip.: unpack it first"),
        (b"PK\x03\x04 a spreadsheet", "is compressed .zip."),
        ("n_params,tokens,loss\n1,2,3".encode("utf-16"), "is UTF-16"),
        (b"n_params,tokens,loss\n\xff\xff,1,2\n", "is not UTF-8"),
        (b"1e6,2e7,4.1\n2e6,4e7,3.9\n", "has no header"),
        (b"run,loss\na,3\n", "no column for n_params, n_tokens"),
        (b"n_params,tokens\n1e6,2e7\n", "no column for loss"),
        (b"n_params,tokens,loss\n", "a header and no rows"),
        (b"n_params,tokens,loss\n1,2,x\n3,4,nan\n", "no good row among 2 .*line 2, loss is 'x'"),
        (b'n_params,tokens,loss\n"' + b"9" * 1_100_000 + b'",1,2\n', "a line of more than 1,000,000"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(read, text: bytes, word: str) -> None:
    with pytest.raises(BadInput, match=word) as told:
        read(text)
    line = told.value.line()
    assert line.isprintable()
    assert len(line) < 600


def test_folder_missing_fifo_and_endless_are_refused(tmp_path: Path) -> None:
    fifo, loop, empty = tmp_path / "fifo", tmp_path / "loop", tmp_path / "empty"
    os.mkfifo(fifo)
    loop.symlink_to("loop")
    empty.mkdir()
    for path, word in (
        (empty, "a folder without runs"),
        (tmp_path / "none.csv", "No such file"),
        (fifo, "no regular file"),
        (Path("/dev/zero"), "no regular file"),
        (loop, "symbolic links"),
    ):
        with pytest.raises(BadInput, match=word):
            laws.read_runs(path)
    for name in ("a\0b", "x" * 5000, "\x1b[31m\n"):
        with pytest.raises(BadInput) as told:
            laws.read_runs(tmp_path / name)
        assert told.value.line().isprintable()


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=300))
def test_no_bytes_make_it_do_anything_but_read_or_refuse(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"n_params,tokens,loss\n" + body)
    try:
        table = laws.read_runs(path)
    except BadInput as told:
        assert told.line().isprintable()
    else:
        assert np.isfinite(table.loss).all()
        assert all(item.reason.isprintable() for item in table.excluded)


def test_many_bad_rows_are_counted_but_not_all_kept(read) -> None:
    table = read(HEADER + GOOD + "x,1,2,n/a\n" * 30_000)
    assert (len(table), table.n_excluded, len(table.excluded)) == (2, 30_000, 10_000)


def test_a_long_table_takes_memory_for_its_numbers_only(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write("n_params,tokens,loss,text\n")
        for i in range(24_000):
            file.write(f"{1e6 + i},{2e7 + i},{3 + i % 7 if i % 3 else 'n/a'},{'words ' * 40}\n")
    tracemalloc.start()
    table = laws.read_runs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(table), table.n_excluded, len(table.excluded)) == (16_000, 8_000, 8_000)
    assert path.stat().st_size > 6e6
    assert peak < 8e6


@pytest.mark.parametrize("head", [b"", b"n_params,tokens,loss\n"])
def test_an_endless_line_is_refused(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        file.write(head + b"x" * 100_000)
        file.truncate(50_000_000)
    with pytest.raises(BadInput, match="a line of more than"):
        laws.read_runs(path)


def test_more_rows_than_runs_exist_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.laws.reading.taking.MOST_ROWS", 2_500)
    path = tmp_path / "runs.csv"
    path.write_text("n_params,tokens,loss\n" + "1e6,2e7,3\n" * 3_000)
    with pytest.raises(BadInput, match="more than 2,500 rows"):
        laws.read_runs(path)
