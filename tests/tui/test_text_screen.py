"""Text that trained runs write, asked for from the app: what is chosen, who writes, and how it stands there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scalelab.errors import ScalelabError
from scalelab.lab import control
from scalelab.lab.control import Sample
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.tui.screens.text import TextScreen
from scalelab.tui.table import Table
from scalelab.tui.views import writing
from scalelab.tui.views.sheet import Sheet
from tests.tui.screens import app, settle, text, until


def wrote(texts: list[str]) -> type:
    """A scribe that writes at once and keeps what it was asked."""

    class Told:
        def __init__(self, folder: Path) -> None:
            self.folder = folder

        def write(self, run: str, prompt: str, **how: Any) -> Sample:
            texts.append(f"{run} {prompt!r} {how['n']} {how['temperature']} {how['seed']}")
            if run == "12x1-D1.2M-s0":
                raise ScalelabError("a \x1b[31m model \u202e is gone")
            return Sample(run=run, prompt=prompt, text=f"union of {run} \x1b[2J\u202e[/b]\nand its people", ids=(1, 2))

        def end(self) -> None:
            texts.append("ended")

        close = end

    return Told


@pytest.fixture
def able(recorded: Path) -> Path:
    """The recorded lab with models of its finished runs on the disk."""
    with Reader(recorded / "lab.db") as reader:
        for row in reader.runs():
            if row.state is RunState.DONE:
                (recorded / "runs" / row.run / "model").mkdir(parents=True)
    return recorded


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_texts_stand_side_by_side_where_there_is_room(
    able: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    monkeypatch.setattr(control, "Scribe", wrote(texts))

    async def see() -> None:
        async with app(able, size=size) as (made, pilot):
            await pilot.press("5", "t")
            await until(pilot, lambda: isinstance(made.screen, TextScreen))
            await pilot.press("s")
            await until(pilot, lambda: text(made).count("union of") == 1 and "not written" in text(made))
            shown = text(made)
            assert not set(shown) & {"\x1b", "\u202e"} and r"\x1b[2J" in shown
            beside = any("N 8.0" in line and line.count("N ") == 2 for line in shown.splitlines())
            assert beside == (size[0] >= 100)

    asyncio.run(see())
    assert len([each for each in texts if each != "ended"]) == 2


def test_runs_that_can_write_by_now_do(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "Scribe", wrote([]))

    async def see() -> None:
        async with app(recorded, size=(120, 40)) as (made, pilot):
            await pilot.press("t")
            await until(pilot, lambda: isinstance(made.screen, TextScreen))
            await settle(pilot)
            assert "s begins" not in text(made) and "not on this disk" in text(made)
            await pilot.press("s")
            await settle(pilot)
            assert "no run can write yet" in text(made)
            with Reader(recorded / "lab.db") as reader:
                for row in reader.runs():
                    if row.state is RunState.DONE:
                        (recorded / "runs" / row.run / "model").mkdir(parents=True)
            await pilot.press("s")
            await until(pilot, lambda: "s begins" in text(made) and "union of" in text(made))

    asyncio.run(see())


def test_the_run_under_the_cursor_writes_after_the_prompt_that_is_typed(
    able: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    monkeypatch.setattr(control, "Scribe", wrote(texts))

    async def see() -> None:
        async with app(able, size=(120, 40)) as (made, pilot):
            made.screen.query_one(Table).go("20x1-D300k-s0")
            await pilot.press("t")
            await until(pilot, lambda: isinstance(made.screen, TextScreen))
            made.screen.query_one(Sheet).go("second")
            await pilot.press("h")
            made.screen.query_one(Sheet).go("prompt")
            await pilot.press("enter", *["backspace"] * 4, *"Sir", "enter")
            made.screen.query_one(Sheet).go("tokens")
            await pilot.press("enter", *["backspace"] * 3, "x", "enter", "s")
            await settle(pilot)
            assert "tokens is 'x'" in text(made) and texts == []
            await pilot.press("enter", "backspace", "7", "enter", "s")
            await until(pilot, lambda: "union of 20x1-D300k-s0" in text(made))
            await pilot.press("s", "n")
            await until(pilot, lambda: len(texts) == 2)
            await until(pilot, lambda: "union of 20x1-D300k-s0" in text(made))
            await pilot.press("y")
            await settle(pilot)
            assert made.clipboard.startswith("20x1-D300k-s0:\nSirunion of")

    asyncio.run(see())
    # What is there is not written again; n takes the next seed.
    assert [each for each in texts if each != "ended"] == ["20x1-D300k-s0 'Sir' 7 0.8 0", "20x1-D300k-s0 'Sir' 7 0.8 1"]


def test_without_a_model_it_says_why_nobody_writes(recorded: Path) -> None:
    async def see() -> None:
        async with app(recorded) as (made, pilot):
            await pilot.press("t", "s")
            await settle(pilot)
            assert "are not on this disk" in " ".join(text(made).split())

    asyncio.run(see())


def test_a_prompt_may_be_nothing_and_numbers_have_their_ranges() -> None:
    begun = writing.Writing(runs=("a",), texts={"first": "a"})
    (ask,) = begun.put("prompt", "").asks()
    assert ask.prompt == ""
    for key, word in (("tokens", "0"), ("tokens", "99999"), ("temperature", "nan"), ("seed", "-1"), ("seed", "1e3")):
        assert key in begun.put(key, word).problems
    assert begun.put("tokens", "0").put("tokens", "").problems == {}


def test_a_trained_run_really_writes_twice_by_one_worker_and_the_app_loads_no_trainer(tmp_path: Path) -> None:
    """A lab trained here, its text shown by the app; torch stays in the worker."""
    from tests.tui.test_process import environment, write_text

    write_text(tmp_path / "text.txt")
    corpus = ["--set", "corpus.source=text.txt", "--set", "corpus.tokenizer=bytes", "--set", "evaluation.tokens=1024"]
    small = ["--set", "ladder.shapes=16x1", "--set", "budgets.tokens=40k", "--lab", "lab"]
    made = subprocess.run(
        [sys.executable, "-m", "scalelab", "run", "--preset", "smoke", *small, *corpus], cwd=tmp_path,
        env=environment(tmp_path), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    code = """
