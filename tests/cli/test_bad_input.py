"""What is refused from the command line: one line that names field and value, exit code 2, nothing written.

Corpora, tables and questions have their own tests beside their readers; here is what reaches a verb as it was typed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

Run = Callable[..., Ran]

_HOSTILE = ("../../x", "/nowhere/x", "a\nb", "x" * 300, "-rf", "\U0001f600", "\x1b[31m", "\x1b]0;title\x07", "a\0b")
_VERBS = {
    "attach": [], "compare": [], "doctor": [], "evaluate": ["--models", "gpt2"], "export": [],
    "extend": ["--budgets", "1M"], "fit": [], "predict": ["--params", "1M", "--tokens", "20M"], "replay": [],
    "report": [], "resume": [], "rm": [], "sample": [], "status": [], "stop": [],
}  # fmt: skip


@pytest.fixture
def refused(scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Types a command in an empty folder; its one line, after a look at what it left."""
    monkeypatch.setenv("SCALELAB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def typed(*arguments: str, made: tuple[str, ...] = ()) -> str:
        ran = scalelab(*arguments)
        (line,) = ran.err.splitlines()
        assert line.startswith("scalelab: ") and line.isprintable(), line
        assert ran.out == "" and "Traceback" not in line and "a mistake in scalelab" not in line
        assert ran.code == 2, line
        assert sorted(os.listdir(folder)) == sorted(made), "something was written"
        return line

    return typed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xfename = 'a'", "is not UTF-8"),
        (b"# " + b"x" * 2_000_000, "at most 1000000"),
        (b"[ladder\n", "is not TOML"),
        (b"[ladder]\nshapes = null\n", "is not TOML"),
        (b"name = 'a'\nlader = 3\n", "ladder"),
        (b"name = 'a\\u0000b'\n", "name is"),
    ],
)
def test_a_preset_that_is_none(refused: Callable[..., str], content: bytes, words: str) -> None:
    Path("mine.toml").write_bytes(content)
    assert words in refused("run", "--preset", "mine.toml", "--lab", "lab", made=("mine.toml",))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("ladder.shapes", f'["{shape}"]') for shape in ("0x1", "-1x1", "1.5x1", "1e9x1", "8x0", "8x1e9", "x", "8")),
        ("ladder.shapes", "[]"), ("ladder.shapes", '["16x1", "16x1"]'),
        *(("budgets.tokens", f"[{size}]") for size in ("0", "-1", "nan", "inf", '"nan"', '"x"')),
        ("budgets.tokens", "[]"),
        *(("learning_rate.scale", rate) for rate in ("0", "-1", "nan", "inf")),
        *(("batch.sequences", size) for size in ("0", "-1", "1.5", "nan")),
        *(("hardware.slots", slots) for slots in ("0", "-1", "1000")),
        ("model.context", "131073"), ("model.context", "0"), ("model.context", '"a"'),
        ("schedule.warmup_steps", "-1"), ("schedule.cooldown", "1"), ("optimizer.beta1", "1"),
        ("evaluation.tokens", "0"), ("corpus.held_out", "0"), ("corpus.vocab_size", "1"), ("corpus.source", '""'),
        ("seeds", "[]"), ("seeds", "[-1]"), ("hardware.device", '""'), ("ladder", "3"), ("no.such", "1"),
        *(("name", f'"{name}"') for name in ("../../x", "/abs", "a\\u0000", "a\\nb", "x" * 300, "-rf", "")),
        *(("groups", f'[{{name = "{name}"}}]') for name in ("../x", "-rf", "A", "a\\u001b[31m", "\U0001f600")),
    ],
)  # fmt: skip
def test_a_field_is_named_with_its_value(refused: Callable[..., str], field: str, value: str) -> None:
    line = refused("run", "--preset", "smoke", "--set", f"{field}={value}", "--lab", "lab")
    assert field.split(".")[0] in line or "shape" in line


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (['ladder.shapes=["65x2"]'], "65 is not divisible"),
        (["model.head_dim=7", 'ladder.shapes=["64x2"]'], "64 is not divisible"),
        (["model.context=131072"], "under one batch"),
        (["budgets.tokens=[100]"], "under one batch"),
        (["schedule.warmup_steps=100000"], "warm"),
        (['hardware.device="cuda:99"'], "cuda:99"),
        (['hardware.device="tpu"'], "tpu"),
        (["budgets.tokens=[50000, 50000]"], "twice"),
        (["seeds=[1, 1]"], "twice"),
    ],
)
def test_fields_that_do_not_go_together(refused: Callable[..., str], settings: list[str], words: str) -> None:
    chosen = [word for each in settings for word in ("--set", each)]
    assert words in refused("run", "--preset", "smoke", *chosen, "--lab", "lab")


@pytest.mark.parametrize("verb", _VERBS)
@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_name_of_a_lab_is_refused_by_every_verb(refused: Callable[..., str], verb: str, name: str) -> None:
    refused(verb, *_VERBS[verb], "--", name)


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_name_of_a_run_and_of_a_preset_is_refused(refused: Callable[..., str], name: str) -> None:
    refused("retry", "--", "lab", name)
    refused("presets", "show", "--", name)
    refused("run", f"--preset={name}", "--lab", "lab")


@pytest.mark.parametrize(
    "source", ["/dev/zero", "/dev/urandom", "./fifo", "./empty.txt", "./one.txt", "./bin.txt", "."]
)
def test_a_corpus_that_is_no_text(refused: Callable[..., str], source: str) -> None:
    os.mkfifo("fifo")
    Path("empty.txt").touch()
    Path("one.txt").write_text("a")
    Path("bin.txt").write_bytes(bytes(range(256)) * 400)
    made = ("fifo", "empty.txt", "one.txt", "bin.txt")
    refused("run", "--preset", "smoke", "--set", f'corpus.source="{source}"', "--lab", "lab", made=made)
