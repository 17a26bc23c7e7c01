"""JSON lines and arrays of objects: nested keys, missing keys, broken lines, and files that would fill the memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import RunTable

ROWS = [
    {
        "name": "a",
        "config": {"n_params": 1e6, "lr": 0.1, "tags": ["x"]},
        "summary": {"tokens": 20000000, "val_loss": 4.1},
    },
    {"name": "b", "config": {"n_params": "2M", "final": True}, "summary": {"tokens": 4e7, "val_loss": 3.9}},
]


@pytest.fixture
def read(tmp_path: Path):
    def write_and_read(text: str | bytes, **options: object) -> RunTable:
        path = tmp_path / "runs.jsonl"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return laws.read_runs(path, **options)

    return write_and_read


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, ROWS)),
        "\ufeff\r\n" + "\r\n\r\n".join(map(json.dumps, ROWS)) + "\r\n",
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n [" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
    ],
    ids=["lines", "blank-lines", "array", "indented", "line-breaks"],
)
def test_nested_keys_are_found_by_their_dots(read, text: str) -> None:
    table = read(text)
    assert table.run_id == ("a", "b")
    np.testing.assert_array_equal(table.n_params, [1e6, 2e6])
    np.testing.assert_array_equal(table.n_tokens, [2e7, 4e7])
    np.testing.assert_array_equal(table.loss, [4.1, 3.9])
    assert table.n_excluded == 0
    assert "column 'config.n_params' read as n_params" in table.notes
    assert read(text, where="config.lr = 0.1").run_id == ("a",)
    assert read(text, where="config.final = 'true'").run_id == ("b",)
    assert read(text, columns={"N": "summary.tokens", "tokens": "config.n_params"}).n_params.tolist() == [2e7, 4e7]


def test_lines_that_are_no_runs_are_told_with_their_number(read) -> None:
    good = json.dumps({"n_params": 1e6, "tokens": 2e7, "loss": 4})
    bad = ['{"n_params": 1e6,', "[1]", "7", '{"n_params": 1e6, "tokens": 2e7}',
           '{"n_params": 1, "tokens": 2, "loss": NaN}',
           '{"n_params": 1, "tokens": 2, "loss": {"x": 1}}', '{"n_params": ' + "9" * 5000 + "}"]  # fmt: skip
    table = read("\n".join([good, *bad]))
    assert len(table) == 1
    reasons = {item.line: item.reason for item in table.excluded}
    assert list(reasons) == [2, 3, 4, 5, 6, 7, 8]
    for line, words in ((2, "no JSON: "), (3, "no object"), (4, "no object"), (5, "loss is empty"), (6, "no point"),
                        (7, "loss is empty"), (8, "too many digits")):  # fmt: skip
        assert words in reasons[line]


def test_objects_of_an_array_are_told_with_their_line(read) -> None:
    table = read(
        '[\n{"n_params": 1e6, "tokens": 2e7, "loss": 4},\n3,\n\n{"n_params": 1e6,\n "tokens": 2e7, "loss": -1}]'
    )
    assert [(item.line, item.reason) for item in table.excluded] == [
        (3, "no object but '3'"),
        (5, "loss is '-1': must be above 0"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "no JSON"),
        (b"[", "no JSON array"),
        (b"[]", "it holds no objects"),
        (b"[{}]", "it holds no objects"),
        (b"[[[[" * 50_000, "no JSON array"),
        (b'{"a":' * 50_000, "no JSON"),
        (b'[{"n_params": 1, "tokens": 2, "loss": 3}', "no JSON array"),
        (b'{"n_params": 1, "tokens": 2}', "no column for loss"),
        (b'{"n_params": "\xff"}', "not UTF-8"),
        (b'{"n_params": "' + b"9" * 1_500_000 + b'"}\n{}\n', "a line of more than 1,000,000"),
    ],
    ids=["brace", "bracket", "empty", "no-keys", "deep-array", "deep-object", "torn", "no-loss", "latin", "long"],
)
def test_what_is_no_table_is_refused_in_one_line(read, text: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words) as told:
        read(text)
    assert told.value.line().isprintable()
    assert len(told.value.line()) < 600


def test_a_line_without_an_end_fills_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "endless.jsonl"
    good = b'{"n_params": 1e6, "tokens": 2e7, "loss": 4}\n'
    with path.open("wb") as file:
        file.write(good + b'{"x": "')
        for _ in range(30):
            file.write(b"y" * 1_000_000)
        file.write(b'"}\n' + good.replace(b"4}", b"5}"))
    tracemalloc.start()
    table = laws.read_runs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table.loss.tolist() == [4.0, 5.0]
    assert [item.line for item in table.excluded] == [2]
    assert peak < 20e6


def test_a_million_keys_are_not_a_million_columns(read) -> None:
    wide = {f"k{i}": i for i in range(5_000)}
    table = read(json.dumps({"n_params": 1e6, "tokens": 2e7, "loss": 4} | wide))
    assert len(table) == 1


@settings(max_examples=150, deadline=None)
@given(body=st.one_of(st.binary(max_size=200), st.text(alphabet='{}[]",:1e+-.na \n\\', max_size=60).map(str.encode)))
def test_no_bytes_make_it_do_anything_but_read_or_refuse(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    for begin in (b'{"n_params": 1e6, "tokens": 2e7, "loss": 4}\n', b'[{"n_params": 1e6, "tokens": 2e7, "loss": 4},'):
        path.write_bytes(begin + body)
        try:
            table = laws.read_runs(path)
        except BadInput as told:
            assert told.line().isprintable()
        else:
            assert np.isfinite(table.loss).all()
            assert all(item.reason.isprintable() for item in table.excluded)
