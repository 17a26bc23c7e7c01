"""Headings as people write them: guessed, shown, mapped, scaled; several counts of N; replicates told by seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import RunTable
from scalelab.laws.reading.columns import find_columns

COUNTED = """run,n_blocks,n_params,n_total,width,tokens,loss
a,1e6,2e6,3e6,64,1e8,4
b,2e6,3e6,4e6,96,1e8,3.8
c,,5e6,,128,1e8,3.5
"""


@pytest.fixture
def read(tmp_path: Path):
    def write_and_read(text: str, **options: object) -> RunTable:
        path = tmp_path / "runs.csv"
        path.write_text(text)
        return laws.read_runs(path, **options)

    return write_and_read


@pytest.mark.parametrize(
    ("header", "notes"),
    [
        ("Model Size,Training Tokens,Validation Loss",
         ("'Model Size' read as n_params", "'Training Tokens' read as n_tokens", "'Validation Loss' read as loss")),
        ("config.n_params,summary.tokens,eval/loss", ("'config.n_params'", "'summary.tokens'", "'eval/loss'")),
        ("config/model/n_params,metrics/num_input_tokens_seen,final/val_loss", ("'metrics/num_input_tokens_seen'",)),
        ("params_no_embed,D,L", ("'params_no_embed' read as n_params", "'D' read as n_tokens", "'L' read as loss")),
        ("Params (M),tokens [M],loss", ("'Params (M)' is taken times 1,000,000",)),
    ],
)  # fmt: skip
def test_what_was_guessed_is_shown(read, header: str, notes: tuple[str, ...]) -> None:
    table = read(f"{header}\n1e6,2e7,4.1\n2e6,4e7,3.9\n")
    for note in notes:
        assert any(note in each for each in table.notes)
    assert table.count_name == header.split(",")[0]


@pytest.mark.parametrize("header", ["train/loss", "train_loss", "grad/loss"])
def test_a_training_loss_is_not_taken_for_the_held_out_one(read, header: str) -> None:
    text = f"n_params,tokens,{header}\n1e6,2e7,4.1\n"
    with pytest.raises(BadInput, match="no column for loss"):
        read(text)
    assert read(text, columns={"L": header}).loss.tolist() == [4.1]


def test_millions_and_billions_in_a_heading(read) -> None:
    table = read("Params (M),tokens in billions,loss\n125,2.5,3.5\n350,7,3.1\n")
    np.testing.assert_allclose(table.n_params, [125e6, 350e6])
    np.testing.assert_allclose(table.n_tokens, [2.5e9, 7e9])
    assert read("Params (M),tokens in billions,loss\n125,2.5,3.5\n350,7,3.1\n", where="N > 200M").loss.tolist() == [3.1]
    small = read("n_params,tokens,loss\n125,2.5e9,3.5\n350,7e9,3.1\n")
    assert any("half of the n_params are below" in note for note in small.notes)


@pytest.mark.parametrize("name", ["N", "n_params", "Params", "parameters"])
def test_a_quantity_may_be_called_by_its_short_name(read, name: str) -> None:
    text = "big,seen,nats,work\n1e6,2e7,4,1.2e14\n"
    table = read(text, columns={name: "big", "D": "seen", "L": "nats", "C": " WORK "})
    assert table.n_params.tolist() == [1e6]
    assert table.flops is not None
    assert table.flops.tolist() == [1.2e14]
    assert "column 'nats' read as loss" in table.notes


def test_other_counts_of_n_come_along_where_every_run_has_them(read) -> None:
    table = read(COUNTED)
    assert (table.run_id, table.count_name, dict(table.counts)) == (("a", "b", "c"), "n_params", {})
    assert "column 'n_total' counts N in 2 of 3 runs: --count takes it, and leaves the others out" in table.notes
    table = read(COUNTED, where="run != 'c'")
    assert set(table.counts) == {"n_blocks", "n_total"}
    np.testing.assert_array_equal(table.counts["n_blocks"], [1e6, 2e6])
    np.testing.assert_array_equal(table.counts["n_total"], [3e6, 4e6])


@pytest.mark.parametrize(
    ("count", "n", "name"),
    [("n_total", [3e6, 4e6], "n_total"), ("N Blocks", [1e6, 2e6], "n_blocks"), ("width", [64, 96, 128], "width"),
     ("n_params", [2e6, 3e6, 5e6], "n_params")],
)  # fmt: skip
def test_another_count_can_be_chosen(read, count: str, n: list[float], name: str) -> None:
    table = read(COUNTED, count=count)
    np.testing.assert_array_equal(table.n_params, n)
    assert table.count_name == name
    np.testing.assert_array_equal(table.compute, [6 * 2e6 * 1e8, 6 * 3e6 * 1e8, 6 * 5e6 * 1e8][: len(n)])
    if len(n) == 2:
        assert [(item.line, item.reason) for item in table.excluded] == [(4, f"{name} is empty")]


def test_a_count_by_its_usual_name_whatever_the_heading(read) -> None:
    table = read("params,params_no_embed,tokens,loss\n2e6,1e6,1e8,4\n", count="n_blocks")
    assert (table.n_params.tolist(), table.count_name) == ([1e6], "params_no_embed")
    assert table.counts["params"].tolist() == [2e6]


def test_a_count_that_is_not_there_lists_those_that_are(read) -> None:
    with pytest.raises(BadInput, match=r"no column counts N as 'n_active' .allowed: 'n_params', 'n_blocks', 'n_total'"):
        read(COUNTED, count="n_active")
    with pytest.raises(BadInput, match="is loss, no count of N"):
        read(COUNTED, count="loss")


def test_companions_of_a_run_are_read(read) -> None:
    table = read("n,d,loss,unique_tokens,weight,trunk,lr_share\n1e6,2e7,4,1e7,2,t1,0\n2e6,2e7,3.9,1e7,1,t1,\n")
    assert table.unique_tokens is not None
    assert table.weight is not None
    assert table.lr_share is not None
    assert table.cluster == ("t1", "t1")
    np.testing.assert_array_equal(table.unique_tokens, [1e7, 1e7])
    np.testing.assert_array_equal(table.weight, [2, 1])
    np.testing.assert_array_equal(table.lr_share, [0, np.nan])


def test_a_seed_tells_replicates_from_repeats(read) -> None:
    rows = "1e6,2e7,4.1,1\n1e6,2e7,4.1,2\n1e6,2e7,4.1,1\n1e6,2e7,4.2,1\n"
    table = read("n_params,tokens,loss,seed\n" + rows)
    assert table.loss.tolist() == [4.1, 4.1, 4.2]
    assert [(item.line, item.reason) for item in table.excluded] == [(4, "repeats line 2")]
    named = read("run,n_params,tokens,loss,seed\n" + "".join(f"a,{row}\n" for row in rows.split()))
    assert named.loss.tolist() == [4.1, 4.1, 4.2]


def test_rows_of_no_sensible_compute_are_refused_with_their_line(read) -> None:
    table = read("n_params,tokens,loss\n1e6,2e7,4\n1e300,1e300,2\n1e-300,1e-300,2\n1e6,2e7,1e-9\n")
    assert len(table) == 1
    reasons = {item.line: item.reason for item in table.excluded}
    assert "no sensible number of FLOPs" in reasons[3]
    assert "no sensible number of FLOPs" in reasons[4]
    assert "not a sensible" in reasons[5]


@settings(max_examples=300, deadline=None)
@given(
    headings=st.lists(
        st.one_of(
            st.text(max_size=12), st.sampled_from(["N", "D", "loss", "n_total", "C", "seed", "bpb", "ppl", "", "State"])
        ),
        max_size=8,
    ),
    given_columns=st.dictionaries(st.sampled_from(["N", "D", "x", "loss"]), st.text(max_size=5), max_size=2),
    count=st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["n_total", "N", "loss"])),
)
def test_any_headings_are_found_or_refused(
    headings: list[str], given_columns: dict[str, str], count: str | None
) -> None:
    try:
        found = find_columns(headings, given_columns, count)
    except BadInput as told:
        assert told.line().isprintable()
    else:
        places = list(found.index.values())
        assert len(set(places)) == len(places) or given_columns
        assert not set(found.counts.values()) & set(places)
