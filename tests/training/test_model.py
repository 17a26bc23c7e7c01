from __future__ import annotations

import pytest
import torch

from scalelab.errors import BadInput
from scalelab.plan.shapes import count as closed_form
from scalelab.training.model import ARCHITECTURES, build, count, head_weight, hidden_states
from tests.training.making import make_shape


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tied", [True, False])
def test_counts_are_those_of_torch_and_of_the_plan(architecture: str, tied: bool) -> None:
    shape = make_shape(architecture=architecture, tied=tied, n_layer=3, d_model=32, n_head=2, d_ff=96)
    model = build(shape, seed=0)
    counts = count(shape)
    assert counts.n_total == sum(weight.numel() for weight in model.parameters())
    assert counts == closed_form(shape)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hidden_states_times_head_are_the_logits_of_the_library(architecture: str) -> None:
    model = build(make_shape(architecture=architecture), seed=1)
    ids = torch.randint(96, (2, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        own = hidden_states(model, ids) @ head_weight(model).t()
        torch.testing.assert_close(own, model(input_ids=ids).logits)


def test_first_weights_depend_on_the_seed_and_on_nothing_else() -> None:
    torch.manual_seed(5)
    first = build(make_shape(), seed=3)
    torch.manual_seed(6)
    again, other = build(make_shape(), seed=3), build(make_shape(), seed=4)
    for one, two in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(head_weight(first), head_weight(other))


def test_building_a_model_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build(make_shape(), seed=3)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "gpt3"}, "did you mean gpt2"),
        ({"activation": "swish9"}, "gelu"),
        ({"n_head": 3}, "not divisible"),
        ({"n_layer": 0}, "n_layer 0"),
        ({"vocab_size": -1}, "vocab_size -1"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_in_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        build(make_shape(**changes), seed=0)
