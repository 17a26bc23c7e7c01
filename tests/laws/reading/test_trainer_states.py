"""Folders of Trainer runs: the newest state of each run is a point, or has a reason."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 100,
}  # fmt: skip
BLOCKS = 2 * (4 * 64**2 + 3 * 64 * 172 + 2 * 64)
N = BLOCKS + 64 * 100


def state(steps: int = 100, loss: float = 3.0, **more: Any) -> dict[str, Any]:
    """A trainer_state.json as transformers writes it."""
    history: list[dict[str, Any]] = [
        {"epoch": 0.1, "grad_norm": 1.0, "learning_rate": rate, "loss": 5.0, "step": step}
        for step, rate in ((1, 1e-4), (steps // 2, 1e-3), (steps, 5e-5))
    ]
    history.insert(2, {"epoch": 0.5, "eval_loss": loss + 1, "eval_runtime": 1.0, "step": steps // 2})
    history.append({"epoch": 1.0, "eval_loss": loss, "eval_runtime": 1.0, "step": steps})
    history.append({"epoch": 1.0, "step": steps, "total_flos": 1e12, "train_loss": 4.0, "train_runtime": 9.0})
    return {
        "global_step": steps, "max_steps": steps, "log_history": history, "num_input_tokens_seen": 0,
        "total_flos": 0.0, "train_batch_size": 8,
    } | more  # fmt: skip


def write(folder: Path, **files: Any) -> None:
    """JSON files in a folder; `trainer_state` → trainer_state.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_each_run_counts_by_its_newest_checkpoint(tmp_path: Path) -> None:
    for name, loss in (("one", 3.0), ("two", 2.8)):
        for step in (50, 100):
            told = state(step, loss if step == 100 else 9.0, max_steps=100, num_input_tokens_seen=step * 1000)
            write(tmp_path / "sweep" / name / f"checkpoint-{step}", trainer_state=told, config=LLAMA)
    runs = laws.read_runs(tmp_path)
    assert runs.run_id == ("sweep/one", "sweep/two")
    np.testing.assert_array_equal(runs.loss, [3.0, 2.8])
    np.testing.assert_array_equal(runs.n_tokens, [1e5, 1e5])
    np.testing.assert_array_equal(runs.n_params, [N, N])
    np.testing.assert_array_equal(runs.counts["n_blocks"], [BLOCKS, BLOCKS])
    np.testing.assert_array_equal(runs.counts["n_total"], [N + 6400 + 64] * 2)
    assert runs.lr_share is not None
    np.testing.assert_allclose(runs.lr_share, 0.05)
    assert "n_params counted from config.json (2 of 2 runs)" in runs.notes
    assert laws.read_runs(tmp_path, count="n_total").count_name == "n_total"


def test_a_state_beside_the_checkpoints_is_the_end_of_the_run(tmp_path: Path) -> None:
    write(tmp_path / "r" / "checkpoint-90", trainer_state=state(90, 4.0, max_steps=100, num_input_tokens_seen=9))
    write(tmp_path / "r", trainer_state=state(100, 3.0, num_input_tokens_seen=1000), config=LLAMA)
    assert laws.read_runs(tmp_path).loss.tolist() == [3.0]
    assert laws.read_runs(tmp_path / "r").run_id == ("r",)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (state(60, max_steps=100), "stopped at step 60 of 100"),
        (state(loss=float("nan")), "no point"),
        (state(log_history=[]), "no evaluation loss"),
        (state(log_history=[{"loss": 3.0, "step": 100}]), "no evaluation loss"),
        (state(log_history=[{"loss": float("nan"), "step": 90}, {"eval_loss": 3.0, "step": 100}]), "diverged"),
        (state(log_history=[{"eval_loss": 3.0, "step": 50}]), "last evaluated at step 50 of 100"),
        ("{", "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ("[1]", "no JSON object"),
        ('{"log_history": 3, "global_step": "x"}', "no evaluation loss"),
        (state(loss=60.0), "perplexity"),
    ],
    ids=["unfinished", "nan", "empty-log", "no-evaluation", "diverged", "mid-schedule", "torn", "deep", "list", "odd",
         "not-nats"],
)  # fmt: skip
def test_a_run_that_is_no_point_says_why(tmp_path: Path, told: Any, words: str) -> None:
    if isinstance(told, dict):
        told["num_input_tokens_seen"] = 1000
    write(tmp_path / "bad", trainer_state=told, config=LLAMA)
    write(tmp_path / "good", trainer_state=state(num_input_tokens_seen=1000), config=LLAMA)
    runs = laws.read_runs(tmp_path)
    assert runs.run_id == ("good",)
    assert [(item.run, item.line) for item in runs.excluded] == [("bad", None)]
    assert words in runs.excluded[0].reason


