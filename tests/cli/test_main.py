"""The door: verbs, exit codes, one line for every error, JSON where it was asked for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scalelab import __version__
from scalelab.cli import main as door
from tests.cli.conftest import Ran, spawn

Run = Callable[..., Ran]


@pytest.mark.parametrize(
    ("arguments", "serves"),
    [
        ([], "`scalelab run`"),
        (["--preset", "smoke"], "`scalelab plan --preset smoke`"),
        (["attach", "LAB"], "`scalelab status LAB`"),
        (["LAB"], "`scalelab status LAB`"),
    ],
)
def test_without_a_terminal_the_app_names_the_command_that_serves(
    scalelab: Run, finished: Path, arguments: list[str], serves: str
) -> None:
    ran = scalelab(*(word.replace("LAB", str(finished)) for word in arguments))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert serves.replace("LAB", str(finished)) in ran.err


def test_a_path_is_a_lab_or_none(scalelab: Run) -> None:
    ran = scalelab("labs/nowhere")
    assert ran.code == 2
    assert "there is no lab at labs/nowhere" in ran.err


def test_who_names_no_lab_is_told_which_there_are(
    scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no lab was named: `scalelab run` makes one" in scalelab("attach").err
    for name in ("b", "a"):
        (tmp_path / "labs" / name).mkdir(parents=True)
        (tmp_path / "labs" / name / "lab.db").touch()
    ran = scalelab("status")
    assert (ran.code, ran.err) == (2, "scalelab: no lab was named (allowed: labs/a, labs/b)\n")


def test_options_of_the_app_have_no_meaning_before_a_verb(scalelab: Run) -> None:
    ran = scalelab("--preset", "tiny", "presets")
    assert ran.code == 2
    assert "--preset before presets" in ran.err


def test_version(scalelab: Run) -> None:
    assert scalelab("--version").out == f"scalelab {__version__}\n"
    assert json.loads(scalelab("--version", "--json").out) == {"scalelab": __version__}


def test_help_documents_the_exit_codes(scalelab: Run) -> None:
    words = scalelab("--help").out
    assert "Exit codes:" in words
    for code in ("0 done", "1 could", "2 the input", "130"):
        assert code in words


@pytest.mark.parametrize("verb", [verb for verb in door.VERBS if verb not in {"attach", "replay", "serve"}])
def test_every_verb_has_json_and_an_example(scalelab: Run, verb: str) -> None:
    ran = scalelab(verb, "--help")
    assert ran.code == 0
    assert "--json" in ran.out
    assert re.search(rf"Examples:\n    scalelab {verb}", ran.out)


def test_unknown_verb_is_one_line_that_names_the_nearest(scalelab: Run) -> None:
    ran = scalelab("pln")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "did you mean plan?" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["pln", "--json"],
        ["plan", "--preset", "nope", "--json"],
        ["predict", "x.csv", "--json"],
        ["fit", "--json", "--no-such-option"],
    ],
)
def test_with_json_an_error_is_json(scalelab: Run, arguments: list[str]) -> None:
    ran = scalelab(*arguments)
    assert ran.code == 2
    document = json.loads(ran.out)
    assert document["schema"] == "scalelab.error/1"
    assert document["error"]["exit_code"] == 2
    assert ran.err.count("\n") == 1


def test_unknown_option_is_one_line_that_names_the_nearest(scalelab: Run) -> None:
    ran = scalelab("plan", "--pest", "tiny")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "--pest" in ran.err
    assert "Traceback" not in ran.err


def test_missing_argument_is_one_line(scalelab: Run) -> None:
    ran = scalelab("fit")
    assert ran.code == 2
    assert ran.err.count("\n") == 1


def test_interrupt_is_130_and_one_line(scalelab: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.plan.make_plan", _raise(KeyboardInterrupt()))
    ran = scalelab("plan")
    assert ran.code == 130
    assert "interrupted" in ran.err
    assert ran.err.strip().count("\n") == 0


def test_a_bug_is_one_line_and_its_traceback_is_kept(
    scalelab: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("scalelab.plan.make_plan", _raise(RuntimeError("odd \x1b[31m thing \udcff")))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = scalelab("plan")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "\x1b" not in ran.err
    kept = next(tmp_path.glob("scalelab-*.txt"))
    assert str(kept) in ran.err
    assert "RuntimeError" in kept.read_text()


def test_debug_shows_the_traceback(scalelab: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.plan.make_plan", _raise(RuntimeError("odd")))
    monkeypatch.setenv("SCALELAB_DEBUG", "1")
    assert "Traceback" in scalelab("plan").err


def test_a_full_disk_is_told_with_its_path(scalelab: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.plan.make_plan", _raise(OSError(28, "No space left on device", "/full/x")))
    ran = scalelab("plan")
    assert ran.code == 1
    assert "no space left on device: /full/x" in ran.err


def test_closed_stdout_ends_quietly(table: Path) -> None:
    for shell in ("| head -n 1", "| true"):
        ran = spawn("fit", str(table), shell=shell)
        assert (ran.returncode, ran.stderr) == (0, "")


def test_closed_stdout_ends_quietly_for_help_too() -> None:
    ran = spawn("--help", shell="| true")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_descriptors_may_be_closed_from_the_start() -> None:
    for shell in (">&-", "2>&-"):
        ran = spawn("presets", shell=shell)
        assert ran.returncode == 0
        assert "Traceback" not in ran.stderr


def test_a_terminal_without_unicode_gets_letters_instead(table: Path) -> None:
    ran = spawn("fit", str(table), PYTHONIOENCODING="ascii", LC_ALL="C")
    assert ran.returncode == 0
    assert ran.stdout.isascii()
    assert "L = E + A/N^alpha + B/D^beta" in ran.stdout
    assert "?" not in ran.stdout


def _raise(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_a_second_ctrl_c_after_the_answer_changes_neither_the_answer_nor_the_code() -> None:
    """It comes while Python takes the program apart."""
    late = "atexit.register(lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(0.1)))"
    program = f"import atexit, os, signal, sys, time; {late}; from scalelab.cli.main import main; sys.exit(main())"
    ran = subprocess.run([sys.executable, "-c", program, "--version"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"scalelab {__version__}\n", "")
