"""Losses of targets alone: what a textbook computes, in both engines, in training, evaluation and resume."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scalelab.errors import ScalelabError
from scalelab.records import Evaluation, PairCounts, Point, RunState, TokenSet
from scalelab.training.batches import Batches, open_targets, open_tokens
from scalelab.training.engine import AutogradEngine, open_engine
from scalelab.training.gpt2 import Gpt2Engine
from scalelab.training.model import build
from scalelab.training.step import GradientStep, inputs_of
from tests.training.making import make_shape, make_spec, make_tokens, open_device, run, steps_to


def make_pairs(directory: Path) -> TokenSet:
    """The steps of `make_tokens`, of which two in five are targets, in stretches."""
    plain = make_tokens(directory)
    counts = []
    for part, length in (("train", plain.train_tokens), ("held_out", plain.held_out_tokens)):
        targets = np.arange(length) % 10 >= 6
        targets.tofile(directory / f"{part}.targets.bin")
        counts.append(int(targets.sum()))
    pairs = PairCounts(
        task="qa", context=16, train_pairs=1, held_out_pairs=1, train_targets=counts[0], held_out_targets=counts[1],
        held_out_target_bytes=2 * counts[1], longest_target=4,
    )  # fmt: skip
    return replace(plain, pairs=pairs)


def _windows(sequences: int, context: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    windows = torch.randint(96, (sequences, context + 1), generator=generator)
    return torch.where(torch.rand(windows.shape, generator=generator) < 0.4, windows, ~windows)


def _textbook(shape: Any, windows: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The mean loss over targets, by the library's model and its ignored index."""
    model: Any = build(shape, seed=0)
    logits = model(input_ids=inputs_of(windows)[:, :-1]).logits
    wanted = windows[:, 1:].clamp_min(-100).where(windows[:, 1:] >= 0, torch.tensor(-100))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100)
    loss.backward()
    return loss.detach(), {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("micro", [6, 2, 1])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("engine", [Gpt2Engine, AutogradEngine])
def test_loss_and_gradients_are_those_of_the_targets_alone(engine: Any, tied: bool, micro: int) -> None:
    opened, windows = engine(make_spec(shape=make_shape(tied=tied)), open_device("cpu")), _windows(6)
    opened.flat.grads.fill_(9.0)
    expected, gradients = _textbook(make_shape(tied=tied), windows)
    step = GradientStep(opened, open_device("cpu"), micro_sequences=micro, say=pytest.fail)
    loss = step.take(windows, int((windows[:, 1:] >= 0).sum()))
    torch.testing.assert_close(loss, expected)
    for name, weight in opened.model.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("engine", [Gpt2Engine, AutogradEngine])
def test_tokens_that_are_no_targets_teach_nothing(engine: Any) -> None:
    opened, windows = engine(make_spec(), open_device("cpu")), _windows(2)
    opened.flat.grads.fill_(9.0)
    ids, nothing = inputs_of(windows[:, :-1]), torch.full_like(windows[:, 1:], -1)
    loss = opened.forward_backward(ids, nothing, scale=1.0, fresh=True, masked=True)
    grads = [weight.grad for weight in opened.model.parameters()]
    assert loss == 0 and all((grad == 0).all() for grad in grads)
    # A target before which nothing stands: tokens behind it, and their places, get no gradient.
    nothing[:, 3] = 5
    opened.forward_backward(ids, nothing, scale=1.0, fresh=True, masked=True)
    places = opened.model.transformer.wpe.weight.grad
    assert (places[:4].abs().sum(1) > 0).all() and (places[4:] == 0).all()


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_batch_of_nothing_but_targets_trains_as_text_does(architecture: str) -> None:
    windows = inputs_of(_windows(4))
    whole, masked = (
        open_engine(make_spec(shape=make_shape(architecture=architecture)), open_device("cpu")) for _ in range(2)
    )
    ids, targets = windows[:, :-1], windows[:, 1:]
    plain = whole.forward_backward(ids, targets, scale=0.1, fresh=True)
    same = masked.forward_backward(ids, targets, scale=0.1, fresh=True, masked=True)
    assert torch.equal(plain, same) and torch.equal(whole.flat.grads, masked.flat.grads)


def test_batches_say_which_tokens_are_targets(tmp_path: Path) -> None:
    tokens = make_pairs(tmp_path)
    flat, targets = open_tokens(tokens, "train"), open_targets(tokens, "train")
    assert targets is not None
    sizes: Any = {"context": 16, "batch_sequences": 8, "seed": 3}
    plain, masked = Batches(flat, **sizes), Batches(flat, **sizes, targets=targets)
    for step in (0, 7, 200):
        found = masked.batch(step)
        assert np.array_equal(np.where(found < 0, ~found, found), plain.batch(step))
        assert 0.3 < (found >= 0).mean() < 0.5
    with pytest.raises(ScalelabError, match=r"marks 20000 tokens instead of 20001"):
        open_targets(replace(tokens, train_tokens=20_001), "train")


def test_text_without_a_task_has_no_mask(tmp_path: Path) -> None:
    assert open_targets(make_tokens(tmp_path), "train") is None


def test_the_held_out_loss_is_of_targets_with_its_error(tmp_path: Path) -> None:
    tokens, spec = make_pairs(tmp_path / "tokens"), make_spec(schedule=steps_to(120))
    outcome, heard = run(spec, tokens, tmp_path / "run")
    assert outcome.state is RunState.DONE
    final = heard.of(Evaluation)[-1]
    model: Any = build(spec.shape, 0)
    from safetensors.torch import load_file

    model.load_state_dict(load_file(tmp_path / "run" / "model" / "model.safetensors"), strict=False)
    model.tie_weights()
    flat = torch.from_numpy(open_tokens(tokens, "held_out")[:1025].astype("int64"))
    targets = torch.from_numpy(np.array(open_targets(tokens, "held_out")))[1:1025]
    with torch.no_grad():
        logits = model(input_ids=flat[:-1].view(64, 16)).logits.flatten(0, 1)
    losses = torch.nn.functional.cross_entropy(logits, flat[1:], reduction="none")[targets]
    assert final.loss == pytest.approx(float(losses.mean()), rel=1e-5)
    assert final.accuracy == pytest.approx(float((logits.argmax(1) == flat[1:])[targets].float().mean()), abs=1e-6)
    assert final.evaluated_tokens == int(targets.sum())
    assert final.loss_se == pytest.approx(float(losses.std()) / math.sqrt(len(losses)), rel=0.4)
    assert final.bits_per_byte == pytest.approx(final.loss / math.log(2) / 2)
    assert 1.3 < heard.of(Point)[-1].loss < 2.2  # ln 4 = 1.39 is the best; over all tokens it would be 0.8


def test_a_run_on_pairs_that_was_stopped_goes_on_bit_for_bit(tmp_path: Path) -> None:
    tokens, spec = make_pairs(tmp_path / "tokens"), make_spec()
    _, whole = run(spec, tokens, tmp_path / "whole")
    stopped, _ = run(spec, tokens, tmp_path / "cut", stop_after=17)
    assert stopped.state is RunState.STOPPED
    from scalelab.training import checkpoint

    _, rest = run(spec, tokens, tmp_path / "cut", resume_from=checkpoint.latest(tmp_path / "cut", say=pytest.fail))
    assert rest.of(Evaluation)[-1].loss == whole.of(Evaluation)[-1].loss
    sums = [
        hashlib.sha256((tmp_path / name / "model" / "model.safetensors").read_bytes()).hexdigest()
        for name in ("whole", "cut")
    ]
    assert sums[0] == sums[1]