import asyncio, multiprocessing, sys
from multiprocessing import forkserver
from pathlib import Path
from scalelab.tui.app import LabApp, Opening
from tests.tui.screens import text, until
async def look():
    app = LabApp(Opening(lab=Path("lab")))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: getattr(app.screen, "snapshot", None) is not None)
        await pilot.press("t")
        workers = set()
        for key in "sn":
            await pilot.press(key)
            # Not for the word that says so: a worker that has torch may have written before anybody looks.
            for _ in range(3000):
                await pilot.pause(0.05)
                if app.screen._asked and all(ask in app.screen._texts for ask in app.screen._asked): break
            print(text(app))
            workers.update(child.pid for child in multiprocessing.active_children())
        print(len(workers), "worker")
        await pilot.press("escape", "b")
        await until(pilot, lambda: not multiprocessing.active_children())
        while forkserver._forkserver._forkserver_pid:
            await pilot.pause(0.05)
asyncio.run(look())
heavy = ("torch", "transformers", "datasets", "scipy", "tokenizers")
print(sorted(name for name in sys.modules if name in heavy))
"""
    root = str(Path(__file__).parents[2])
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**environment(tmp_path), "PYTHONPATH": root},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert said.stdout.splitlines()[-1:] == ["[]"], said.stderr[-2000:]
    assert "not written" not in said.stdout and said.stdout.count("\n The ") == 2
    # One worker wrote both; nothing of it is left once the lab is left.
    assert "\n1 worker\n" in said.stdout
