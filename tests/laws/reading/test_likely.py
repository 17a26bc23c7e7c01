"""Headings nobody lists, read by their words: taken where one column alone can be meant, else refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import RunTable
from scalelab.laws.reading.likely import likely_loss, says, words_of


@pytest.fixture
def read(tmp_path: Path):
    def write_and_read(text: str, **options: object) -> RunTable:
        path = tmp_path / "runs.csv"
        path.write_text(text)
        return laws.read_runs(path, **options)

    return write_and_read


@pytest.mark.parametrize(
    "header",
    [
        "hparams.params,hparams.tokens,eval/openlm/loss",
        "numTrainableParams,trainTokensSeen,lossC4Val",
        "model_parameters_count,tokens_processed,heldout_cross_entropy",
        "params,tokens,c4_val_loss",
        "N_nonemb,tokens_trained,dev_nll",
    ],
)
def test_names_that_can_mean_one_thing_only_are_read_and_shown(read, header: str) -> None:
    table = read(f"{header}\n1e6,2e7,4.1\n2e6,4e7,3.9\n")
    assert (table.n_params.tolist(), table.n_tokens.tolist()) == ([1e6, 2e6], [2e7, 4e7])
    assert table.loss.tolist() == [4.1, 3.9]
    assert any("read as loss" in note for note in table.notes)


def test_a_training_loss_beside_a_held_out_one_is_left_alone(read) -> None:
    assert read("params,tokens,train_loss,c4_val_loss\n1e6,2e7,3,4.1\n").loss.tolist() == [4.1]


@pytest.mark.parametrize(
    "header", ["train_ce_loss", "loss_std", "val_loss_min", "grad_norm", "loss_bits_per_byte", "z_loss", "perf"]
)
def test_what_is_no_held_out_loss_in_nats_is_not_guessed(read, header: str) -> None:
    with pytest.raises(BadInput, match=r"no column for loss|the only loss"):
        read(f"params,tokens,{header}\n1e6,2e7,4.1\n")


def test_several_losses_are_the_users_to_choose_from(read) -> None:
    text = "N,D,c4_loss,pile_loss\n1e6,2e7,4.1,3.8\n"
    with pytest.raises(BadInput, match="2 columns may be the held-out loss: 'c4_loss', 'pile_loss'"):
        read(text)
    assert read(text, columns={"loss": "pile_loss"}).loss.tolist() == [3.8]


@pytest.mark.parametrize(
    "header",
    ["batch_tokens", "tokens_per_param", "token_multiplier", "vocab_tokens", "eval_tokens", "tokens_per_second"],
)
def test_what_is_not_all_tokens_of_a_run_is_not_taken_for_d(read, header: str) -> None:
    with pytest.raises(BadInput, match="no column for n_tokens"):
        read(f"params,{header},loss\n1e6,2e7,4.1\n")


def test_steps_times_tokens_a_step_are_d(read) -> None:
    table = read("params,global_step,batch_size_tokens,loss\n1e6,100,2e5,4.1\n2e6,300,2e5,3.9\n")
    assert table.n_tokens.tolist() == [2e7, 6e7]
    assert "no column for n_tokens: taken as steps · step_tokens" in table.notes
    chosen = read("params,step,tokens_per_step,loss\n1e6,100,2e5,4.1\n2e6,300,2e5,3.9\n", where="D > 3e7")
    assert chosen.loss.tolist() == [3.9]
    mapped = read("params,s,b,loss\n1e6,100,2e5,4.1\n", columns={"steps": "s", "step_tokens": "b"})
    assert mapped.n_tokens.tolist() == [2e7]


def test_unique_tokens_times_epochs_are_d_and_known_as_repeats(read) -> None:
    table = read("params,unique_tokens,epochs,loss\n1e6,1e7,4,4.1\n2e6,1e7,8,3.9\n")
    assert table.n_tokens.tolist() == [4e7, 8e7]
    assert table.unique_tokens is not None
    assert table.unique_tokens.tolist() == [1e7, 1e7]


def test_steps_are_of_no_interest_where_tokens_stand(read) -> None:
    """A blank step must not refuse a run that says its tokens."""
    table = read("params,tokens,step,tokens_per_step,loss\n1e6,2e7,,2e5,4.1\n")
    np.testing.assert_array_equal(table.n_tokens, [2e7])


def test_steps_without_their_size_are_no_tokens(read) -> None:
    with pytest.raises(BadInput, match="no column for n_tokens"):
        read("params,step,loss\n1e6,100,4.1\n")


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_headings_are_looked_at_without_harm(one: str, other: str) -> None:
    words_of(one)
    says(one, "n_params")
    at = likely_loss([one], [])
    assert at in (None, 0)
    try:
        assert likely_loss([one, other], []) in (None, 0, 1)
    except BadInput as problem:
        assert "may be the held-out loss" in problem.line()
