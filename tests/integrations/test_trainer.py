"""Runs of a real transformers.Trainer, recorded into a lab and read by everything that reads labs."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from scalelab.cli.main import main
from scalelab.errors import BadInput
from scalelab.integrations import ScaleLabCallback
from scalelab.lab import control
from scalelab.lab.recording import Recorder
from scalelab.lab.table import run_table
from scalelab.plan.shapes import count, make_shape
from scalelab.preset import ModelSpec
from scalelab.records import RunState
from scalelab.store.reader import Reader

LENGTH, VOCABULARY = 16, 32


class Texts(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Sequences in which each token follows from the last, mostly."""

    def __init__(self, n: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        first = torch.randint(0, VOCABULARY, (n, 1), generator=draw)
        steps = torch.randint(1, 3, (n, LENGTH - 1), generator=draw)
        self._ids = (torch.cat([first, steps], dim=1).cumsum(dim=1)) % VOCABULARY

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self._ids[at], "labels": self._ids[at]}


def trainer(folder: Path, callback: ScaleLabCallback, *, width: int = 8, steps: int = 12, **options: Any) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    config = GPT2Config(n_embd=width, n_layer=1, n_head=1, vocab_size=VOCABULARY, n_positions=LENGTH)
    torch.manual_seed(0)
    arguments = TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=4, logging_steps=3, report_to=[],
        disable_tqdm=True, use_cpu=True, learning_rate=1e-2, **{"save_strategy": "no"} | options,
    )  # fmt: skip
    return Trainer(
        model=GPT2LMHeadModel(config), args=arguments, train_dataset=Texts(64, 1), eval_dataset=Texts(16, 2),
        callbacks=[callback],
    )  # fmt: skip


