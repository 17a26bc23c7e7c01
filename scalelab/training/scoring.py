"""A finished model of anybody's, scored on given texts: nats, tokens and bytes. Knows no corpus and no lab.

Each text is read from its beginning, in windows of the model's context; its first token follows the model's own mark of
a beginning, and its end is a token that is scored too. Nats of the whole text compare across tokenizers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean
from scalelab.records import ModelShape, ParameterCount
from scalelab.training.device import Device
from scalelab.training.export import SUMS
from scalelab.training.foreign import count_model, shape_of
from scalelab.training.generate import load_model

MOST_CONTEXT = 1024
"""Tokens of a window unless more are asked for: what GPT-2 reads at once."""
_LOGITS = 1 << 26
"""Logits that a pass may hold: 256 MB."""
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What a model makes of the texts."""

    counts: ParameterCount
    shape: ModelShape
    """With the context that was read in."""
    nats: float
    """Of all texts, their ends included."""
    n_tokens: int
    """The model's own, their ends included."""
    n_correct: int
    """Tokens that the model ranked first."""
    n_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def score(
    model_name: str,
    texts: Sequence[str],
    device: Device,
    *,
    context: int | None = None,
    encode: Encode | None = None,
    end: int | None = None,
) -> Scored:
    """Score a causal language model.

    Parameters
    ----------
    model_name : an id of the hub, or a folder; a trained run's folder is checked by its hashes.
    context : tokens of a window; unset: the model's own, at most 1,024.
    encode, end : the tokenizer of a folder that has none of its own, and its end of text.

    Raises
    ------
    BadInput
        There is no such model, it is no causal one, or it would need code or a pickle to be run.
    ScalelabError
        The hub does not answer, or the model does not fit.
    """
    model = _load(model_name)
    read, begin, stop = _tokenizer(model_name, model, encode, end)
    shape = shape_of(model.config)
    length = min(context or MOST_CONTEXT, shape.context or MOST_CONTEXT)
    if length < 2:
        raise BadInput(f"context {length}", allowed="2 or more")
    model = _placed(model, device)
    nats, correct, tokens = 0.0, 0, 0
    for windows in _batches(_windows(texts, read, begin, stop, length), shape.vocab_size, length):
        found = _pass(model, windows, device)
        nats, correct, tokens = nats + found[0], correct + found[1], tokens + found[2]
    if not (tokens and math.isfinite(nats)):
        raise ScalelabError(f"{clean(model_name, 80)} gives no finite loss on this text")
    return Scored(
        counts=count_model(model), shape=ModelShape.from_dict(shape.to_dict() | {"context": length}), nats=nats,
        n_tokens=tokens, n_correct=correct, n_bytes=sum(len(text.encode()) for text in texts),
    )  # fmt: skip


def _load(name: str) -> Any:
    """The model in float32; one of a lab's runs is checked by its hashes."""
    if (Path(name) / SUMS).is_file():
        return load_model(Path(name))
    from transformers import AutoModelForCausalLM

    try:
        # Safetensors only, and no code from a repository: a pickle or a script is never run.
        model: Any = AutoModelForCausalLM.from_pretrained(
            name, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
        )
        return model.eval()
    except Exception as problem:
        raise _told(name, problem) from problem


def _told(name: str, problem: Exception) -> ScalelabError:
    """What the library raised, in one line."""
    from huggingface_hub import errors

    causes = [problem, *filter(None, (problem.__cause__, problem.__context__))]
    shown, words = clean(name, 80), " ".join(str(problem).split())
    if any(isinstance(each, errors.GatedRepoError) for each in causes):
        return BadInput(f"model {shown!r} is gated", todo="accept its terms on the hub, then `hf auth login`")
    missing = (errors.RepositoryNotFoundError, errors.HFValidationError, errors.RevisionNotFoundError)
    if any(isinstance(each, missing) for each in causes):
        return BadInput(f"there is no model {shown!r}", allowed="an id of the hub, or a folder with a model")
    if Path(name).is_file():
        return BadInput(f"{shown!r} is a file", allowed="an id of the hub, or a folder with a model")
    if (inner := Path(name) / "model").is_dir():
        return BadInput(f"{shown!r} holds no model itself", todo=f"give {clean(str(inner), 400)}")
    if "safetensors" in words or (isinstance(problem, OSError) and Path(name).is_dir()):
        return BadInput(f"{shown!r} holds no model in safetensors", todo="pickled weights are never opened")
    if "trust_remote_code" in words:
        return BadInput(f"model {shown!r} needs code of its own", todo="such code is never run")
    if isinstance(problem, ValueError):
        return BadInput(f"{shown!r} is no causal language model", todo=clean(words, 160))
    return ScalelabError(
        f"model {shown!r} could not be fetched: {clean(words, 160)}", todo="repeat the command, or give a folder"
    )


def _tokenizer(name: str, model: Any, encode: Encode | None, end: int | None) -> tuple[Encode, int, int]:
    """The model's own tokenizer, its beginning and its end of text, else the one that was handed in."""
    from transformers import AutoTokenizer

    # Of a folder without one the library makes an empty tokenizer, which finds no token in any text.
    lacks = Path(name).is_dir() and not any((Path(name) / each).is_file() for each in _TOKENIZERS)
    try:
        own = None if lacks else AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception:
        own = None
    if own is None:
        if encode is None or end is None or model.config.vocab_size <= end:
            raise BadInput(f"model {clean(name, 80)!r} has no tokenizer that can be read")
        return encode, end, end
    marks = [mark for mark in (own.bos_token_id, own.eos_token_id) if mark is not None]
    if not marks:
        raise BadInput(f"the tokenizer of {clean(name, 80)!r} has no end of text")
    # Llama and Gemma have seen texts after a mark of their own and never after an end; GPT-2 has one mark for both.
    return lambda text: own(text, add_special_tokens=False, verbose=False)["input_ids"], int(marks[0]), int(marks[-1])


def _placed(model: Any, device: Device) -> Any:
    try:
        return model.to(device.torch_device)
    except (RuntimeError, torch.OutOfMemoryError) as problem:
        raise ScalelabError(f"the model does not fit {device.info.name}: {clean(str(problem), 120)}") from problem


def _windows(texts: Sequence[str], encode: Encode, begin: int, end: int, length: int) -> Iterator[list[int]]:
    """Tokens of at most `length` targets, each window begun with the token before its first target."""
    for text in texts:
        ids = [begin, *encode(text), end]
        for start in range(0, len(ids) - 1, length):
            yield ids[start : start + length + 1]


def _batches(windows: Iterator[list[int]], vocabulary: int, length: int) -> Iterator[list[list[int]]]:
    """Windows of one length together, so that nothing is padded, as many as memory bears."""
    most = max(1, _LOGITS // max(vocabulary * length, 1))
    waiting: dict[int, list[list[int]]] = {}
    for window in windows:
        same = waiting.setdefault(len(window), [])
        same.append(window)
        if len(same) == most:
            yield waiting.pop(len(window))
    yield from waiting.values()


@torch.inference_mode()
def _pass(model: Any, windows: Sequence[Sequence[int]], device: Device) -> tuple[float, int, int]:
    """Nats, tokens ranked first, and tokens of some windows of one length."""
    ids = torch.tensor(windows).to(device.torch_device)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    logits = model(input_ids=inputs, use_cache=False).logits.float()
    nats = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    return float(nats), int((logits.argmax(-1) == targets).sum()), int(targets.numel())
