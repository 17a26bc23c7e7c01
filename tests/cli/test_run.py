"""`run`: its streams, exit codes and folders; the training itself is simulated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scalelab.errors import ScalelabError
from tests.cli.conftest import Ran, document

Run = Callable[..., Ran]


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
        return control.Summary(
            total=12,
            done=12 - self.failed,
            failed=self.failed,
            diverged=0,
            left=3 if self.interrupted else 0,
            seconds=1.0,
            interrupted=self.interrupted,
        )


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


def test_run_json_is_the_report_with_a_summary(scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_run_with_failed_runs_reports_and_is_1(scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize(
    ("name", "shown"),
    [("-rf", "./-rf"), ("my lab", "'my lab'"), ("🚀", "'🚀'"), ("../x", "/x"), ("\x1b[2J", "'\\x1b[2J'")],
)
def test_what_to_type_next_can_be_typed(
    scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shown: str
) -> None:
    from scalelab.lab import control

    monkeypatch.setattr(control, "start_detached", lambda *_, **__: 4242)
    monkeypatch.chdir(tmp_path)
    ran = scalelab("run", "--preset", "smoke", "--detach", f"--lab={name}")
    assert f"{shown}    how far it is" in ran.out
    assert "\x1b" not in ran.out


def test_run_detached_says_where_to_look(scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scalelab.lab import control

    monkeypatch.setattr(control, "start_detached", lambda *_, **__: 4242)
    monkeypatch.chdir(tmp_path)
    ran = scalelab("run", "--preset", "smoke", "--detach")
    assert ran.code == 0
    assert "process 4242" in ran.out
    assert "scalelab status labs/smoke" in ran.out
    assert document(scalelab("run", "--preset", "smoke", "--detach", "--json"))["pid"] == 4242


def test_the_end_of_a_run_says_what_fit_says(scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Trained(monkeypatch)
    monkeypatch.chdir(tmp_path)
    ran, fitted = scalelab("run", "--preset", "smoke"), scalelab("fit", "labs/smoke")
    assert ran.out.strip() == fitted.out.strip()
    for words in ("What is odd about the runs", "How the best N and D", "Predictions: ", "scalelab fit labs/smoke"):
        assert words in ran.out, words
    Trained(monkeypatch)
    told = document(scalelab("run", "--preset", "smoke", "--lab", "other", "--json"))
    assert told["card"]["shell"].startswith("scalelab fit other ")
    assert told["predictions"]["by"] in told["predictions"]["statement"]
