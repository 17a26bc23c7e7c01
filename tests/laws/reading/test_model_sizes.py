"""Parameters counted from a config or a header are those of the models that transformers builds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scalelab.laws.reading.model_sizes import Size, size_in, size_of_config

FAMILIES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 24, "vocab_size": 50},
    "gpt_neox": {"hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4},
    "llama": {"hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2},
    "mistral": {"hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
                "num_key_value_heads": 2, "head_dim": 8},
    "qwen2": {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 1, "tie_word_embeddings": True},
    "qwen3": {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
              "num_key_value_heads": 2, "head_dim": 6},
}  # fmt: skip
CASES = [(name, {}) for name in FAMILIES] + [
    ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("gpt2", {"n_inner": 20, "tie_word_embeddings": False}),
    ("gpt_neox", {"attention_bias": False}),
]


def truth(model: Any, table: float) -> tuple[float, float, float]:
    """(n_blocks, n_params, n_total) by adding up the model's own parameters."""
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    blocks = sum(size for name, size in sizes.items() if ".layers." in name or ".h." in name)
    return blocks, blocks + table, sum(sizes.values())


def counts(size: Size | None) -> tuple[float, float, float]:
    assert size is not None
    return size.n_blocks, size.n_params, size.n_total


@pytest.mark.parametrize(("family", "more"), CASES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(CASES)])
def test_config_and_header_count_what_the_model_has(tmp_path: Path, family: str, more: dict[str, Any]) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    given = {"vocab_size": 50, **FAMILIES[family], **more}
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **given, **ends))
    model.save_pretrained(tmp_path)
    expected = truth(model, 50 * 16)
    by_shapes = size_in([tmp_path])
    assert counts(by_shapes) == expected
    assert by_shapes is not None
    assert by_shapes.how == "the safetensors header"
    assert by_shapes.n_unembedded == model.num_parameters(exclude_embeddings=True)
    (tmp_path / "model.safetensors").unlink()
    by_config = size_in([tmp_path / "nowhere", tmp_path])
    assert counts(by_config) == expected
    assert by_config is not None
    assert (by_config.how, by_config.n_unembedded) == ("config.json", by_shapes.n_unembedded)


def test_gpt2_small_has_its_published_size() -> None:
    size = size_of_config(
        {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257}
    )
    assert counts(size)[2] == 124_439_808


def header(shapes: dict[str, Any]) -> bytes:
    text = json.dumps(
        {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    )
    return len(text).to_bytes(8, "little") + text.encode()


def test_a_model_in_shards_is_the_sum_of_them(tmp_path: Path) -> None:
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    (tmp_path / names[0]).write_bytes(header({"model.embed_tokens.weight": [50, 8]}))
    (tmp_path / names[1]).write_bytes(header({"model.layers.0.mlp.weight": [8, 8], "model.norm.weight": [8]}))
    index = {"weight_map": {"a": names[0], "b": names[1]}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert counts(size_in([tmp_path])) == (64, 464, 472)
    (tmp_path / names[1]).unlink()
    assert size_in([tmp_path]) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        (1 << 60).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b"\xff" * 9,
        header({"embed_tokens.weight": [1 << 50, 1 << 50]}),
        header({"embed_tokens.weight": [-1, 3], "x": "wide"}),
        header({"x.weight": [3, 3]}),
    ],
    ids=["empty", "short", "endless", "array", "no-text", "no-size", "no-shape", "no-embedding"],
)
def test_a_broken_header_is_no_size(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(body)
    assert size_in([tmp_path]) is None


@pytest.mark.parametrize(
    "config",
    [{}, {"model_type": "mamba"}, {"model_type": "llama"}, {"model_type": "gpt2", "n_embd": "x"},
     {"model_type": "gpt2", "n_embd": 1e308, "n_layer": 1e308, "n_positions": 1, "vocab_size": 1},
     {"model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 0}],
    ids=["empty", "unknown", "bare", "text", "huge", "no-heads"],
)  # fmt: skip
def test_a_config_that_says_too_little_is_no_size(config: dict[str, Any]) -> None:
    assert size_of_config(config) is None


def test_an_index_never_leads_out_of_its_folder(tmp_path: Path) -> None:
    inside = tmp_path / "run"
    inside.mkdir()
    (tmp_path / "outer.safetensors").write_bytes(header({"embed_tokens.weight": [5, 5], "layers.0.w": [5, 5]}))
    (inside / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../outer.safetensors"}}))
    assert size_in([inside]) is None
