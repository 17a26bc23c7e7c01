"""Bytes that nobody chose, as names, arguments, cells, files and facts of a lab, through what the verbs print."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from scalelab.lab import lock
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.cli.conftest import Ran
from tests.reliability.tally import Tally

Run = Callable[..., Ran]

_PIECES = (
    "\x1b[31m", "\x1b]0;title\x07", "\x1b[2J", "\x9b2J", "\x00", "\x07", "\x08", "\r", "\n", "\t", "\u202e", "\u200b",
    "\ud800", "\ue000", "\U000e0001", "[red]", "[/", "%s", "{0}", "'", '"', ",", ";", "=cmd()", "-", "--", "..", "/",
    "../../x", "nan", "1e400", "0x", "é", "\U0001f600", " ", "a" * 300,
)  # fmt: skip
"""What escapes from terminals, markup, formats and paths are made of."""


def hostile(seed: int) -> Iterator[str]:
    """Random bytes, and random bytes between pieces of what is known to hurt; as a system hands them over."""
    draw = random.Random(seed)
    while True:
        noise = os.fsdecode(draw.randbytes(draw.randint(1, 30)))
        pieces = [draw.choice(_PIECES) for _ in range(draw.randint(0, 4))]
        # Half a surrogate pair, too, comes from a system as the bytes that would be it.
        yield os.fsdecode("".join(draw.sample([noise, *pieces], len(pieces) + 1)).encode("utf-8", "surrogatepass"))


def stored(text: str) -> str:
    """As a store, which holds UTF-8 alone, can have it."""
    return text.encode("utf-8", "replace").decode()


def harmless(ran: Ran) -> None:
    """Whether nothing that was printed steers a terminal, and nobody broke."""
    for text in (ran.out, ran.err):
        acts = [char for char in text if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co"}]
        assert not acts, (acts, text)
        assert "Traceback" not in text and "a mistake in scalelab" not in text, text
    assert ran.code in {0, 1, 2}, ran


_TYPED: dict[str, Callable[[str], list[str]]] = {
    "status": lambda word: ["--", word],
    "compare": lambda word: ["--", word, word + "b"],
    "compare --baseline": lambda word: ["LAB", "TWIN", f"--baseline={word}"],
    "import": lambda word: ["--lab", "made", "--", word],
    "import --lab": lambda word: ["--lab", word, "--map", f"N={word}", "runs.csv"],
    "evaluate": lambda word: ["LAB", f"--models={word}", f"--tokens={word}", "--device=none"],
    "evaluate --group": lambda word: ["LAB", "--models=here", f"--group={word}"],
    "doctor": lambda word: ["--", word],
    "replay": lambda word: [f"--speed={word}", "--", word],
    "report": lambda word: ["--", word],
    "stop": lambda word: ["--", word],
    "retry": lambda word: ["--", "LAB", word],
    "retry --rate": lambda word: [f"--rate={word}", "LAB"],
    "extend": lambda word: [f"--budgets={word}", "LAB"],
    "extend --shapes": lambda word: [f"--shapes={word}", "LAB"],
    "rm": lambda word: ["--yes", "--", word],
    "fit --where": lambda word: [f"--where={word}", "runs.csv"],
    "predict": lambda word: [f"--params={word}", f"--tokens={word}", "runs.csv"],
}


@pytest.fixture
def here(finished: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two labs and a table in it, which verbs are typed in."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("LAB", "TWIN"):
        shutil.copytree(finished, folder / name)
    shutil.copy(table, folder / "runs.csv")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SCALELAB_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.mark.parametrize("typed", _TYPED)
def test_row_00_whatever_is_typed_is_answered_without_a_control_byte(
    scalelab: Run, here: Path, tally: Tally, typed: str
) -> None:
    n = tally.repeats(200, 10_000)
    verb = typed.split()[0]
    for word in islice(hostile(len(typed)), n):
        harmless(scalelab(verb, *_TYPED[typed](word.replace("\0", ""))))  # no command line has a NUL in it
    assert {"LAB", "TWIN", "runs.csv"} <= {path.name for path in here.iterdir()}
    tally.count(0, f"control bytes and tracebacks of random bytes as an argument of `{typed}`", 0, of=n, promised="0")


def _spoil(lab: Path, words: Iterator[str]) -> None:
    """Hostile texts in all that a store and a lock say in words."""
    with Reader(lab / "lab.db") as reader:
        rows = reader.runs()
    facts = ("fit_problem", "session_problem", "stopping")
    with Writer(lab / "lab.db") as writer, writer.batch():
        for fact in facts:
            writer.set_meta(fact, stored(next(words)))
        aside = [{"device": stored(next(words)), "reason": stored(next(words)), "time": 1.0}]
        writer.set_meta("set_aside", json.dumps(aside))
        for row in rows:
            writer.set_state(row.run, row.attempt, row.state, stored(next(words)))
            writer.set_not_exact(row.run, stored(next(words)))


def test_row_00_a_lab_whose_store_and_lock_say_anything_is_shown_without_a_control_byte(
    scalelab: Run, here: Path, tally: Tally
) -> None:
    n, words = tally.repeats(2, 100), hostile(1)
    for trial in range(n):
        _spoil(here / "LAB", words)
        with lock.acquire(here / "LAB" / "lock") if trial % 2 else open(os.devnull):
            if trial % 2:
                lock.note(here / "LAB" / "lock", next(words))
            harmless(scalelab("status", "LAB"))
            harmless(scalelab("status", "LAB", "--json"))
            harmless(scalelab("compare", "LAB", "TWIN"))
        harmless(scalelab("report", "LAB", "-o", "report.html", "--force"))
        harmless(scalelab("fit", "LAB"))
    harmless(scalelab("doctor", "LAB"))
    tally.count(0, "control bytes and tracebacks of labs that say random bytes in 27 places", 0, of=n, promised="0")


def _tables(seed: int) -> Iterator[tuple[str, bytes]]:
    """Files of runs with hostile headings and cells: CSV, JSON lines, one document, and none of these."""
    draw, words = random.Random(seed), hostile(seed)
    good = ("n_params", "tokens", "loss")
    while True:
        heads = [*(draw.choice((name, name, next(words))) for name in good), next(words)]
        rows = [[draw.choice((str(draw.uniform(1, 1e9)), next(words))) for _ in heads] for _ in range(8)]
        text = io.StringIO(newline="")
        csv.writer(text).writerows([heads, *rows])
        objects = [dict(zip(heads, row, strict=True)) for row in rows]
        yield "a.csv", os.fsencode(text.getvalue().encode("utf-8", "replace"))
        yield "a.jsonl", "\n".join(map(json.dumps, objects)).encode()
        yield "a.json", json.dumps({"runs": objects}).encode()
        yield "b.csv", draw.randbytes(200)


def test_row_00_whatever_stands_in_a_table_is_refused_or_read_without_a_control_byte(
    scalelab: Run, here: Path, tally: Tally
) -> None:
    n = tally.repeats(80, 10_000)
    for number, (name, content) in enumerate(islice(_tables(3), n)):
        (here / name).write_bytes(content)
        harmless(scalelab("fit", name))
        harmless(scalelab("import", name, "--lab", f"made{number}"))
        shutil.rmtree(here / f"made{number}", ignore_errors=True)
    tally.count(0, "control bytes and tracebacks of tables with random bytes", 0, of=n, promised="0")


@pytest.mark.parametrize(
    "name", ["a/b", "../x", "/abs", "a\\\\b", "a,b", "a\\u001b[2J", "a\\u0000", "a\\nb", "a\\u202e", "b" * 10_000, " "]
)
def test_a_hostile_name_of_a_group_in_a_preset_is_refused_in_one_short_line(
    scalelab: Run, here: Path, name: str
) -> None:
    groups = f'[[groups]]\nname = "plain"\n\n[[groups]]\nname = "{name}"\naugment = ["dropout 0.1"]\n'
    (here / "mine.toml").write_text(f"{scalelab('presets', 'show', 'smoke').out}\n{groups}")
    for line in (["run", "--preset", "mine.toml", "--lab", "new"], ["plan", "--preset", "mine.toml"]):
        ran = scalelab(*line)
        harmless(ran)
        assert ran.code == 2 and "groups" in ran.err and len(ran.err.splitlines()) == 1 and len(ran.err) < 600, ran
    assert not (here / "new").exists()
