"""Each verb does its work, says it in words or in one document, and refuses what it cannot do in one line."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from scalelab.errors import ScalelabError
from tests.cli.conftest import Ran

Run = Callable[..., Ran]


def document(ran: Ran) -> dict:
    """The JSON on stdout, which is alone there."""
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


# plan, presets, devices


def test_plan_shows_every_point_with_its_cost(scalelab: Run) -> None:
    ran = scalelab("plan", "--preset", "smoke")
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines() if line.startswith(("12x1", "24x1", "48x1"))]
    assert len([row for row in rows if row[-1] == "yes"]) == 9
    assert "rung" in ran.out and "memory" in ran.out and "time" in ran.out


def test_plan_document_has_the_same_points(scalelab: Run) -> None:
    told = document(scalelab("plan", "--preset", "smoke", "--json", "--slots", "1", "--seed", "3", "--seed", "4"))
    assert told["schema"] == "scalelab.plan/1"
    assert len(told["cells"]) == 18
    assert told["device"]["slots"] == 1
    assert {cell["seed"] for cell in told["cells"]} == {3, 4}
    assert told["preset"]["seeds"] == [3, 4]


def test_plan_warns_of_a_grid_that_cannot_tell_n_from_d(scalelab: Run) -> None:
    ran = scalelab("plan", "--preset", "smoke", "--set", "budgets.tokens_per_param=[20]")
    assert ran.code == 0
    assert "warning:" in ran.out
    assert "not identifiable" in ran.out.replace("\n  ", " ")


@pytest.mark.parametrize(("arguments", "words"), [
    (["--preset", "smok"], "did you mean smoke?"),
    (["--set", "ladder.rungs"], "key=value"),
    (["--set", "ladder.rung=5"], "ladder.rung"),
    (["--device", "tpu"], "tpu"),
    (["--device", "cuda:99"], "cuda:99"),
    (["--slots", "0"], "hardware.slots"),
    (["--slots", "x"], "not a valid integer"),
    (["--seed", "-1"], "seeds"),
    (["--preset", "/nowhere/x.toml"], "cannot be read"),
    (["--preset", "\x1b[2J"], "there is no preset"),
])  # fmt: skip
def test_plan_refuses_in_one_line(scalelab: Run, arguments: list[str], words: str) -> None:
    ran = scalelab("plan", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert "\x1b" not in ran.err


def test_presets_are_listed_shown_and_checked(scalelab: Run, tmp_path: Path) -> None:
    listed = scalelab("presets").out
    assert {line.split()[0] for line in listed.splitlines()} >= {"tiny", "smoke", "laptop", "gpu"}
    assert {each["name"] for each in document(scalelab("presets", "list", "--json"))["presets"]} >= {"tiny", "gpu"}
    mine = tmp_path / "mine.toml"
    mine.write_text(scalelab("presets", "show", "smoke").out)
    assert scalelab("presets", "check", str(mine)).out.startswith(f"{mine} is good: 3 rungs, 9 points")
    changed = scalelab("presets", "show", "smoke", "--set", "ladder.shapes=[16x1,32x1]").out
    assert '"16x1"' in changed
    assert document(scalelab("presets", "show", "smoke", "--json"))["preset"]["name"] == "smoke"


def test_devices_end_with_the_cpu(scalelab: Run) -> None:
    assert scalelab("devices").out.splitlines()[-1].startswith("cpu")
    assert document(scalelab("devices", "--json"))["devices"][-1]["name"] == "cpu"


# fit and predict


def test_fit_of_a_csv(scalelab: Run, table: Path) -> None:
    ran = scalelab("fit", str(table))
    assert ran.code == 0
    assert "16 runs" in ran.out
    assert "▸" in ran.out
    assert "⣀" in ran.out or "⠤" in ran.out
    assert "⠒" not in scalelab("fit", str(table), "--no-plot").out


def test_fit_of_a_lab_leaves_the_diverged_run_out_by_name(scalelab: Run, finished: Path) -> None:
    told = document(scalelab("fit", str(finished), "--json"))
    assert told["schema"] == "scalelab.report/1"
    assert len(told["runs"]) == 8
    assert told["runs"][0]["rung"] == "12x1"
    assert told["assessment"]["excluded"] == [
        {"run": "24x1-D80k-s0", "reason": "diverged: the loss is NaN at step 312", "line": None}
    ]
    assert "24x1-D80k-s0: diverged" in scalelab("fit", str(finished), "--no-plot").out


def test_fit_takes_the_laws_that_were_named(scalelab: Run, table: Path) -> None:
    told = document(scalelab("fit", str(table), "--law", "chinchilla", "--objective", "hoffmann", "--json"))
    assert [(fit["law"], fit["objective"]) for fit in told["assessment"]["fits"]] == [("chinchilla", "hoffmann")]


def test_fit_reads_other_headings(scalelab: Run, table: Path, tmp_path: Path) -> None:
    rows = list(csv.reader(table.open()))
    odd = tmp_path / "odd.csv"
    odd.write_text("big,seen,nats,kind\n" + "\n".join(",".join([*row, "a"]) for row in rows[1:]) + "\n1,1,9,b\n")
    columns = ("--column", "n_params=big", "--column", "n_tokens=seen", "--column", "loss=nats", "--where", "kind=a")
    ran = scalelab("fit", str(odd), *columns, "--json")
    assert len(document(ran)["runs"]) == 16


@pytest.mark.parametrize(("arguments", "words"), [
    (["/nowhere"], "there is no lab and no file"),
    (["TABLE", "--law", "nope"], "nope"),
    (["TABLE", "--objective", "nope"], "nope"),
    (["TABLE", "--column", "x"], "NAME=VALUE"),
    (["FOLDER"], "is not a lab"),
    (["LAB", "--where", "a=b"], "for CSV files"),
    (["\x1b[2J"], "there is no lab"),
])  # fmt: skip
def test_fit_refuses_in_one_line(
    scalelab: Run, table: Path, finished: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    known = {"TABLE": str(table), "FOLDER": str(tmp_path), "LAB": str(finished)}
    ran = scalelab("fit", *(known.get(each, each) for each in arguments))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert "\x1b" not in ran.err


def test_predict_says_the_loss_and_how_sure(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--params", "500k", "--tokens", "10M", "--json"))
    there = told["prediction"]
    assert there["low"] < there["loss"] < there["high"]
    assert there["loss"] == pytest.approx(1.2 + (40 / 5e5**0.45 + 900 / 1e7**0.52) ** 0.8, rel=0.02)
    assert there["perplexity"] == pytest.approx(math.exp(there["loss"]))
    assert told["flops"] == pytest.approx(6 * 5e5 * 1e7)
    ran = scalelab("predict", str(table), "--params", "500k", "--tokens", "10M")
    assert f"loss        {there['loss']:.3f} [" in ran.out


def test_predict_finds_the_best_split_of_a_budget(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--compute", "1e14", "--json"))
    there = told["prediction"]
    assert 6 * there["n_params"] * there["n_tokens"] == pytest.approx(1e14, rel=1e-6)
    assert told["optimal_split"] and told["interior"]


def test_predict_from_a_measured_run(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--params", "20k", "--tokens", "1.2M", "--from", "20k,1.2M,2.5",
                             "--json"))
    assert told["prediction"]["loss"] == pytest.approx(2.5)
    assert told["from"] == {"n_params": 20e3, "n_tokens": 1.2e6, "loss": 2.5}


def test_predict_warns_far_beyond_the_runs(scalelab: Run, table: Path) -> None:
    ran = scalelab("predict", str(table), "--compute", "1e20")
    assert "is a guess" in ran.out
    assert "is a guess" not in scalelab("predict", str(table), "--params", "500k", "--tokens", "10M").out


def test_predict_from_a_lab_needs_no_new_fit(scalelab: Run, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("scalelab.laws.assess", refuse)
    assert scalelab("predict", str(finished), "--params", "100k", "--tokens", "1M").code == 0


@pytest.mark.parametrize(("arguments", "words"), [
    ([], "predict what?"),
    (["--params", "1M"], "predict what?"),
    (["--params", "1M", "--tokens", "1M", "--compute", "1e15"], "both given"),
    (["--compute", "1e15", "--from", "1,1,1"], "--from needs"),
    (["--params", "-5", "--tokens", "1M"], "--params"),
    (["--params", "nan", "--tokens", "1M"], "--params"),
    (["--compute", "0"], "--compute"),
    (["--params", "1M", "--tokens", "1M", "--from", "1,2"], "N,D,LOSS"),
    (["--params", "1M", "--tokens", "1M", "--law", "nope"], "nope"),
])  # fmt: skip
def test_predict_refuses_in_one_line(scalelab: Run, table: Path, arguments: list[str], words: str) -> None:
    ran = scalelab("predict", str(table), *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err


@pytest.mark.parametrize("size", ["1e-5", "1e12", "1e300"])
def test_predict_survives_any_size(scalelab: Run, table: Path, size: str) -> None:
    for asked in (["--params", size, "--tokens", size], ["--compute", size]):
        assert scalelab("predict", str(table), *asked).code == 0
        document(scalelab("predict", str(table), *asked, "--json"))


# labs


def test_status_of_a_finished_lab(scalelab: Run, finished: Path) -> None:
    ran = scalelab("status", str(finished))
    assert ran.code == 0
    assert "8 of 9 points" in ran.out
    assert "nobody trains it now" in ran.out
    told = document(scalelab("status", str(finished), "--json"))
    assert told["states"] == {"done": 11, "diverged": 1}
    assert told["pid"] is None
    assert {run["state"] for run in told["runs"]} == {"done", "diverged"}


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


@pytest.mark.parametrize("arguments", [["-o", "/nowhere/at/all.csv"], ["--json", "--format", "csv"],
                                       ["--table", "nope"], ["--format", "xls"]])
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

    def fake(folder: str, run: str, prompt: str, **options: object) -> control.Sample:
        said.update(options, run=run)
        return control.Sample(run=run, prompt=prompt, text="one\n\x1b[2Jtwo", ids=(1, 2))

    monkeypatch.setattr(control, "sample", fake)
    ran = scalelab("sample", str(finished), "--prompt", "go ", "--tokens", "7")
    assert ran.out == "go one\n\\x1b[2Jtwo\n"
    assert said["run"] == "48x1-D160k-s0"
    assert said["n"] == 7
    assert document(scalelab("sample", str(finished), "--json"))["ids"] == [1, 2]


# run


@pytest.mark.parametrize(("arguments", "words"), [
    (["--fresh", "--lab", "x"], "both given"),
    (["--preset", "nope"], "there is no preset"),
    (["--lab", "LAB", "--set", "seeds=[3]"], "has a preset of its own"),
    (["--lab", "LAB", "--slots", "0"], "hardware.slots"),
    (["--lab", "LAB", "--preset", "tiny"], "was made with"),
    (["--preset", "smoke", "--lab", "FILE"], "is not a folder"),
    (["--preset", "smoke", "--lab", "\0"], "allowed: a folder"),
])  # fmt: skip
def test_run_refuses_in_one_line_and_writes_nothing(
    scalelab: Run, finished: Path, tmp_path: Path, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    known = {"LAB": str(finished), "FILE": "file"}
    ran = scalelab("run", *(known.get(each, each) for each in arguments))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


class Trained:
    """Stands for `control.start`: finishes a simulated lab under the eyes of the hooks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, failed: int = 0, interrupted: bool = False) -> None:
        from scalelab.lab import control

        self.failed, self.interrupted = failed, interrupted
        self.presets: list[object] = []
        monkeypatch.setattr(control, "start", self)

    def __call__(self, preset: object, folder: Path, *, hooks: object) -> object:
        from scalelab.lab import control
        from scalelab.store.reader import Reader
        from tests.simulated import SimulatedLab

        self.presets.append(preset)
        lab = SimulatedLab(folder)
        hooks.on_plan(lab.plan)  # type: ignore[attr-defined]
        hooks.on_event("tokens", "5 tokens")  # type: ignore[attr-defined]
        lab.finish_all()
        with Reader(folder / "lab.db") as reader:
            hooks.on_tick(reader)  # type: ignore[attr-defined]
        lab.close()
        return control.Summary(total=12, done=12 - self.failed, failed=self.failed, diverged=0,
                               left=3 if self.interrupted else 0, seconds=1.0, interrupted=self.interrupted)