def test_tokens_follow_from_the_arguments_or_from_flops(tmp_path: Path) -> None:
    args = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "world_size": 3, "block_size": 128}
    write(tmp_path / "a", trainer_state=state(), config=LLAMA, training_args=args)
    write(tmp_path / "b", trainer_state=state(total_flos=6.0 * (N + 64) * 5e6), config=LLAMA)
    write(tmp_path / "c", trainer_state=state(), config=LLAMA)
    write(tmp_path / "d", trainer_state=state(total_flos=6e12, num_input_tokens_seen=1_000_000))
    write(tmp_path / "e", trainer_state=state(), config=LLAMA, training_args={**args, "world_size": None})
    runs = laws.read_runs(tmp_path)
    assert runs.run_id == ("a", "b", "d")
    np.testing.assert_allclose(runs.n_tokens, [100 * 4 * 2 * 3 * 128, 5e6, 1e6])
    np.testing.assert_allclose(runs.n_params, [N, N, 1e6])
    assert [item.run for item in runs.excluded] == ["c", "e"]
    assert all(item.reason.startswith("its tokens are not said: ") for item in runs.excluded)
    assert any("steps × batch × length" in note and "(1 of 5 runs)" in note for note in runs.notes)
    assert any("tokens are total_flos / (6" in note for note in runs.notes)
    assert any("n_params is total_flos / (6" in note for note in runs.notes)


def test_a_run_whose_size_nobody_says_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a", trainer_state=state(num_input_tokens_seen=1000), config=LLAMA)
    write(tmp_path / "b", trainer_state=state(num_input_tokens_seen=1000), config={"model_type": "mamba"})
    assert "its size is not said" in laws.read_runs(tmp_path).excluded[0].reason


def test_an_adapter_is_no_model_of_its_own(tmp_path: Path) -> None:
    write(tmp_path / "a", trainer_state=state(num_input_tokens_seen=1000), config=LLAMA)
    write(tmp_path / "b", trainer_state=state(num_input_tokens_seen=1000), config=LLAMA, adapter_config={"r": 8})
    assert "an adapter was trained" in laws.read_runs(tmp_path).excluded[0].reason


def test_another_evaluation_can_be_mapped(tmp_path: Path) -> None:
    log = [{"eval_c4_loss": 3.5, "eval_wiki_loss": 3.1, "step": 100}]
    write(tmp_path / "a", trainer_state=state(log_history=log, num_input_tokens_seen=1000), config=LLAMA)
    with pytest.raises(BadInput, match="'eval_c4_loss', 'eval_wiki_loss'"):
        laws.read_runs(tmp_path)
    assert laws.read_runs(tmp_path, columns={"L": "eval_wiki_loss"}).loss.tolist() == [3.1]


def test_a_pickle_of_arguments_is_never_opened(tmp_path: Path) -> None:
    write(tmp_path / "a", trainer_state=state(num_input_tokens_seen=1000), config=LLAMA)
    os.mkfifo(tmp_path / "a" / "training_args.bin")  # who opens it waits for ever
    assert len(laws.read_runs(tmp_path)) == 1


def test_links_fifos_and_closed_folders_end_no_walk(tmp_path: Path) -> None:
    write(tmp_path / "a" / "checkpoint-100", trainer_state=state(num_input_tokens_seen=1000), config=LLAMA)
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "trainer_state.json")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "trainer_state.json").symlink_to(tmp_path / "nowhere")
    deep = tmp_path.joinpath(*["d"] * 40)
    write(deep, trainer_state=state())
    assert laws.read_runs(tmp_path).run_id == ("a",)


def test_a_state_too_large_to_read_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a", trainer_state=state(num_input_tokens_seen=1000), config=LLAMA)
    (tmp_path / "b").mkdir()
    with (tmp_path / "b" / "trainer_state.json").open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than" in laws.read_runs(tmp_path).excluded[0].reason


def test_a_thousand_runs(tmp_path: Path) -> None:
    for i in range(1_000):
        write(
            tmp_path / f"run-{i:04}",
            trainer_state=state(loss=2 + i / 1000, num_input_tokens_seen=1000 + i),
            config=LLAMA,
        )
    runs = laws.read_runs(tmp_path, where="tokens < 1500")
    assert len(runs) == 500
    assert runs.run_id[499] == "run-0499"


def test_a_folder_without_runs_says_what_one_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no runs")
    with pytest.raises(BadInput, match=r"without runs .*trainer_state.json or TensorBoard"):
        laws.read_runs(tmp_path)
