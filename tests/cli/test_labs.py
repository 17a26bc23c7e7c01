"""`status`, `export`, `stop`, `sample`: what one does with a lab, and with what is none."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scalelab import laws
from tests.cli.conftest import Ran, document

Run = Callable[..., Ran]


def test_status_of_a_finished_lab(scalelab: Run, finished: Path) -> None:
    ran = scalelab("status", str(finished))
    assert ran.code == 0
    assert "8 of 9 points" in ran.out
    assert "nobody trains it now" in ran.out
    told = document(scalelab("status", str(finished), "--json"))
    assert told["states"] == {"done": 11, "diverged": 1}
    assert told["pid"] is None
    assert {run["state"] for run in told["runs"]} == {"done", "diverged"}


def test_status_says_what_is_odd_about_the_runs(scalelab: Run, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = json.loads(scalelab("status", str(finished), "--json").out)["odd"]
    fitted = json.loads(scalelab("fit", str(finished), "--json").out)["diagnosis"]
    assert told == list(laws.Diagnosis.from_dict(fitted).sentences()) != []
    shown = scalelab("status", str(finished)).out
    assert all(f"odd: {sentence}" in " ".join(shown.split()) for sentence in told)


def test_export_to_stdout_and_to_a_file(scalelab: Run, finished: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(scalelab("export", str(finished)).out.splitlines()))
    assert len(rows) == 9
    target = tmp_path / "out.json"
    ran = scalelab("export", str(finished), "-o", str(target), "--table", "curves")
    assert (ran.code, ran.out) == (0, "")
    assert "rows in" in ran.err
    assert json.loads(target.read_text())["schema"] == "scalelab.curves/1"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_export_does_not_overwrite_unasked(scalelab: Run, finished: Path, tmp_path: Path) -> None:
    target = tmp_path / "runs.csv"
    target.write_text("mine")
    assert scalelab("export", str(finished), "-o", str(target)).code == 2
    assert target.read_text() == "mine"
    assert scalelab("export", str(finished), "-o", str(target), "--force").code == 0
    assert target.read_text().startswith("run,")


@pytest.mark.parametrize(
    "arguments",
    [["-o", "/nowhere/at/all.csv"], ["--json", "--format", "csv"], ["--table", "nope"], ["--format", "xls"]],
)
def test_export_refuses_in_one_line(scalelab: Run, finished: Path, arguments: list[str]) -> None:
    ran = scalelab("export", str(finished), *arguments)
    assert ran.code == 2
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["status", "stop", "export", "sample"])
@pytest.mark.parametrize("lab", ["/nowhere", "../../x\x1b[2J", "", "a\nb"])
def test_a_lab_that_is_none_is_one_line(scalelab: Run, verb: str, lab: str) -> None:
    ran = scalelab(verb, lab)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "\x1b" not in ran.err


def test_export_writes_over_no_folder(scalelab: Run, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    ran = scalelab("export", str(finished), "-o", str(tmp_path / "taken"), "--force")
    assert ran.code == 2
    assert ran.err.count("\n") == 1 and f"{tmp_path / 'taken'} is a folder" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("temperature", ["nan", "inf", "-1", "hot"])
def test_sample_refuses_temperatures_that_are_none(scalelab: Run, finished: Path, temperature: str) -> None:
    ran = scalelab("sample", str(finished), f"--temperature={temperature}")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1 and "--temperature" in ran.err


def test_stop_where_nobody_trains(scalelab: Run, finished: Path) -> None:
    ran = scalelab("stop", str(finished))
    assert ran.code == 1
    assert "is not being trained" in ran.err


def test_sample_names_the_models_there_are(scalelab: Run, finished: Path) -> None:
    ran = scalelab("sample", str(finished), "12x1-D40k-s0", "--prompt", "\x1b[2J")
    assert ran.code == 2
    assert "allowed: none yet" in ran.err


def test_sample_shows_text_harmlessly(scalelab: Run, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scalelab.lab import control

    said: dict[str, object] = {}

    def fake(folder: str, runs: list[str], prompt: str, **options: object) -> list[control.Sample]:
        said.update(options, runs=runs)
        return [control.Sample(run=run, prompt=prompt, text="one\n\x1b[2Jtwo", ids=(1, 2)) for run in runs]

    monkeypatch.setattr(control, "samples", fake)
    ran = scalelab("sample", str(finished), "--prompt", "go ", "--tokens", "7")
    assert ran.out == "go one\n\\x1b[2Jtwo\n"
    assert said["runs"] == ["48x1-D160k-s0"]
    assert said["n"] == 7
    assert document(scalelab("sample", str(finished), "--json"))["ids"] == [1, 2]
