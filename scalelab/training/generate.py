"""Text from a trained model, as token ids. Knows no tokenizer and no run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from scalelab.errors import BadInput, ScalelabError
from scalelab.training.export import check_model


def generate(
    model_dir: Path, ids: Sequence[int], n: int, temperature: float = 1.0, top_k: int = 0, seed: int = 0,
    end: int | None = None,
) -> list[int]:  # fmt: skip
    """`n` ids that follow `ids`, fewer where `end` comes among them; only the last `context` ids are looked at.

    Parameters
    ----------
    temperature : 0 always takes the likeliest id.
    top_k : draws from the likeliest k ids; 0 from all.

    Raises
    ------
    BadInput
        For an empty prompt, ids outside the vocabulary, or numbers outside their range.
    ScalelabError
        Where there is no readable model.
    """
    model = load_model(model_dir)
    vocab_size, context = model.config.vocab_size, model.config.max_position_embeddings
    _check(ids, n, temperature, top_k, vocab_size)
    generator = torch.Generator().manual_seed(seed)
    seen = list(ids)
    with torch.inference_mode():
        for _ in range(n):
            logits = model(input_ids=torch.tensor([seen[-context:]]), use_cache=False).logits[0, -1]
            drawn = _draw(logits, temperature, top_k, generator)
            if drawn == end:
                break
            seen.append(drawn)
    return seen[len(ids) :]


def load_model(model_dir: Path) -> Any:
    """The model of a run, for reading.

    Raises
    ------
    ScalelabError
        Where config or weights are missing or not what they should be.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    build: Any = AutoModelForCausalLM.from_config
    try:
        check_model(model_dir)
        settings = json.loads((model_dir / "config.json").read_text(encoding="utf-8"))
        weights = load_file(model_dir / "model.safetensors")
        model = build(AutoConfig.for_model(**settings))
        missing, strange = model.load_state_dict(weights, strict=False)
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise ScalelabError(f"no whole model is at {model_dir}: {error}", todo="sample another run") from error
    if strange or set(missing) - set(model.all_tied_weights_keys):
        raise ScalelabError(f"the weights at {model_dir} are not those of its config")
    model.tie_weights()
    return model.eval()


def _draw(logits: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    if top_k:
        least = logits.topk(min(top_k, len(logits))).values[-1]
        logits = logits.masked_fill(logits < least, float("-inf"))
    shares = torch.softmax(logits.double() / temperature, 0)
    return int(torch.multinomial(shares, 1, generator=generator))


def _check(ids: Sequence[int], n: int, temperature: float, top_k: int, vocab_size: int) -> None:
    if not ids:
        raise BadInput("the prompt is empty", allowed="at least one token")
    if min(ids) < 0 or max(ids) >= vocab_size:
        raise BadInput(f"the prompt has token {max(ids)}", allowed=f"0 to {vocab_size - 1}")
    if n < 0:
        raise BadInput(f"{n} tokens asked for", allowed="0 or more")
    if not 0 <= temperature < float("inf"):
        raise BadInput(f"temperature {temperature}", allowed="0 (the likeliest) or more, 1 draws as the model says")
    if top_k < 0:
        raise BadInput(f"top_k {top_k}", allowed="0 (all) or more")
