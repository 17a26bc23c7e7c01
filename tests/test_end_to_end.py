"""The smoke preset as a user runs it: real processes, real text, real training, and everything asked of it after."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scalelab.cli.main import main
from scalelab.records import RunState
from scalelab.store.reader import Reader

ROOT = Path(__file__).parents[1]
PATIENCE = 120.0
"""Seconds after which a process is given up: many times what any of them takes."""


@dataclass(frozen=True)
class Ran:
    """How a process ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Place:
    """A folder to work in, with a token cache that everything here shares."""

    folder: Path
    cache: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command line under way."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SCALELAB")}
        environment |= {"PYTHONPATH": str(ROOT), "SCALELAB_CACHE": str(self.cache), "COLUMNS": "100"}
        return subprocess.Popen(
            [sys.executable, "-m", "scalelab", *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Ran:
        """A command line to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, out, err)

    def document(self, *arguments: str) -> dict[str, Any]:
        """The one JSON document of a command line that went well."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran.err
        told: dict[str, Any] = json.loads(ran.out)
        return told


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("user")
    return Place(folder, folder / "cache")


@pytest.fixture(scope="module")
def first(place: Place) -> Ran:
    """The run that the tests of this file look at; what another test does to a lab, it does to one of its own."""
    ran = place.run("run", "--preset", "smoke")
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture
def lab(place: Place, first: Ran) -> str:
    return "labs/smoke"


def test_the_report_on_stdout_has_the_laws_and_the_promise(first: Ran) -> None:
    for words in (
        "P = k · N^α · D^β",
        "L = E + A/N^α + B/D^β",
        "kaplan",
        "R²",
        "The honest check",
        "40x1-D160k-s0",
        "At 10 × the largest run",
        "nats a token, 95 %",
    ):
        assert words in first.out
    assert "Traceback" not in first.err


def test_talk_is_on_stderr_and_only_there(first: Ran) -> None:
    for words in ("tokens: ", "probe: ", "9 points in about", "9 of 9  ", "law of 9 points"):
        assert words in first.err
        assert words not in first.out
    assert "P = k" not in first.err
    assert "\x1b" not in first.out + first.err


def test_more_of_either_lowers_the_loss(place: Place, lab: str) -> None:
    loss = {(row["n_params"], row["n_tokens"]): row["loss"] for row in place.document("fit", lab, "--json")["runs"]}
    assert len(loss) == 9
    (least, *_, most), (short, *_, long) = sorted({n for n, _ in loss}), sorted({d for _, d in loss})
    assert loss[most, long] < loss[most, short] < loss[least, short]
    assert loss[most, long] < loss[least, long]


def test_a_finished_lab_tells_its_law_again_and_trains_nothing(place: Place, lab: str) -> None:
    before = _steps(place, lab)
    told = place.document("run", "--preset", "smoke", "--json")
    assert told["schema"] == "scalelab.report/1"
    assert told["summary"]["done"] == told["summary"]["total"] == 12
    assert _steps(place, lab) == before


def test_status_says_that_all_is_done(place: Place, lab: str) -> None:
    ran = place.run("status", lab)
    assert ran.code == 0
    assert "9 of 9 points" in ran.out and "nobody trains it now" in ran.out
    told = place.document("status", lab, "--json")
    assert told["states"] == {"done": 12} and told["seconds_left"] == 0


def test_an_exported_table_gives_the_same_law(place: Place, lab: str) -> None:
    table = place.run("export", lab)
    assert len(list(csv.DictReader(io.StringIO(table.out)))) == 9
    (place.folder / "runs.csv").write_text(table.out)
    ours, theirs = (place.document("fit", source, "--json")["assessment"] for source in (lab, "runs.csv"))
    assert ours["best"] == theirs["best"]
    for one, other in zip(ours["fits"], theirs["fits"], strict=True):
        assert one["law"] == other["law"]
        assert one["theta"] == pytest.approx(other["theta"], rel=1e-6, abs=1e-9)


def test_predictions_agree_with_the_report(place: Place, lab: str) -> None:
    promised = place.document("fit", lab, "--json")["assessment"]["optimum"]
    there = place.document("predict", lab, "--compute", repr(promised["flops"]), "--json")["prediction"]
    assert there["loss"] == pytest.approx(promised["loss"], rel=1e-6)
    ran = place.run("predict", lab, "--params", "1M", "--tokens", "20M")
    assert ran.code == 0
    assert "nats a token, 95 %" in ran.out and "beyond 10 times" in ran.out


def test_a_trained_rung_writes(place: Place, lab: str) -> None:
    ran = place.run("sample", lab, "--prompt", "The state of", "--tokens", "20")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("The state of") and len(ran.out) > len("The state of") + 20
    assert ran.err == "by 40x1-D160k-s0:\n"


@pytest.mark.parametrize("run", ["nope", "../../x", "-x", "x" * 300, "a\nb", "\x1b[2J", "16x1-trunk-s0"])
def test_a_run_that_is_not_there_is_one_line_that_names_those_that_are(
    place: Place, lab: str, run: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(place.folder / lab), "--", run]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and "\x1b" not in err


def test_another_corpus_in_its_place_is_refused(place: Place) -> None:
    """By what it holds: the file keeps its name, its size and its times."""
    words = [f"The house sat on the hill and {number} people looked at it.\n\n" for number in range(10_000, 14_000)]
    notes = place.folder / "notes.txt"
    notes.write_text("".join(words))
    asked = (
        "run",
        "--preset",
        "smoke",
        "--set",
        f"corpus.source={notes}",
        "--set",
        "evaluation.tokens=1024",
        "--set",
        "ladder.shapes=16x1",
        "--set",
        "budgets.tokens=[20k]",
        "--lab",
        "labs/notes",
    )
    assert place.run(*asked).code == 0
    before, steps = notes.stat(), _steps(place, "labs/notes")
    notes.write_text("".join(reversed(words)))
    os.utime(notes, ns=(before.st_atime_ns, before.st_mtime_ns))
    ran = place.run(*asked)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1 and "has changed" in ran.err
    assert _steps(place, "labs/notes") == steps


def test_a_run_that_is_stopped_goes_on_and_counts_nothing_twice(place: Place, first: Ran) -> None:
    folder = "labs/stopped"
    asked = ("run", "--preset", "smoke", "--set", "budgets.tokens=[20k,40k,80k]", "--lab", folder)
    process = place.start(*asked)
    _wait_for(lambda: _done(place, folder) >= 2, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, ""), err
    assert "the same command goes on" in err and "Traceback" not in err
    ended = _ends(place, folder)
    ran = place.run(*asked)
    assert ran.code == 0, ran.err
    again = _ends(place, folder)
    assert len(again) == 12 and set(again.values()) == {1}
    assert ended.items() <= again.items()
    assert place.document("fit", folder, "--json")["assessment"]["n_runs"] == 9


def _wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Look again and again, until it has happened, the process has ended, or patience has."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None, f"ended too early: {process.communicate()[1]}"
        assert time.monotonic() < deadline, "it never happened"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def _done(place: Place, lab: str) -> int:
    store = place.folder / lab / "lab.db"
    if not store.is_file():
        return 0
    with Reader(store) as reader:
        return sum(row.state is RunState.DONE for row in reader.runs())


def _steps(place: Place, lab: str) -> dict[str, int]:
    """How many points each run has, and that no step is there twice."""
    with Reader(place.folder / lab / "lab.db") as reader:
        points, _ = reader.points_since(0)
    assert len({(point.run, point.step) for point in points}) == len(points)
    return Counter(point.run for point in points)


def _ends(place: Place, lab: str) -> dict[str, int]:
    """How often each run has come to its end."""
    with Reader(place.folder / lab / "lab.db") as reader:
        return Counter(
            row.run for row in reader.runs() for change in reader.states(row.run) if change.state is RunState.DONE
        )
