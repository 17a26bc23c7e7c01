"""A ModelShape as a Hugging Face causal LM, with seeded first weights, and its exact counts. Knows nothing of training.

The library's own model is the model, so that everything can load what a run leaves behind.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from scalelab.errors import BadInput, did_you_mean
from scalelab.records import ModelShape, ParameterCount

ARCHITECTURES = ("gpt2", "gpt_neox", "llama", "qwen3")
"""Model types whose logits are exactly hidden states × head: what the loss of this room relies on."""

ACTIVATIONS = ("gelu", "gelu_pytorch_tanh", "relu", "silu")
"""Activations that torch runs as one fused kernel."""


def config_of(shape: ModelShape) -> Any:
    """The Hugging Face config of a shape: sdpa attention, no dropout.

    Raises
    ------
    BadInput
        For an architecture or activation that is not offered, or a width that the heads do not divide.
    """
    _check(shape)
    from transformers import AutoConfig

    sizes: dict[str, Any] = {
        "vocab_size": shape.vocab_size, "tie_word_embeddings": shape.tied,
        "initializer_range": first_std(shape.d_model), "bos_token_id": None,
        "eos_token_id": None, "pad_token_id": None, "attn_implementation": "sdpa",
    }  # fmt: skip
    if shape.architecture == "gpt2":
        sizes |= {
            "n_positions": shape.context, "n_embd": shape.d_model, "n_layer": shape.n_layer, "n_head": shape.n_head,
            "n_inner": shape.d_ff, "activation_function": shape.activation,
            "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
        }  # fmt: skip
    else:
        sizes |= {
            "max_position_embeddings": shape.context, "hidden_size": shape.d_model, "num_hidden_layers": shape.n_layer,
            "num_attention_heads": shape.n_head, "intermediate_size": shape.d_ff, "hidden_act": shape.activation,
            "attention_dropout": 0.0,
        }  # fmt: skip
        if shape.architecture != "gpt_neox":
            sizes |= {"num_key_value_heads": shape.n_head, "head_dim": shape.d_model // shape.n_head}
    return AutoConfig.for_model(shape.architecture, **sizes)


def first_std(d_model: int) -> float:
    """Standard deviation of the first weights: √(2 / 5d), "SmallInit" of Nguyen & Salazar 2019 (arXiv:1910.05895).

    Equal to GPT-2's 0.02 near 1,000 wide; at 32 wide 0.02 would start seven times too small.
    """
    return math.sqrt(2.0 / (5.0 * d_model))


def build(shape: ModelShape, seed: int) -> nn.Module:
    """The model in float32 on the CPU; the same shape and seed give the same weights, whatever ran before.

    Raises
    ------
    BadInput
        As `config_of`.
    """
    config = config_of(shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = _class().from_config(config, dtype=torch.float32)
    return model.train()


def hidden_states(model: Any, ids: Tensor) -> Tensor:
    """The final hidden states: (sequences, context) token ids → (sequences, context, d_model)."""
    states: Tensor = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    return states


def head_weight(model: Any) -> nn.Parameter:
    """The output head, (vocab_size, d_model): the input embedding itself where they are tied."""
    weight: nn.Parameter = model.get_output_embeddings().weight
    return weight


def count(shape: ModelShape) -> ParameterCount:
    """The parameters as torch counts them, without allocating any."""
    with torch.device("meta"):
        model = _class().from_config(config_of(shape))
    blocks = next(child for child in model.base_model.children() if isinstance(child, nn.ModuleList))
    n_blocks = sum(weight.numel() for weight in blocks.parameters())
    return ParameterCount(
        n_params=n_blocks + head_weight(model).numel(),
        n_blocks=n_blocks,
        n_total=sum(weight.numel() for weight in model.parameters()),
    )


def _class() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM


def _check(shape: ModelShape) -> None:
    if shape.architecture not in ARCHITECTURES:
        raise BadInput(
            f"architecture {shape.architecture!r} is not offered",
            allowed=", ".join(ARCHITECTURES),
            todo=did_you_mean(shape.architecture, ARCHITECTURES),
        )
    if shape.activation not in ACTIVATIONS:
        raise BadInput(f"activation {shape.activation!r} is not offered", allowed=", ".join(ACTIVATIONS))
    sizes = ("n_layer", "d_model", "n_head", "d_ff", "context", "vocab_size")
    for name in sizes:
        if getattr(shape, name) < 1:
            raise BadInput(f"{name} {getattr(shape, name)} is too small", allowed="1 or more")
    if shape.d_model % shape.n_head:
        raise BadInput(f"d_model {shape.d_model} is not divisible by {shape.n_head} heads")
