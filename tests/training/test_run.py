from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from scalelab.records import Decay, Evaluation, Point, RunKind, RunState, Saved, TokenSet
from scalelab.training import run as run_module
from scalelab.training.batches import Batches, open_tokens
from scalelab.training.engine import open_engine
from scalelab.training.model import build
from scalelab.training.schedule import rate
from tests.training.fake_device import FakeDevice, Stingy
from tests.training.making import make_shape, make_spec, make_tokens, run, steps_to


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenSet:
    return make_tokens(tmp_path_factory.mktemp("tokens"))


def _reference(spec: Any, tokens: TokenSet) -> list[float]:
    """The same training as anyone would write it: torch's AdamW, the library's loss, torch's clipping."""
    model: Any = build(spec.shape, spec.seed)
    settings = spec.optimizer
    groups = [
        {"params": [w for w in model.parameters() if w.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [w for w in model.parameters() if w.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(settings.beta1, settings.beta2), eps=settings.eps)
    batches = Batches(open_tokens(tokens, "train"), context=16, batch_sequences=spec.batch_sequences, seed=spec.seed)
    losses = []
    for step in range(spec.n_steps):
        windows = torch.from_numpy(batches.batch(step))
        logits = model(input_ids=windows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        for group in optimizer.param_groups:
            group["lr"] = rate(spec.schedule, step)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_losses_are_those_of_an_independent_loop(tmp_path: Path, tokens: TokenSet, architecture: str) -> None:
    spec = make_spec(shape=make_shape(architecture=architecture))
    outcome, heard = run(spec, tokens, tmp_path)
    assert outcome.state is RunState.DONE
    assert [point.loss for point in heard.of(Point)] == pytest.approx(_reference(spec, tokens), rel=2e-4)


def test_it_learns(tmp_path: Path, tokens: TokenSet) -> None:
    spec = make_spec(schedule=steps_to(300))
    _, heard = run(spec, tokens, tmp_path)
    final = heard.of(Evaluation)[-1]
    assert final.loss < 1.6  # ln 4 = 1.39 is what a perfect model reaches, ln 96 = 4.56 is what none knows
    assert 0.15 < final.accuracy < 0.35


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(tmp_path: Path, tokens: TokenSet) -> None:
    finals = [
        run(make_spec(seed=seed), tokens, tmp_path / name)[1].of(Evaluation)[-1].loss
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert finals[0] == finals[1] != finals[2]


def test_smaller_micro_batches_train_the_same(tmp_path: Path, tokens: TokenSet) -> None:
    whole, parts = (
        [point.loss for point in run(make_spec(micro_sequences=micro), tokens, tmp_path / str(micro))[1].of(Point)]
        for micro in (8, 2)
    )
    assert parts == pytest.approx(whole, rel=2e-4)


def test_a_point_says_where_and_how_fast(tmp_path: Path, tokens: TokenSet) -> None:
    spec = make_spec(schedule=steps_to(450))
    _, heard = run(spec, tokens, tmp_path, attempt=3)
    points = heard.of(Point)
    assert [point.step for point in points] == list(range(3, 451, 3))
    assert {(point.run, point.attempt) for point in points} == {(spec.run, 3)}
    assert points[-1].n_tokens == spec.n_tokens
    assert points[-1].lr == rate(spec.schedule, 449)
    assert all(point.tokens_per_second > 0 and point.grad_norm > 0 for point in points)
    assert [point.seconds for point in points] == sorted(point.seconds for point in points)


def test_evaluations_come_where_asked_and_only_the_end_is_final(tmp_path: Path, tokens: TokenSet) -> None:
    spec = make_spec(evaluation_steps=(10, 20))
    _, heard = run(spec, tokens, tmp_path)
    evaluations = heard.of(Evaluation)
    assert [(one.step, one.final) for one in evaluations] == [(10, False), (20, False), (40, True)]
    last = evaluations[-1]
    assert (last.n_tokens, last.flops, last.evaluated_tokens) == (spec.n_tokens, spec.flops, 1_024)
    assert last.bits_per_byte == pytest.approx(last.loss / math.log(2) / tokens.bytes_per_token)
    assert 0 < last.loss_se < 0.1


def test_a_trunk_is_never_final_and_leaves_no_model(tmp_path: Path, tokens: TokenSet) -> None:
    trunk = make_spec(kind=RunKind.TRUNK, schedule=steps_to(20, decay=Decay.CONSTANT), branch_steps=(8, 20))
    _, heard = run(trunk, tokens, tmp_path)
    assert [one.final for one in heard.of(Evaluation)] == [False]
    assert [(saved.step, saved.for_branch) for saved in heard.of(Saved)] == [(8, True), (20, True)]
    assert not (tmp_path / "model").exists()


def test_what_a_run_leaves_is_loadable_by_the_library_and_scores_the_same(tmp_path: Path, tokens: TokenSet) -> None:
    from transformers import AutoModelForCausalLM

    _, heard = run(make_spec(), tokens, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    held_out = torch.from_numpy(open_tokens(tokens, "held_out")[:1_025].astype("int64"))
    ids = held_out[:1_024].view(64, 16)
    with torch.no_grad():
        logits = model(input_ids=ids).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), held_out[1:])
    assert float(loss) == pytest.approx(heard.of(Evaluation)[-1].loss, rel=1e-5)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_what_is_not_finite_stops_the_run_before_the_update(
    tmp_path: Path, tokens: TokenSet, monkeypatch: pytest.MonkeyPatch, asynchronous: bool, broken: str
) -> None:
    spec, opened = make_spec(schedule=steps_to(450)), []

    def breaking(spec: Any, device: Any) -> Any:
        engine: Any = open_engine(spec, device)
        opened.append(engine)
        sound, calls = engine.forward_backward, []

        def pass_(*args: Any, **settings: Any) -> torch.Tensor:
            calls.append(1)
            loss: torch.Tensor = sound(*args, **settings)
            if len(calls) == 5:
                engine.before = engine.flat.weights.clone()
                engine.flat.grads[7] = math.inf if broken == "gradient" else 0.0
                return loss * math.nan if broken == "loss" else loss
            return loss

        engine.forward_backward = pass_
        return engine

    monkeypatch.setattr(run_module, "open_engine", breaking)
    outcome, heard = run(spec, tokens, tmp_path, device=FakeDevice(asynchronous=asynchronous))
    assert (outcome.state, outcome.step) == (RunState.DIVERGED, 4)
    assert "step 5" in outcome.reason
    assert torch.equal(opened[0].flat.weights, opened[0].before)
    assert all(math.isfinite(point.loss) for point in heard.of(Point))
    assert not heard.of(Evaluation) and not (tmp_path / "model").exists()


def test_row_08_a_rate_far_too_high_ends_as_diverged_and_not_as_done(tmp_path: Path, tokens: TokenSet) -> None:
    wild = replace(make_spec().schedule, peak=1e30)
    outcome, _ = run(make_spec(schedule=wild), tokens, tmp_path)
    assert outcome.state is RunState.DIVERGED


def test_out_of_memory_halves_the_micro_batch_and_trains_the_same(
    tmp_path: Path, tokens: TokenSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = [point.loss for point in run(make_spec(), tokens, tmp_path / "plain")[1].of(Point)]
    monkeypatch.setattr(run_module, "open_engine", lambda spec, device: Stingy(open_engine(spec, device), most=2))
    outcome, heard = run(make_spec(), tokens, tmp_path / "tight")
    assert outcome.state is RunState.DONE
    assert [point.loss for point in heard.of(Point)] == pytest.approx(plain, rel=2e-4)
    log = (tmp_path / "tight" / "log.txt").read_text()
    assert "going on with 4 sequences at a time" in log and "going on with 2 sequences at a time" in log


def test_out_of_memory_with_one_sequence_fails_and_says_what_there_was(
    tmp_path: Path, tokens: TokenSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "open_engine", lambda spec, device: Stingy(open_engine(spec, device), most=0))
    outcome, _ = run(make_spec(), tokens, tmp_path, device=FakeDevice())
    assert outcome.state is RunState.FAILED
    assert "3.00 GiB" in outcome.reason and "free on fake:0" in outcome.reason


def test_an_evaluation_that_finds_no_room_is_made_in_smaller_parts(
    tmp_path: Path, tokens: TokenSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(make_spec(), tokens, tmp_path / "plain")[1].of(Evaluation)
    monkeypatch.setattr(
        run_module, "open_engine", lambda spec, device: Stingy(open_engine(spec, device), most=8, most_scored=3)
    )
    outcome, heard = run(make_spec(), tokens, tmp_path / "tight")
    assert outcome.state is RunState.DONE
    (one,) = heard.of(Evaluation)
    assert (one.loss, one.evaluated_tokens) == (pytest.approx(plain[0].loss, rel=1e-6), plain[0].evaluated_tokens)


@contextmanager
def _files_up_to(size: int) -> Iterator[None]:
    """A disk on which no file grows beyond this many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_branch_point_that_finds_no_room_fails_the_trunk_and_is_never_claimed(
    tmp_path: Path, tokens: TokenSet
) -> None:
    trunk = make_spec(kind=RunKind.TRUNK, schedule=steps_to(20, decay=Decay.CONSTANT), branch_steps=(10, 20))
    with _files_up_to(10_000):
        outcome, heard = run(trunk, tokens, tmp_path)
    assert (outcome.state, outcome.step) == (RunState.FAILED, 10)
    assert "was not saved" in outcome.reason and "too large" in outcome.reason
    assert not heard.of(Saved) and not list((tmp_path / "checkpoint").iterdir())


def test_a_model_that_finds_no_room_fails_the_run_and_leaves_no_point(tmp_path: Path, tokens: TokenSet) -> None:
    with _files_up_to(10_000):
        outcome, heard = run(make_spec(), tokens, tmp_path)
    assert outcome.state is RunState.FAILED and "/model was not saved" in outcome.reason
    assert not heard.of(Evaluation)
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]


def test_a_device_that_vanishes_fails_the_run_with_its_words(tmp_path: Path, tokens: TokenSet) -> None:
    outcome, heard = run(make_spec(), tokens, tmp_path, device=FakeDevice(fail_after=6))
    assert outcome.state is RunState.FAILED and "fallen off the bus" in outcome.reason
    assert len(heard.of(Point)) == outcome.step == 5
    assert "Traceback" in (tmp_path / "log.txt").read_text()


def test_a_corpus_with_more_ids_than_the_model_is_refused(tmp_path: Path, tokens: TokenSet) -> None:
    outcome, _ = run(make_spec(shape=make_shape(vocab_size=64)), tokens, tmp_path)
    assert outcome.state is RunState.FAILED and "96 token ids, the model 64" in outcome.reason


def test_too_little_held_out_text_is_refused_in_words(tmp_path: Path) -> None:
    short = make_tokens(tmp_path / "tokens", held_out=20)
    outcome, _ = run(make_spec(), short, tmp_path / "run")
    assert outcome.state is RunState.FAILED and "held-out part has 20 tokens" in outcome.reason
