"""Finished runs of elsewhere in a lab: tables and folders of Trainer runs, taken once, fitted, marked."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.cli.main import main
from scalelab.lab.table import run_table
from scalelab.records import RunState
from scalelab.store.reader import Reader

RUNS_16 = [
    (f"r{i}{j}", n, d, (1.7 + 400 / n**0.34 + 410 / d**0.28) * (1 + 0.003 * math.sin(7 * i + 3 * j)))
    for i, n in enumerate((2e7, 6e7, 2e8, 6e8))
    for j, d in enumerate((5e8, 2e9, 6e9, 2e10))
]
HEAD = "name,Model Size,tokens,loss,flops,state\n"


def write_table(path: Path) -> Path:
    rows = [f"{name},{n:.0f},{d:.0f},{loss:.6f},{6.1 * n * d:.6e},finished\n" for name, n, d, loss in RUNS_16]
    path.write_text(HEAD + "".join(rows) + "bad,1e6,1e8,nan,6e14,crashed\n")
    return path


def test_what_can_be_fitted_can_be_imported_and_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, lab = write_table(tmp_path / "runs.csv"), tmp_path / "lab"
    assert main(["import", str(table), "--lab", str(lab), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (len(found["runs"]), found["n_excluded"], found["fit_problem"]) == (16, 1, "")
    with Reader(lab / "lab.db") as reader:
        kept, rows = run_table(reader), reader.runs()
        fit = reader.latest_fit()
    there = laws.read_runs(table)
    np.testing.assert_array_equal(kept.n_params, there.n_params)
    np.testing.assert_array_equal(kept.loss, there.loss)
    np.testing.assert_allclose(kept.compute, there.compute)
    assert {(row.state, row.spec.origin) for row in rows} == {(RunState.DONE, "imported")}
    assert fit is not None
    seen = laws.Assessment.from_json(fit.json)
    assert seen.best == laws.assess(there).best
    assert seen.predict(1e9, 1e11).loss == pytest.approx(laws.assess(there).predict(1e9, 1e11).loss, rel=1e-6)


def test_runs_that_are_there_are_not_taken_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, lab = write_table(tmp_path / "runs.csv"), tmp_path / "lab"
    assert main(["import", str(table), "--lab", str(lab)]) == 0
    capsys.readouterr()
    assert main(["import", str(table), "--lab", str(lab)]) == 2
    assert "no run that" in capsys.readouterr().err
    with table.open("a") as more:
        more.write("new,3e7,3e9,3.3,5.4e17,finished\n")
    assert main(["import", str(table), "--lab", str(lab), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == ["new"]


def test_trainer_runs_bring_their_curves(tmp_path: Path) -> None:
    for i, width in enumerate((64, 128)):
        folder = tmp_path / "outputs" / f"run-{i}" / "checkpoint-100"
        folder.mkdir(parents=True)
        config = {"model_type": "gpt2", "n_embd": width, "n_layer": 2, "vocab_size": 100, "n_positions": 32}
        (folder / "config.json").write_text(json.dumps(config))
        log = [{"step": 50, "loss": 3.0, "learning_rate": 1e-3}, {"step": 100, "loss": 2.5, "learning_rate": 0.0},
               {"step": 100, "eval_loss": 2.4 - i / 10}]  # fmt: skip
        state = {"global_step": 100, "max_steps": 100, "num_input_tokens_seen": 102_400, "log_history": log}
        (folder / "trainer_state.json").write_text(json.dumps(state))
    lab = tmp_path / "lab"
    assert main(["import", str(tmp_path / "outputs"), "--lab", str(lab)]) == 0
    with Reader(lab / "lab.db") as reader:
        rows = reader.runs()
        assert [(point.n_tokens, point.loss) for point in reader.points("run-0")] == [(51_200, 3.0), (102_400, 2.5)]
        assert [end.loss for end in reader.finals()] == pytest.approx([2.4, 2.3])
        assert rows[0].spec.counts.n_blocks < rows[0].spec.counts.n_params < rows[0].spec.counts.n_total
        assert rows[0].step == rows[0].spec.n_steps


@pytest.mark.parametrize(
    ("source", "lab", "words"),
    [("nothing.csv", "lab", "no file"), ("runs.csv", "full", "other files"), ("runs.csv", "", "lab ''")],
)
def test_what_cannot_serve_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, lab: str, words: str
) -> None:
    write_table(tmp_path / "runs.csv")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    where = str(tmp_path / lab) if lab else ""
    assert main(["import", str(tmp_path / source), "--lab", where]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") <= 3


def test_hostile_names_become_plain_ones(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text(
        "name,N,D,loss\n../../etc/passwd,1e6,1e8,4\n\x1b[31mred,2e6,1e8,3.9\n" + "x" * 500 + ",3e6,1e8,3.8\n"
    )
    lab = tmp_path / "lab"
    assert main(["import", str(tmp_path / "runs.csv"), "--lab", str(lab)]) == 0
    with Reader(lab / "lab.db") as reader:
        names = [row.run for row in reader.runs()]
    assert names[0] == "etc-passwd"
    assert all(name.isascii() and len(name) <= 100 and "\x1b" not in name for name in names)
