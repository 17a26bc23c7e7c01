"""A Hugging Face causal LM as scalelab counts it: its three counts of N and its shape. Loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scalelab.errors import BadInput
from scalelab.records import ModelShape, ParameterCount


def count_model(model: Any) -> ParameterCount:
    """The parameters of a causal LM: blocks, blocks + output head, everything; a shared matrix counts once in all.

    Raises
    ------
    BadInput
        It has no output head, or no blocks that can be told from the rest.
    """
    head = _table(model, "get_output_embeddings")
    blocks = _blocks(model)
    if head is None or not blocks:
        raise BadInput(
            f"{type(model).__name__} has no output head over a stack of blocks", allowed="a causal language model"
        )
    everything = {id(weight): weight.numel() for weight in model.parameters()}
    n_blocks = sum({id(weight): weight.numel() for block in blocks for weight in block.parameters()}.values())
    return ParameterCount(n_params=n_blocks + head, n_blocks=n_blocks, n_total=sum(everything.values()))


def shape_of(config: Any) -> ModelShape:
    """What the config says of the shape, under any of the names that families give it; 0 for what it does not say."""
    width = _number(config, ("hidden_size", "n_embd", "d_model", "dim"))
    return ModelShape(
        architecture=str(getattr(config, "model_type", "") or "unknown")[:40],
        n_layer=_number(config, ("num_hidden_layers", "n_layer", "num_layers", "n_layers")),
        d_model=width,
        n_head=_number(config, ("num_attention_heads", "n_head", "num_heads", "n_heads")),
        d_ff=_number(config, ("intermediate_size", "n_inner", "ffn_dim", "d_ff")) or 4 * width,
        context=_number(config, ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")),
        vocab_size=_number(config, ("vocab_size",)),
        tied=bool(getattr(config, "tie_word_embeddings", True)),
        activation=str(getattr(config, "activation_function", getattr(config, "hidden_act", "")) or "unknown")[:40],
    )


def _table(model: Any, getter: str) -> int | None:
    """Parameters of an embedding matrix, as the model hands it out."""
    found = getattr(model, getter, lambda: None)()
    weight = getattr(found, "weight", None)
    return int(weight.numel()) if weight is not None else None


def _blocks(model: Any) -> Sequence[Any]:
    """The list of modules that holds most parameters: the stack of a transformer."""
    stacks = [module for module in model.modules() if type(module).__name__ == "ModuleList"]
    outer = [stack for stack in stacks if not any(stack is not other and _within(stack, other) for other in stacks)]
    return max(outer, key=lambda stack: sum(weight.numel() for weight in stack.parameters()), default=())


def _within(inner: Any, outer: Any) -> bool:
    return any(module is inner for module in outer.modules())


def _number(config: Any, names: Sequence[str]) -> int:
    for name in names:
        value = getattr(config, name, None)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0
