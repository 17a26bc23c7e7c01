"""One JSON object that holds all runs, in the shapes that people and pandas write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws.reading.json_documents import document

ROWS = [{"N": 1e6 * (i + 1), "D": 2e7, "loss": 4.1 - 0.1 * i} for i in range(4)]
COLUMNS = {key: [row[key] for row in ROWS] for key in ROWS[0]}
SHAPES: dict[str, Any] = {
    "lists by column": COLUMNS,
    "columns of numbered rows": {key: {str(i): each for i, each in enumerate(cells)} for key, cells in COLUMNS.items()},
    "objects by run": {f"run-{i}": row for i, row in enumerate(ROWS)},
    "a list under a key": {"about": {"by": "me"}, "n": 4, "runs": ROWS},
    "all of it under a key": {"results": COLUMNS},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_every_shape_gives_the_same_runs(tmp_path: Path, shape: str, indent: int | None, end: str) -> None:
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(SHAPES[shape], indent=indent) + end)
    table = laws.read_runs(path)
    assert table.n_params.tolist() == COLUMNS["N"]
    assert table.loss.tolist() == COLUMNS["loss"]
    if shape == "objects by run":
        assert table.run_id == ("run-0", "run-1", "run-2", "run-3")


def test_a_broken_first_line_of_many_is_one_refused_row(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text('{"N": 1e6, "D": oops}\n' + "".join(json.dumps(row) + "\n" for row in ROWS))
    table = laws.read_runs(path)
    assert (len(table), table.n_excluded) == (4, 1)
    assert table.excluded[0].line == 1


def test_settings_and_results_of_one_run_are_one_run(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"config": {"n_params": 1e6}, "summary": {"tokens": 2e7, "loss": 4.1}}, indent=1))
    assert laws.read_runs(path).loss.tolist() == [4.1]


@pytest.mark.parametrize("text", ["{", '{"N": [1, 2', '{"N": 1,\n"D": }', "{}", '{"a": [[1], [2]], "b": [[3], [4]]}'])
def test_what_holds_no_runs_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "runs.json"
    path.write_text(text)
    with pytest.raises(BadInput):
        laws.read_runs(path)


@settings(max_examples=100)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=5), inner, max_size=4), max_leaves=12))  # fmt: skip
def test_any_document_gives_records_or_none(item: Any) -> None:
    found = document(json.dumps(item))
    assert (found is None) == (not isinstance(item, dict))
    assert all(isinstance(record, tuple) for record in found or ())
