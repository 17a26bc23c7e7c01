"""Many prompts answered at once are answered as one alone would be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scalelab.training.decode import decode
from scalelab.training.export import write_model
from scalelab.training.generate import generate
from scalelab.training.model import build
from tests.training.making import make_shape, open_device


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_answers_are_those_of_one_prompt_after_another(tmp_path: Path, architecture: str) -> None:
    torch.manual_seed(3)
    model = build(make_shape(architecture=architecture), 1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn_like(weight))  # far from ties
    write_model(model, tmp_path / "model")
    prompts = [[5, 9, 1], [7], [3, 3, 4, 8, 2, 6, 1], [90, 2], [11, 12, 13, 14]]
    alone = [generate(tmp_path / "model", prompt, 6, temperature=0) for prompt in prompts]
    end = alone[0][3]
    expected = [answer[: answer.index(end)] if end in answer else answer for answer in alone]
    found = decode(tmp_path / "model", prompts, open_device("cpu"), end=end, longest=6)
    assert found == expected and len({len(each) for each in expected}) > 1
    assert [generate(tmp_path / "model", each, 6, temperature=0, end=end) for each in prompts] == expected


def test_an_answer_ends_with_the_context(tmp_path: Path) -> None:
    write_model(build(make_shape(), 1), tmp_path / "model")
    (answer,) = decode(tmp_path / "model", [[1] * 14], open_device("cpu"), end=95, longest=50)
    assert answer is not None and len(answer) <= 2


def test_what_is_not_reached_in_time_is_none(tmp_path: Path) -> None:
    write_model(build(make_shape(), 1), tmp_path / "model")
    assert decode(tmp_path / "model", [[1]] * 3, open_device("cpu"), end=95, longest=5, seconds=0.0) == [None] * 3