def test_a_run_is_a_point_once_it_is_evaluated_at_its_end(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    made = trainer(tmp_path / "out", ScaleLabCallback(lab))
    made.train()
    with Reader(lab / "lab.db") as reader:
        (row,) = reader.runs()
        assert (row.state, row.spec.origin, row.run) == (RunState.DONE, "trainer", "8x1-D768-s42")
        assert "trainer.evaluate()" in row.reason
        assert [point.step for point in reader.points(row.run)] == [3, 6, 9, 12]
        assert not reader.finals()
        assert "trainer.evaluate()" in run_table(reader).excluded[0].reason
    loss = made.evaluate()["eval_loss"]
    with Reader(lab / "lab.db") as reader:
        (final,) = reader.finals()
        assert final.loss == pytest.approx(loss)
        assert final.n_tokens == 12 * 4 * LENGTH
        assert reader.runs()[0].reason == ""


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 2}, {"dataloader_drop_last": True}])
def test_d_is_what_was_seen_where_the_last_batch_of_a_pass_is_small(tmp_path: Path, options: dict[str, Any]) -> None:
    """Told by a collator that sees every sequence go by."""
    seen = [0]

    def collated(examples: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        seen[0] += len(examples)
        return {name: torch.stack([each[name] for each in examples]) for name in examples[0]}

    made = trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab"), steps=-1, num_train_epochs=3, **options)
    made.train_dataset, made.data_collator = Texts(11, 1), collated  # two batches of four and one of three
    made.train()
    trained = seen[0]
    made.evaluate()
    with Reader(tmp_path / "lab" / "lab.db") as reader:
        (final,) = reader.finals()
        (row,) = reader.runs()
    assert trained == 3 * (8 if "dataloader_drop_last" in options else 11)
    assert final.n_tokens == trained * LENGTH
    assert row.run == f"8x1-D{trained * LENGTH}-s42"


def test_n_is_counted_as_for_models_of_our_own(tmp_path: Path) -> None:
    trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab"), width=16, steps=1).train()
    with Reader(tmp_path / "lab" / "lab.db") as reader:
        (row,) = reader.runs()
    assert row.spec.counts == count(make_shape("16x1", ModelSpec(context=LENGTH), VOCABULARY))
    assert row.spec.shape.context == LENGTH


def test_several_runs_are_one_law(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = tmp_path / "lab"
    for width in (8, 16, 32):
        for steps in (4, 12):
            made = trainer(tmp_path / "out", ScaleLabCallback(lab), width=width, steps=steps)
            made.train()
            made.evaluate()
    with Reader(lab / "lab.db") as reader:
        table, fit = run_table(reader), reader.latest_fit()
    assert len(table) == 6
    assert len(set(zip(table.n_params, table.n_tokens, strict=True))) == 6
    assert fit is not None
    assert json.loads(fit.json)["n_runs"] == 6
    capsys.readouterr()
    assert main(["fit", str(lab), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["assessment"]["n_runs"] == 6
    assert main(["status", str(lab), "--json"]) == 0
    assert main(["predict", str(lab), "--params", "10k", "--tokens", "10k"]) == 0
    assert main(["report", str(lab), "-o", str(tmp_path / "report.html")]) == 0


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    for _ in range(2):
        trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab", run="mine/../x"), steps=1).train()
    with Reader(tmp_path / "lab" / "lab.db") as reader:
        assert [row.run for row in reader.runs()] == ["mine-..-x", "mine-..-x-2"]


def test_a_rate_that_never_came_down_is_no_point(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    made = trainer(tmp_path / "out", ScaleLabCallback(lab), lr_scheduler_type="constant")
    made.train()
    made.evaluate()
    with Reader(lab / "lab.db") as reader:
        assert not reader.finals()
        assert "100% of its peak" in run_table(reader).excluded[0].reason


def test_a_second_training_of_one_model_is_no_point(tmp_path: Path) -> None:
    made = trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab"), steps=3)
    for _ in range(2):
        made.train()
        made.evaluate()
    with Reader(tmp_path / "lab" / "lab.db") as reader:
        assert [row.run for row in reader.runs()] == ["8x1-D192-s42", "8x1-D192-s42-2"]
        assert [end.run for end in reader.finals()] == ["8x1-D192-s42"]
        assert "had been trained before" in run_table(reader).excluded[0].reason


def test_losses_of_several_sets_are_no_point_and_it_is_said(tmp_path: Path) -> None:
    made = trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab"), steps=3)
    made.eval_dataset = {"one": Texts(8, 2), "two": Texts(8, 3)}
    made.train()
    made.evaluate()
    with Reader(tmp_path / "lab" / "lab.db") as reader:
        assert "eval_two_loss: a point takes one set's eval_loss" in run_table(reader).excluded[0].reason


def test_a_run_that_was_stopped_is_no_point(tmp_path: Path) -> None:
    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = state.global_step >= 5

    lab = tmp_path / "lab"
    made = trainer(tmp_path / "out", ScaleLabCallback(lab))
    made.add_callback(Stop())
    made.train()
    made.evaluate()
    with Reader(lab / "lab.db") as reader:
        (row,) = reader.runs()
        assert (row.state, row.reason) == (RunState.STOPPED, "stopped at step 5 of 12")
        assert len(run_table(reader)) == 0


def test_a_resumed_run_goes_on_under_its_name(tmp_path: Path) -> None:
    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = control.should_save = state.global_step == 6

    lab, out = tmp_path / "lab", tmp_path / "out"
    made = trainer(out, ScaleLabCallback(lab), save_strategy="steps", save_steps=6)
    made.add_callback(Stop())
    made.train()
    again = trainer(out, ScaleLabCallback(lab), save_strategy="steps", save_steps=6)
    again.train(resume_from_checkpoint=True)
    again.evaluate()
    with Reader(lab / "lab.db") as reader:
        (row,) = reader.runs()
        assert (row.state, row.attempt) == (RunState.DONE, 2)
        assert [point.step for point in reader.points(row.run)] == [3, 6, 9, 12]
        assert len(reader.finals()) == 1


def test_a_recorded_run_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    lab = tmp_path / "lab"

    class Ask(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 2:
                assert control_pid() == os.getpid()

    def control_pid() -> int:
        return control.request_stop(lab)

    made = trainer(tmp_path / "out", ScaleLabCallback(lab))
    made.add_callback(Ask())
    made.train()
    assert made.state.global_step == 3  # the first log after the request
    with Reader(lab / "lab.db") as reader:
        assert reader.runs()[0].state is RunState.STOPPED
        assert reader.requests()[0].reply == "stopping"


class _Dies(TrainerCallback):
    """At its fourth step."""

    def __init__(self, way: str) -> None:
        self._way = way

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 4:
            if self._way == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ZeroDivisionError


def _train_and_die(folder: Path, way: str) -> None:
    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    made = trainer(folder / "out", ScaleLabCallback(folder / "lab"))
    made.add_callback(_Dies(way))
    made.train()


@pytest.mark.parametrize(("way", "code"), [("kill", -signal.SIGKILL), ("raise", 1)])
def test_a_run_whose_process_died_is_failed_and_no_point(tmp_path: Path, way: str, code: int) -> None:
    """In a fork: a process anew would load torch and the library first."""
    child = multiprocessing.get_context("fork").Process(target=_train_and_die, args=(tmp_path, way))
    child.start()
    child.join()
    assert child.exitcode == code
    with Recorder(tmp_path / "lab"), Reader(tmp_path / "lab" / "lab.db") as reader:
        (row,) = reader.runs()
        assert (row.state, row.reason) == (RunState.FAILED, "its process ended before the training")
        assert reader.points(row.run)[-1].step == 3


def test_a_lab_that_trains_its_own_runs_takes_no_recorded_ones(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="other files"):
        trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "full"), steps=1).train()


def test_a_recorded_lab_is_not_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab"), steps=1).train()
    assert main(["run", "--lab", str(tmp_path / "lab")]) == 2
    assert "trained elsewhere" in capsys.readouterr().err


def test_trouble_with_the_store_does_not_stop_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    made = trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab"))
    monkeypatch.setattr(Recorder, "write", broken)
    made.train()
    assert made.state.global_step == 12
    assert "not recorded" in caplog.text


def test_tokens_of_a_step_must_be_known(tmp_path: Path) -> None:
    made = trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab", tokens_per_step=100), steps=1)
    made.train()
    with Reader(tmp_path / "lab" / "lab.db") as reader:
        assert reader.runs()[0].spec.batch_tokens == 100
    with pytest.raises(BadInput, match="no multiple"):
        trainer(tmp_path / "out", ScaleLabCallback(tmp_path / "lab", tokens_per_step=101), steps=1).train()
