"""Model sizes: a width and a depth → a full shape and its exact parameter counts, in closed form and without torch."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from scalelab.errors import BadInput
from scalelab.preset import SHAPE, ModelSpec
from scalelab.records import ModelShape, ParameterCount
from scalelab.units import format_count

_WIDTHS: tuple[int, ...] = (
    *(12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024),
    *range(1280, 4097, 256),
    *range(4608, 16_385, 512),
)
# d_model / n_layer of models that train well: GPT-2 small is 64, the small ladders here go down to 32.
_NARROWEST, _WIDEST = 32, 64


def make_shape(name: str, model: ModelSpec, vocab_size: int) -> ModelShape:
    """The full shape of a rung named d_model x n_layer.

    Raises
    ------
    BadInput
        When the width is not divisible by model.head_dim.
    """
    match = SHAPE.fullmatch(name)
    if match is None:
        raise BadInput(f"rung {name!r}", allowed='d_model x n_layer, such as "64x2"')
    return _shape(int(match[1]), int(match[2]), model, vocab_size)


def shape_for(n_params: float, model: ModelSpec, vocab_size: int) -> ModelShape:
    """The shape whose n_params is nearest to a target in ratio, with d_model / n_layer within 32–64 (one layer below).

    Raises
    ------
    BadInput
        When no sensible shape comes within a factor of 1.5 of the target.
    """
    sizes, shapes = _candidates(model, vocab_size)
    if not sizes:
        raise BadInput(f"model.head_dim = {model.head_dim} divides no width of the ladder", allowed="16, 32, 64, 128")
    above = bisect.bisect(sizes, n_params)
    reached = min(sizes[max(above - 1, 0) : above + 1], key=lambda size: abs(math.log(size / n_params)))
    best = shapes[reached]
    if abs(math.log(reached / n_params)) > math.log(1.5):
        raise BadInput(
            f"no shape with a vocabulary of {vocab_size} comes near N = {format_count(n_params)}",
            allowed=f"{format_count(sizes[0])} to {format_count(sizes[-1])}",
            todo=f"the nearest is {rung_name(best)} with N = {format_count(reached)}",
        )
    return best


@lru_cache(maxsize=16)
def _candidates(model: ModelSpec, vocab_size: int) -> tuple[tuple[int, ...], Mapping[int, ModelShape]]:
    """Every n_params that a sensible shape has, rising, and its shape; kept, for an editor plans anew at every key.

    Of shapes of one n_params the narrower one counts.
    """
    shapes: dict[int, ModelShape] = {}
    for width in _WIDTHS:
        if model.head_dim is None or width % model.head_dim == 0:
            for depth in range(max(1, math.ceil(width / _WIDEST)), max(1, width // _NARROWEST) + 1):
                shape = _shape(width, depth, model, vocab_size)
                shapes.setdefault(count(shape).n_params, shape)
    return tuple(sorted(shapes)), MappingProxyType(shapes)


def rung_name(shape: ModelShape) -> str:
    """What a rung is called: d_model x n_layer."""
    return f"{shape.d_model}x{shape.n_layer}"


def count(shape: ModelShape) -> ParameterCount:
    """The three counts of N, equal to those of the Hugging Face model of this shape."""
    block, outside = _FAMILIES[shape.architecture](shape)
    n_blocks = shape.n_layer * block
    head = shape.vocab_size * shape.d_model
    n_total = n_blocks + outside + head * (1 if shape.tied else 2)
    return ParameterCount(n_params=n_blocks + head, n_blocks=n_blocks, n_total=n_total)


def _shape(d_model: int, n_layer: int, model: ModelSpec, vocab_size: int) -> ModelShape:
    return ModelShape(
        architecture=model.architecture,
        n_layer=n_layer,
        d_model=d_model,
        n_head=_heads(d_model, model),
        d_ff=_feed_forward(d_model, model.architecture),
        context=model.context,
        vocab_size=vocab_size,
        tied=model.tied,
        activation=model.activation,
    )


def _heads(d_model: int, model: ModelSpec) -> int:
    # Rotary embeddings turn pairs, so a head of theirs needs an even width.
    even = model.architecture != "gpt2"
    if model.head_dim is not None:
        if even and model.head_dim % 2:
            raise BadInput(
                f"model.head_dim {model.head_dim} is odd, and {model.architecture} turns pairs", allowed="even widths"
            )
        if d_model % model.head_dim:
            near = max(1, round(d_model / model.head_dim)) * model.head_dim
            raise BadInput(
                f"d_model {d_model} is not divisible by head_dim {model.head_dim}",
                todo=f"use a width of {near}, or set model.head_dim to a divisor of {d_model}",
            )
        return d_model // model.head_dim
    wanted = max(1, d_model // (32 if d_model < 128 else 64))
    fitting = [n for n in range(wanted, 0, -1) if d_model % n == 0 and not (even and (d_model // n) % 2)]
    if not fitting:
        raise BadInput(f"d_model {d_model} is odd, and {model.architecture} turns pairs", allowed="even widths")
    return fitting[0]


def _feed_forward(d_model: int, architecture: str) -> int:
    # A gated layer has three matrices: 8/3 of the width in place of 4 keeps a block at 12·d_model².
    return 8 * max(1, round(d_model / 3)) if architecture in {"llama", "qwen3"} else 4 * d_model


def _gpt2(shape: ModelShape) -> tuple[int, int]:
    d, ff = shape.d_model, shape.d_ff
    attention = 4 * d * d + 4 * d
    return attention + 2 * d * ff + ff + d + 4 * d, shape.context * d + 2 * d


def _gpt_neox(shape: ModelShape) -> tuple[int, int]:
    block, _ = _gpt2(shape)
    return block, 2 * shape.d_model


def _llama(shape: ModelShape) -> tuple[int, int]:
    d = shape.d_model
    return 4 * d * d + 3 * d * shape.d_ff + 2 * d, d


def _qwen3(shape: ModelShape) -> tuple[int, int]:
    block, outside = _llama(shape)
    return block + 2 * (shape.d_model // shape.n_head), outside


_FAMILIES: dict[str, Callable[[ModelShape], tuple[int, int]]] = {
    "gpt2": _gpt2,
    "gpt_neox": _gpt_neox,
    "llama": _llama,
    "qwen3": _qwen3,
}
"""Architecture → parameters of (one block, everything outside blocks, embedding and head)."""