def test_run_ends_with_the_report_on_stdout_and_talk_on_stderr(
    scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trained(monkeypatch)
    monkeypatch.chdir(tmp_path)
    ran = scalelab("run", "--preset", "smoke")
    assert ran.code == 0
    assert (tmp_path / "labs" / "smoke" / "lab.db").exists()
    assert "P = k · N^α · D^β" in ran.out
    assert "9 points in about" in ran.err
    assert "P = k" not in ran.err


def test_run_json_is_the_report_with_a_summary(
    scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trained(monkeypatch)
    told = document(scalelab("run", "--preset", "smoke", "--lab", str(tmp_path / "x"), "--json"))
    assert told["schema"] == "scalelab.report/1"
    assert told["summary"]["done"] == 12
    assert len(told["runs"]) == 9


def test_run_fresh_takes_the_next_free_name(scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Trained(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        assert scalelab("run", "--preset", "smoke", "--fresh", "--json").code == 0
    assert sorted(path.name for path in (tmp_path / "labs").iterdir()) == ["smoke", "smoke-2", "smoke-3"]


def test_run_with_failed_runs_reports_and_is_1(
    scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trained(monkeypatch, failed=2)
    ran = scalelab("run", "--preset", "smoke", "--lab", str(tmp_path / "x"))
    assert ran.code == 1
    assert "P = k" in ran.out
    assert "2 of 12 runs failed" in ran.err


def test_run_interrupted_is_130_and_says_how_to_go_on(
    scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trained(monkeypatch, interrupted=True)
    ran = scalelab("run", "--preset", "smoke", "--lab", str(tmp_path / "x"))
    assert (ran.code, ran.out) == (130, "")
    assert "the same command goes on" in ran.err


def test_run_of_a_lab_takes_its_own_preset_on_another_device(
    scalelab: Run, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scalelab.lab import control

    seen: list[object] = []

    def refuse(preset: object, folder: Path, **_: object) -> None:
        seen.append(preset)
        raise ScalelabError("enough")

    monkeypatch.setattr(control, "start", refuse)
    scalelab("run", "--lab", str(finished))
    scalelab("run", "--lab", str(finished), "--slots", "7")
    assert seen[0] is None
    assert seen[1].hardware.slots == 7  # type: ignore[attr-defined]
    assert seen[1].name == "smoke"  # type: ignore[attr-defined]


def test_run_detached_says_where_to_look(scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scalelab.lab import control

    monkeypatch.setattr(control, "start_detached", lambda *_, **__: 4242)
    monkeypatch.chdir(tmp_path)
    ran = scalelab("run", "--preset", "smoke", "--detach")
    assert ran.code == 0
    assert "process 4242" in ran.out
    assert "scalelab status labs/smoke" in ran.out
    assert document(scalelab("run", "--preset", "smoke", "--detach", "--json"))["pid"] == 4242
