"""Folders of TensorBoard event files, written by the writers that people use."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput

pytest.importorskip("tensorboard")


def write(folder: Path, scalars: dict[str, list[float]], texts: dict[str, str] | None = None, **hparams: Any) -> None:
    """A run's event files by torch's SummaryWriter, a value every ten steps."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for tag, values in scalars.items():
            for i, value in enumerate(values):
                writer.add_scalar(tag, value, 10 * (i + 1))
        for tag, text in (texts or {}).items():
            writer.add_text(tag, text, 0)
        if hparams:
            writer.add_hparams(hparams, {"hparam/done": 1.0})


def test_the_last_value_of_each_tag_is_the_run(tmp_path: Path) -> None:
    for i, name in enumerate(("a", "b")):
        write(
            tmp_path / "sweep" / name,
            {"eval/loss": [6, 5, 4 - i / 8], "train/loss": [1, 1, 1], "train/tokens": [1e6, 2e6, 3e6 * (i + 1)],
             "n_params": [1e6 * (i + 1)], "train/learning_rate": [1e-4, 1e-3, 1e-4]},
        )  # fmt: skip
    runs = laws.read_runs(tmp_path, columns={"D": "train/tokens"})
    assert runs.run_id == ("sweep/a", "sweep/b")
    np.testing.assert_array_equal(runs.loss, [4.0, 3.875])
    np.testing.assert_array_equal(runs.n_tokens, [3e6, 6e6])
    np.testing.assert_array_equal(runs.n_params, [1e6, 2e6])
    assert runs.lr_share is not None
    np.testing.assert_allclose(runs.lr_share, 0.1, rtol=1e-6)
    assert "column 'eval/loss' read as loss" in runs.notes
    assert laws.read_runs(tmp_path, columns={"D": "train/tokens"}, where="`eval/loss` < 3.9").run_id == ("sweep/b",)


def test_size_and_tokens_come_from_the_texts_of_the_trainer(tmp_path: Path) -> None:
    config = {"model_type": "gpt2", "n_embd": 8, "n_layer": 2, "n_positions": 16, "vocab_size": 50}
    args = {"per_device_train_batch_size": 4, "world_size": 2, "block_size": 16, "max_steps": 30}
    texts = {"args": json.dumps(args, indent=2), "model_config": json.dumps(config)}
    write(tmp_path / "whole", {"eval/loss": [5, 4, 3]}, texts)
    write(tmp_path / "half", {"eval/loss": [5]}, texts)
    runs = laws.read_runs(tmp_path)
    assert runs.run_id == ("whole",)
    np.testing.assert_array_equal(runs.n_params, [2 * (12 * 64 + 13 * 8) + 400])
    np.testing.assert_array_equal(runs.n_tokens, [30 * 4 * 2 * 16])
    assert [(item.run, item.reason) for item in runs.excluded] == [("half", "stopped at step 10 of 30")]


def test_hyper_parameters_count_as_columns(tmp_path: Path) -> None:
    write(tmp_path / "a", {"val/loss": [5, 4]}, n_params=1e6, n_tokens=2e7, kind="x")
    write(tmp_path / "b", {"val/loss": [5, 3]}, n_params=2e6, n_tokens=4e7, kind="y")
    runs = laws.read_runs(tmp_path)
    assert runs.run_id == ("a", "b")
    np.testing.assert_array_equal(runs.n_params, [1e6, 2e6])
    np.testing.assert_array_equal(runs.n_tokens, [2e7, 4e7])
    assert laws.read_runs(tmp_path, where="hparams.kind = 'y'").run_id == ("b",)


def test_parts_of_a_run_in_folders_of_their_own_are_one_run(tmp_path: Path) -> None:
    write(tmp_path / "a" / "train", {"loss": [2, 1], "tokens": [1e6, 2e6]})
    write(tmp_path / "a" / "validation", {"loss": [5, 4], "params": [7e6]})
    runs = laws.read_runs(tmp_path, columns={"N": "validation/params", "D": "train/tokens"})
    assert runs.run_id == ("a",)
    assert (runs.loss.tolist(), runs.n_params.tolist(), runs.n_tokens.tolist()) == ([4.0], [7e6], [2e6])


def test_what_no_run_left_is_told(tmp_path: Path) -> None:
    scalars = {"eval/loss": [4.0], "n_params": [1e6], "tokens": [2e7]}
    write(tmp_path / "good", scalars)
    write(tmp_path / "nan", scalars | {"eval/loss": [4.0, float("nan")]})
    write(tmp_path / "no-loss", {"n_params": [1e6], "tokens": [2e7]})
    for name, body in (("empty", b""), ("garbage", b"\x07" * 5_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.out.tfevents.1.host").write_bytes(body)
    runs = laws.read_runs(tmp_path)
    assert runs.run_id == ("good",)
    reasons = {item.run: item.reason for item in runs.excluded}
    assert reasons["empty"] == reasons["garbage"] == "its event files hold no scalars"
    assert reasons["no-loss"] == "loss is empty"
    assert "no point" in reasons["nan"]


def test_a_torn_file_counts_up_to_where_it_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "a", {"n_params": [1e6], "tokens": [2e7], "eval/loss": [5.0, 4.0]})
    file = next((tmp_path / "a").iterdir())
    file.write_bytes(file.read_bytes()[:-3])
    assert laws.read_runs(tmp_path).loss.tolist() == [5.0]


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_are_read_or_refused(tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a", {"n_params": [1e6], "tokens": [2e7], "eval/loss": [5.0, 4.0]}, {"args": "{}"})
    file = next((tmp_path / "a").iterdir())
    body = bytearray(file.read_bytes())
    generator = np.random.default_rng(seed)
    for at in generator.integers(0, len(body), 3):
        body[at] ^= int(generator.integers(1, 255))
    file.write_bytes(bytes(body))
    try:
        runs = laws.read_runs(tmp_path)
    except BadInput as told:
        assert told.line().isprintable()
    else:
        assert np.isfinite(runs.loss).all()
    assert capfd.readouterr().out == ""


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"")
    name = "tensorboard.backend.event_processing.event_file_loader"
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BadInput) as told:
        laws.read_runs(tmp_path)
    assert told.value.line() == ("TensorBoard event files need the package tensorboard: pip install 'scalelab[import]'")
