"""Closed-form counts equal what torch counts in the Hugging Face model of the shape."""

from __future__ import annotations

import math
import random

import pytest

from scalelab import plan, preset_files
from scalelab.errors import BadInput
from scalelab.plan import shapes
from scalelab.plan.shapes import count, make_shape, shape_for
from scalelab.preset import ModelSpec
from scalelab.records import DeviceInfo, ModelShape, ParameterCount


def _counted_by_torch(shape: ModelShape) -> ParameterCount:
    from scalelab.training.model import count as torch_count

    return torch_count(shape)


@pytest.mark.parametrize("name", ["tiny", "smoke", "laptop", "gpu", "wikitext103"])
def test_counts_of_every_preset_equal_torchs(name: str, cpu: DeviceInfo) -> None:
    for rung in plan.make_plan(preset_files.load(name), cpu).rungs:
        assert rung.counts == _counted_by_torch(rung.shape), rung.name


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gpt_neox", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", ["16x1", "64x3", "128x2"])
def test_counts_of_every_architecture_equal_torchs(architecture: str, tied: bool, name: str) -> None:
    model = ModelSpec.model_validate({"architecture": architecture, "tied": tied, "context": 32})
    shape = make_shape(name, model, 300)
    assert count(shape) == _counted_by_torch(shape)


def test_gpt2_small_has_124_million_parameters() -> None:
    # 124,439,808: the number that Hugging Face reports for "gpt2".
    shape = make_shape("768x12", ModelSpec.model_validate({"context": 1024}), 50_257)
    assert count(shape).n_total == 124_439_808


def test_an_odd_width_has_no_pairs_to_turn() -> None:
    with pytest.raises(BadInput, match="d_model 13 is odd, and llama turns pairs"):
        make_shape("13x1", ModelSpec.model_validate({"architecture": "llama"}), 512)


@pytest.mark.parametrize("settings", [{}, {"head_dim": 64}, {"architecture": "qwen3", "tied": False}])
def test_the_nearest_shape_is_the_nearest_of_all_that_could_be(settings: dict[str, object]) -> None:
    """Tried one by one; asked again and after other models, the answer is the same."""
    model, draw = ModelSpec.model_validate(settings), random.Random(0)
    every = [
        make_shape(f"{width}x{depth}", model, 512)
        for width in shapes._WIDTHS
        if model.head_dim is None or width % model.head_dim == 0
        for depth in range(max(1, math.ceil(width / 64)), max(1, width // 32) + 1)
    ]
    sizes = [count(shape).n_params for shape in every]
    targets = [size * draw.choice([1.0, draw.uniform(0.8, 1.25)]) for size in draw.sample(sizes, 50)]
    nearest = [every[min(range(len(every)), key=lambda at: abs(math.log(sizes[at] / target)))] for target in targets]
    assert [shape_for(target, model, 512) for target in targets] == nearest
    shape_for(1e7, ModelSpec.model_validate({"context": 16}), 50_257)
    assert [shape_for(target, model, 512) for target in targets] == nearest
