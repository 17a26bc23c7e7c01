"""How many parameters a saved model has: from the shapes in its safetensors header, or from its config.json.

Only headers are read, no weights are loaded, and no pickle is opened. The exact counts of a config are those of
Radford et al. 2019 (GPT-2), Black et al. 2022 (GPT-NeoX, arXiv 2204.06745) and Touvron et al. 2023 (Llama, arXiv
2302.13971) as their public implementations build them.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalelab.laws.reading.files import small_text

MOST_HEADER = 1 << 25
MOST_CONFIG = 1 << 20
_EMBEDDING = re.compile(
    r"(^|\.)(wte|embed_tokens|embed_in|word_embeddings|tok_embeddings|token_embedding|embeddings?)\.weight$"
)
_POSITION = re.compile(r"(^|\.)(wpe|embed_positions|position_embeddings?|positional_embedding)\.weight$")
_BUFFER = re.compile(r"(^|\.)((attn|attention)\.(masked_)?bias|rotary_emb\.inv_freq)$")
"""Masks and angles that old files keep beside the parameters."""
_LAST_NORM = re.compile(r"^(model\.|transformer\.|gpt_neox\.)?(ln_f|norm|final_layer_norm|final_norm)\.(weight|bias)$")
_HEAD = re.compile(r"(^|\.)(lm_head|embed_out|output|unembed)\.weight$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The counts of one model."""

    n_blocks: float
    """Without embeddings, head and the last norm."""
    n_params: float
    """What does matrix work: the blocks and the output head, a tied embedding counted as the head."""
    n_total: float
    """Everything."""
    n_unembedded: float
    """Everything but embedding tables: what `total_flos` of transformers counts with."""
    how: str
    """Where the counts come from."""


def size_in(folders: Iterable[Path]) -> Size | None:
    """The size of the model saved in the first of these folders that says it; shapes come before a config."""
    places = list(dict.fromkeys(folders))
    for place in places:
        shapes = _shapes(place)
        if shapes and (size := _from_shapes(shapes)):
            return size
    for place in places:
        text = small_text(place / "config.json", MOST_CONFIG)
        if text is not None and (size := size_of_config(_object(text))):
            return size
    return None


def size_of_config(config: Mapping[str, Any]) -> Size | None:
    """Exact counts of a config of a family that is known here; None for any other."""
    count = _FAMILIES.get(str(config.get("model_type")))
    if count is None:
        return None
    try:
        size = count(config)
    except (KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return size if math.isfinite(size.n_total) and size.n_blocks > 0 else None


def _size(
    blocks: float, table: float, *, tied: bool, norm: float, positions: float = 0.0, how: str = "config.json"
) -> Size:
    """The four counts; `table` is one matrix of vocabulary × width, `norm` the last normalisation."""
    return Size(
        n_blocks=blocks,
        n_params=blocks + table,
        n_total=blocks + norm + positions + (table if tied else 2 * table),
        n_unembedded=blocks + norm + (0.0 if tied else table),
        how=how,
    )


def _gpt2(config: Mapping[str, Any]) -> Size:
    width, layers = float(config["n_embd"]), float(config["n_layer"])
    inner = float(config.get("n_inner") or 4 * width)
    attention = 4 * width**2 + 4 * width
    block = attention + 2 * width * inner + inner + width + 4 * width
    tied = bool(config.get("tie_word_embeddings", True))
    positions = float(config["n_positions"]) * width
    table = float(config["vocab_size"]) * width
    return _size(layers * block, table, tied=tied, norm=2 * width, positions=positions)


def _neox(config: Mapping[str, Any]) -> Size:
    width, inner = float(config["hidden_size"]), float(config["intermediate_size"])
    bias = bool(config.get("attention_bias", True))
    block = 4 * width**2 + (4 * width if bias else 0.0) + 2 * width * inner + inner + width + 4 * width
    blocks, table = float(config["num_hidden_layers"]) * block, float(config["vocab_size"]) * width
    return _size(blocks, table, tied=bool(config.get("tie_word_embeddings", False)), norm=2 * width)


def _llama(config: Mapping[str, Any]) -> Size:
    """Llama, Mistral, Qwen2 (biases on q, k, v) and Qwen3 (norms of q and k)."""
    kind = str(config["model_type"])
    width, inner = float(config["hidden_size"]), float(config["intermediate_size"])
    heads = float(config["num_attention_heads"])
    groups = float(config.get("num_key_value_heads") or heads)
    head = float(config.get("head_dim") or (128.0 if kind == "qwen3" else width / heads))
    attention = 2 * width * heads * head + 2 * width * groups * head
    if kind == "qwen2" or config.get("attention_bias"):
        attention += (heads + 2 * groups) * head
    if kind != "qwen2" and config.get("attention_bias"):
        attention += width
    if kind == "qwen3":
        attention += 2 * head
    mlp = 3 * width * inner + (2 * inner + width if config.get("mlp_bias") else 0.0)
    blocks = float(config["num_hidden_layers"]) * (attention + mlp + 2 * width)
    table = float(config["vocab_size"]) * width
    return _size(blocks, table, tied=bool(config.get("tie_word_embeddings", False)), norm=width)


_FAMILIES: Mapping[str, Callable[[Mapping[str, Any]], Size]] = {
    "gpt2": _gpt2, "gpt_neox": _neox, "llama": _llama, "mistral": _llama, "qwen2": _llama, "qwen3": _llama,
}  # fmt: skip


def _from_shapes(shapes: Mapping[str, float]) -> Size | None:
    """The counts by the names that tensors have; None where no embedding can be told from the rest."""
    table = sum(size for name, size in shapes.items() if _EMBEDDING.search(name))
    positions = sum(size for name, size in shapes.items() if _POSITION.search(name))
    head = sum(size for name, size in shapes.items() if _HEAD.search(name))
    norm = sum(size for name, size in shapes.items() if _LAST_NORM.search(name))
    blocks = sum(shapes.values()) - table - positions - head - norm
    if not (table > 0 and blocks > 0 and math.isfinite(blocks)):
        return None
    how = "the safetensors header"
    return _size(blocks, table, tied=not head, norm=norm, positions=positions, how=how)


def _shapes(folder: Path) -> dict[str, float]:
    """Tensor → number of its entries, from the headers of the model's files; {} where there are none."""
    index = small_text(folder / "model.safetensors.index.json", MOST_HEADER)
    if index is None:
        return _header(folder / "model.safetensors")
    files = _object(index).get("weight_map")
    names = {str(name) for name in files.values()} if isinstance(files, dict) else set()
    if not names or any(os.path.basename(name) != name or not name.endswith(".safetensors") for name in names):
        return {}
    shards = [_header(folder / name) for name in sorted(names)]
    return {name: size for shard in shards for name, size in shard.items()} if all(shards) else {}


def _header(path: Path) -> dict[str, float]:
    """The shapes in one file: eight bytes of length, then JSON."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return {}
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= MOST_HEADER:
                return {}
            header = _object(file.read(length).decode())
    except (OSError, ValueError):
        return {}
    return dict(_sizes(header))


def _sizes(header: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, tensor in header.items():
        shape = tensor.get("shape") if isinstance(tensor, dict) else None
        if not isinstance(shape, list) or name == "__metadata__" or _BUFFER.search(name):
            continue
        if all(type(each) is int and 0 < each < 1 << 40 for each in shape):
            yield name, float(math.prod(map(float, shape)))


def _object(text: str) -> dict[str, Any]:
    """A JSON object, or an empty one where the text is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
