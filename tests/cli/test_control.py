"""The verbs that act on a lab, as processes on a real, very small one; and what they refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scalelab.lab import control, lock
from scalelab.lab.paths import LabPaths
from scalelab.store.reader import Reader
from tests.cli.conftest import Ran, document
from tests.lab import mini
from tests.simulated import SimulatedLab

Run = Callable[..., Ran]
SMALL: dict[str, Any] = {"ladder": {"shapes": ["8x1"]}, "budgets": {"tokens": [8_000, 16_000]}}
LONG: dict[str, Any] = {"ladder": {"shapes": ["8x1", "16x1"]}, "budgets": {"tokens": [64_000, 320_000]}}


def _spawn(*words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(mini.ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "scalelab", *words], env=env, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_second_starter_looks_on_and_a_stop_after_the_current_runs_is_seen_by_all(
    scalelab: Run, text: Path, tmp_path: Path
) -> None:
    paths = mini.make(tmp_path / "lab", text, **LONG)
    lab = str(paths.root)
    pid = document(scalelab("resume", lab, "--detach", "--json"))["pid"]
    mini.wait_for(lambda: mini.steps(paths) > 10, 60, "points")
    again = document(scalelab("run", "--lab", lab, "--detach", "--json"))
    assert (again["pid"], again["already"]) == (pid, True)
    leaves, stays = _spawn("run", "--lab", lab), _spawn("run", "--lab", lab)
    assert leaves.stderr is not None and f"process {pid} trains" in leaves.stderr.readline()
    leaves.send_signal(signal.SIGINT)
    _, said = leaves.communicate(timeout=30)
    assert leaves.returncode == 130 and f"process {pid} trains on" in said
    assert control.status(lab).pid == pid, "who looks on holds nothing up"
    assert document(scalelab("stop", lab, "--after-current", "--json"))["how"] == "after current"
    mini.wait_for(lambda: control.status(lab).stopping == "after the current runs", 10, "word of the stop")
    shown = scalelab("status", lab).out
    assert "stopping: after the current runs" in shown.splitlines()[0]
    assert f"trained by process {pid}, which is stopping: after the current runs" in shown
    assert scalelab("stop", lab).code == 0
    _, said = stays.communicate(timeout=60)
    assert stays.returncode == 130 and "stopped with" in said
    assert control.status(lab).pid is None and "running" not in control.status(lab).states


def test_a_lab_is_extended_retried_and_removed_from_the_command_line(
    scalelab: Run, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = mini.make(tmp_path / "lab", text, **SMALL)
    ran = scalelab("extend", "lab", "--budgets", "24k,32k")
    assert ran.code == 0 and "lab grows by 2 runs: " in ran.out and "8x1-D32k-s0" in ran.out
    assert "scalelab resume lab --detach" in ran.out
    (paths.run_dir("8x1-D16k-s0")).write_text("")  # its folder cannot be made
    document(scalelab("resume", "lab", "--detach", "--json"))
    mini.wait_for(lambda: control.status("lab").pid is None, 120, "end")
    assert control.status("lab").states == {"done": 4, "failed": 1}
    paths.run_dir("8x1-D16k-s0").unlink()
    told = document(scalelab("retry", "lab", "--failed", "--json"))
    assert told["runs"] == ["8x1-D16k-s0"]
    mini.wait_for(lambda: control.status("lab").pid is None, 60, "end")
    assert control.status("lab").states == {"done": 5}
    with Reader(paths.store) as reader:
        assert [change.reason for change in reader.states("8x1-D16k-s0")][-3] == "asked for again"
    assert scalelab("rm", "lab").code == 2 and paths.exists
    assert document(scalelab("rm", "lab", "--yes", "--json"))["left"] == []
    assert not paths.root.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["stop", "LAB", "--now", "--after-current"], 2, "both given"),
        (["retry", "LAB"], 2, "retry which run?"),
        (["retry", "LAB", "x", "--failed"], 2, "both given"),
        (["retry", "LAB", "--failed"], 2, "no run of"),
        (["retry", "LAB", "nope"], 2, "has no run 'nope' (allowed: 24x1-D80k-s0)"),
        (["retry", "LAB", "12x1-D40k-s0"], 2, "is done (allowed: 24x1-D80k-s0)"),
        (["retry", "LAB", "24x1-D80k-s0", "--rate", "2"], 2, "above 0 and below 1"),
        (["retry", "LAB", "24x1-D80k-s0", "--rate", "nan"], 2, "above 0 and below 1"),
        (["extend", "LAB"], 2, "nothing to extend"),
        (["extend", "LAB", "--seeds", "1"], 2, "more than the 1"),
        (["extend", "LAB", "--budgets", "-1"], 2, "budget in tokens"),
        (["rm", "LAB"], 2, "--yes removes it"),
        (["rm", "nowhere", "--yes"], 2, "there is no lab"),
        (["resume", "nowhere"], 2, "there is no lab"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    scalelab: Run, finished: Path, words: list[str], code: int, said: str
) -> None:
    before = (finished / "lab.db").read_bytes()
    ran = scalelab(*[str(finished) if word == "LAB" else word for word in words])
    assert (ran.code, ran.out) == (code, "") and ran.err.count("\n") == 1 and said in ran.err, ran.err
    assert (finished / "lab.db").read_bytes() == before
    told = json.loads(scalelab(*[str(finished) if word == "LAB" else word for word in words], "--json").out)
    assert told["error"]["exit_code"] == code


def test_an_owned_lab_is_neither_extended_nor_removed(scalelab: Run, tmp_path: Path) -> None:
    SimulatedLab(tmp_path / "smoke").close()
    with lock.acquire(LabPaths(tmp_path / "smoke").lock):
        for words in (["extend", "--budgets", "1M"], ["rm", "--yes"]):
            ran = scalelab(words[0], str(tmp_path / "smoke"), *words[1:])
            assert ran.code == 1 and f"process {os.getpid()}" in ran.err and "scalelab stop" in ran.err
    assert (tmp_path / "smoke" / "lab.db").is_file()
