from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scalelab.errors import BadInput, ScalelabError
from scalelab.training.generate import generate, load_model
from tests.training.making import VOCAB, make_shape, make_spec, make_tokens, run, steps_to


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("trained")
    run(make_spec(schedule=steps_to(300)), make_tokens(directory / "tokens"), directory / "run")
    return directory / "run" / "model"


def test_a_trained_model_continues_as_its_text_did(model_dir: Path) -> None:
    ids = generate(model_dir, [5, 6, 8], 60, temperature=1.0, seed=1)
    steps = [(after - before) % VOCAB for before, after in zip([8, *ids], ids, strict=False)]
    assert len(ids) == 60
    assert sum(step < 4 for step in steps) >= 50


def test_the_seed_decides_and_nothing_else(model_dir: Path) -> None:
    first = generate(model_dir, [5], 20, seed=1)
    assert first == generate(model_dir, [5], 20, seed=1) != generate(model_dir, [5], 20, seed=2)


def test_cold_and_top_one_are_the_likeliest(model_dir: Path) -> None:
    cold = generate(model_dir, [5], 10, temperature=0.0)
    assert cold == generate(model_dir, [5], 10, top_k=1, seed=9)


def test_nothing_asked_for_is_nothing(model_dir: Path) -> None:
    assert generate(model_dir, [5], 0) == []


@pytest.mark.parametrize(
    ("ids", "settings", "words"),
    [
        ([], {}, "prompt is empty"),
        ([VOCAB], {}, f"token {VOCAB}"),
        ([-1], {}, "token -1"),
        ([1], {"temperature": float("nan")}, "temperature nan"),
        ([1], {"temperature": -1.0}, "temperature -1"),
        ([1], {"top_k": -2}, "top_k -2"),
    ],
)
def test_what_cannot_be_sampled_is_refused_in_words(
    model_dir: Path, ids: list[int], settings: dict[str, float], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        generate(model_dir, ids, 5, **settings)  # type: ignore[arg-type]


def test_a_missing_model_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScalelabError, match="no whole model"):
        generate(tmp_path, [1], 1)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_one_flipped_bit_is_never_sampled_from(model_dir: Path, tmp_path: Path, name: str) -> None:
    damaged = shutil.copytree(model_dir, tmp_path / "model")
    content = bytearray((damaged / name).read_bytes())
    content[-2] ^= 1
    (damaged / name).write_bytes(content)
    with pytest.raises(ScalelabError, match=f"{name} .* its hash differs"):
        generate(damaged, [1], 1)


@pytest.mark.parametrize(
    "shape", [{"tied": False}, {"architecture": "llama"}, {"architecture": "qwen3", "tied": False}]
)
def test_models_of_every_kind_come_back_whole(tmp_path: Path, shape: dict[str, object]) -> None:
    import torch

    from scalelab.training.export import write_model
    from scalelab.training.model import build

    model = build(make_shape(**shape), seed=4)
    write_model(model, tmp_path / "model")
    back = load_model(tmp_path / "model")
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, back.state_dict()[name])
