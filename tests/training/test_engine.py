from __future__ import annotations

from typing import Any

import pytest
import torch

from scalelab.training.engine import AutogradEngine, open_engine
from scalelab.training.gpt2 import Gpt2Engine
from scalelab.training.model import build
from tests.training.making import make_shape, make_spec, open_device


def _windows(sequences: int, context: int = 16) -> torch.Tensor:
    return torch.randint(96, (sequences, context + 1), generator=torch.Generator().manual_seed(2))


def _library(shape: Any, windows: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Loss and gradients of the Hugging Face model as anyone would compute them."""
    model: Any = build(shape, seed=0)
    logits = model(input_ids=windows[:, :-1]).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
    loss.backward()
    return loss.detach(), {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("activation", ["gelu", "gelu_pytorch_tanh"])
@pytest.mark.parametrize("n_head", [1, 4])
@pytest.mark.parametrize("engine", [Gpt2Engine, AutogradEngine])
def test_gpt2_has_the_librarys_loss_and_gradients(engine: Any, tied: bool, activation: str, n_head: int) -> None:
    shape = make_shape(tied=tied, activation=activation, n_head=n_head)
    opened = engine(make_spec(shape=shape), open_device("cpu"))
    windows = _windows(6)
    expected, gradients = _library(shape, windows)
    opened.flat.grads.fill_(9.0)  # what an earlier step left behind
    loss = opened.forward_backward(windows[:, :-1], windows[:, 1:], scale=1 / (6 * 16), fresh=True)
    torch.testing.assert_close(loss, expected)
    for name, weight in opened.model.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox", "qwen3"])
def test_other_architectures_have_the_librarys_loss_and_gradients(architecture: str) -> None:
    shape = make_shape(architecture=architecture)
    opened = open_engine(make_spec(shape=shape), open_device("cpu"))
    windows = _windows(6)
    expected, gradients = _library(shape, windows)
    loss = opened.forward_backward(windows[:, :-1], windows[:, 1:], scale=1 / (6 * 16), fresh=True)
    torch.testing.assert_close(loss, expected)
    for name, weight in opened.model.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("engine", [Gpt2Engine, AutogradEngine])
def test_micro_batches_add_up_to_the_batch(engine: Any) -> None:
    opened = engine(make_spec(), open_device("cpu"))
    windows = _windows(7)
    ids, targets, scale = windows[:, :-1], windows[:, 1:], 1 / (7 * 16)
    whole = opened.forward_backward(ids, targets, scale=scale, fresh=True)
    expected = opened.flat.grads.clone()
    parts = sum(
        opened.forward_backward(ids[start : start + 3], targets[start : start + 3], scale=scale, fresh=start == 0)
        for start in (0, 3, 6)
    )
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(opened.flat.grads, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("engine", [Gpt2Engine, AutogradEngine])
def test_scores_are_the_loss_and_the_share_ranked_first(engine: Any) -> None:
    opened = engine(make_spec(), open_device("cpu"))
    windows = _windows(3)
    with torch.no_grad():
        logits = opened.model(input_ids=windows[:, :-1]).logits
    wanted = windows[:, 1:]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
    scores = opened.scores(windows[:, :-1], wanted)
    torch.testing.assert_close(scores.loss, losses.mean(1))
    torch.testing.assert_close(scores.correct, (logits.argmax(-1) == wanted).float().mean(1))


def test_a_vocabulary_of_many_chunks_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.training.head.chunk_rows", lambda vocab_size, device: 5)
    windows = _windows(6)
    expected, gradients = _library(make_shape(), windows)
    opened = open_engine(make_spec(), open_device("cpu"))
    loss = opened.forward_backward(windows[:, :-1], windows[:, 1:], scale=1 / (6 * 16), fresh=True)
    torch.testing.assert_close(loss, expected)
    for name, weight in opened.model.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], rtol=1e-4, atol=1e-6)


def test_the_lean_engine_serves_only_what_it_computes_exactly() -> None:
    device = open_device("cpu")
    assert isinstance(open_engine(make_spec(), device), Gpt2Engine)
    for changes in ({"context": 512}, {"activation": "relu"}, {"architecture": "llama"}):
        assert isinstance(open_engine(make_spec(shape=make_shape(**changes)), device), AutogradEngine)
    assert isinstance(open_engine(make_spec(dtype="bfloat16"), device), AutogradEngine)
