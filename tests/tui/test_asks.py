"""What is asked of a lab from the app: a run again, a larger lab with its cost first, text from trained runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scalelab.errors import ScalelabError
from scalelab.lab import control, lock
from scalelab.lab.control import Extension, Sample
from scalelab.records import Evaluation, RunState
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from scalelab.tui.screens.confirm import Confirm
from scalelab.tui.screens.grow import GrowScreen
from scalelab.tui.screens.problem import Problem
from scalelab.tui.screens.text import TextScreen
from scalelab.tui.snapshot import Watch
from scalelab.tui.table import Table
from scalelab.tui.views import writing
from scalelab.tui.views.growing import Growing, cost_words, lines
from scalelab.tui.views.sheet import Sheet
from tests.tui.conftest import FAILED
from tests.tui.screens import app, settle, text, until

TRUNK = "80x1-trunk-s0"


def asked(lab: Path) -> list[tuple[str, dict[str, Any]]]:
    with Reader(lab / "lab.db") as reader:
        return [(each.verb, each.args) for each in reader.requests()]


def growing_of(lab: Path) -> Growing:
    with Watch(lab) as watch:
        shot = watch.poll()
    assert shot is not None
    return Growing(shot=shot)


def finish(lab: Path, run: str) -> None:
    """A point of a lab ends well."""
    with Reader(lab / "lab.db") as reader:
        spec = next(row.spec for row in reader.runs() if row.run == run)
    with Writer(lab / "lab.db") as writer:
        writer.write([Evaluation(
            run=run, attempt=1, step=spec.n_steps, n_tokens=spec.n_tokens, flops=spec.flops, loss=3.0, loss_se=0.004,
            accuracy=0.31, bits_per_byte=1.8, evaluated_tokens=65_536, final=True,
        )])  # fmt: skip
        writer.set_state(run, 1, RunState.DONE)


def test_a_failed_run_is_tried_again_without_a_question(training: Path) -> None:
    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            made.screen.query_one(Table).go(FAILED)
            await pilot.press("r")
            await until(pilot, lambda: f"{FAILED} is tried again, by process" in text(made))

    asyncio.run(see())
    assert asked(training) == [("retry", {"runs": [FAILED], "rate": None})]


@pytest.mark.parametrize(("downs", "rate"), [(0, "no"), (1, 0.5), (2, None)])
def test_of_a_diverged_run_it_is_asked_first_and_at_what_rate(training: Path, downs: int, rate: object) -> None:
    with Writer(training / "lab.db") as writer:
        writer.set_state(FAILED, 2, RunState.DIVERGED, "the loss is NaN at step 312")

    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            made.screen.query_one(Table).go(FAILED)
            await pilot.press("r")
            await until(pilot, lambda: isinstance(made.screen, Confirm))
            await pilot.press(*["j"] * downs, "enter")
            await until(pilot, lambda: (len(asked(training)) == 1) == (downs > 0))

    asyncio.run(see())
    assert [args["rate"] for _, args in asked(training)] == ([rate] if downs else [])


def test_a_run_that_ended_well_is_not_tried_again(training: Path) -> None:
    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            await pilot.press("G", "k", "k", "k", "r")
            await settle(pilot)
            assert "only what failed, diverged or was stopped" in text(made)

    asyncio.run(see())
    assert asked(training) == []


def test_what_cannot_be_done_is_told_in_a_window(training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise ScalelabError("the disk is full", todo="make room")

    monkeypatch.setattr(control, "retry", refuse)

    async def see() -> None:
        async with app(training) as (made, pilot):
            made.screen.query_one(Table).go(FAILED)
            await pilot.press("r")
            await until(pilot, lambda: isinstance(made.screen, Problem))
            await settle(pilot)
            assert "the disk is full" in text(made) and "make room" in text(made)

    asyncio.run(see())


def test_growing_shows_its_cost_before_anything_begins(recorded: Path) -> None:
    async def see() -> None:
        async with app(recorded) as (made, pilot):
            await pilot.press("E")
            await until(pilot, lambda: isinstance(made.screen, GrowScreen))
            await pilot.press("l", "j", "l")
            await settle(pilot)
            assert "10 more points" in text(made)
            assert made.screen.copied() == (  # type: ignore[attr-defined]
                "scalelab extend labs/tiny --budgets 2.4M --shapes 160x2 --detach"
            )
            await pilot.press("escape")
            await settle(pilot)
            assert not isinstance(made.screen, GrowScreen)

    asyncio.run(see())


def test_growing_asks_the_lab_and_trains_what_is_added(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []

    def extend(folder: Path, **more: Any) -> Extension:
        done.append((folder, more))
        return Extension(runs=("a", "b"), trunks=(), flops=1e12, seconds=90.0, notes=("a note",))

    monkeypatch.setattr(control, "extend", extend)
    monkeypatch.setattr(control, "resume", lambda folder: done.append(folder) or 4242)

    async def see() -> None:
        async with app(recorded, size=(120, 40)) as (made, pilot):
            await pilot.press("E", "s")
            await settle(pilot)
            assert "nothing is added yet" in text(made)
            await pilot.press("j", "j", "l", "s")
            await until(pilot, lambda: "2 more runs, about 1m30, by process 4242. a note" in text(made))

    asyncio.run(see())
    assert done == [(recorded, {"budgets": [], "shapes": [], "seeds": 2}), recorded]


def test_a_lab_that_is_trained_shows_the_cost_and_does_not_grow(training: Path) -> None:
    async def see() -> None:
        async with app(training, size=(120, 40)) as (made, pilot):
            await pilot.press("E", "l", "s")
            await settle(pilot)
            assert "5 more points" in text(made) and "stop it first (b, then S)" in text(made)
            assert isinstance(made.screen, GrowScreen)

    asyncio.run(see())


def test_what_is_added_follows_the_lab_and_keeps_what_was_typed(recorded: Path) -> None:
    held = lock.acquire(recorded / "lock")

    async def see() -> None:
        async with app(recorded, size=(120, 40)) as (made, pilot):
            await pilot.press("E")
            await settle(pilot)
            assert "14 of its points are finished" in text(made) and "stop it first (b, then S)" in text(made)
            assert "s start" not in text(made).splitlines()[-1]
            await pilot.press("enter", "3", "M")
            finish(recorded, "80x1-D150k-s0")
            held.release()
            await until(pilot, lambda: "15 of its points are finished" in text(made))
            await until(pilot, lambda: "s start" in text(made).splitlines()[-1])
            assert "5 more points" in text(made) and "stop" not in text(made)
            await pilot.press("0")
            await settle(pilot)
            assert made.screen.query_one(Sheet).editing and "--budgets 3M0" in text(made)

    asyncio.run(see())


def test_what_is_added_is_what_extend_adds(recorded: Path) -> None:
    now = growing_of(recorded).put("budgets", "2.4M").put("seeds", "2")
    assert now.more is not None
    told = control.extend(recorded, **now.asked)  # type: ignore[arg-type]
    assert tuple(spec.run for spec in now.more.new) == told.runs
    assert tuple(spec.run for spec in now.more.longer) == told.trunks
    assert now.flops == pytest.approx(told.flops, rel=0.35)  # trunks go on from their last checkpoints on the disk
    assert now.seconds > 0


@pytest.mark.parametrize(
    ("key", "words", "told"),
    [
        ("budgets", "600k", "is in the lab"),
        ("budgets", "soon", "soon"),
        ("shapes", "12x1", "12x1 is in the lab"),
        ("shapes", "\x1b[2J", "\\x1b[2J"),
        ("seeds", "x", "a whole number"),
        ("seeds", "0", "more than the 1"),
    ],
)
def test_what_cannot_be_added_is_told_beside_its_field(recorded: Path, key: str, words: str, told: str) -> None:
    now = growing_of(recorded).put(key, words)
    assert now.more is None
    assert told in now.problem and "\x1b" not in now.problem
    assert cost_words(now) == "not to be planned so"
    assert lines(now, 60)


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


def test_of_runs_of_elsewhere_nothing_is_offered_that_needs_their_trainer(imported: Path) -> None:
    async def see() -> None:
        async with app(imported, size=(120, 40)) as (made, pilot):
            offered = set()
            for digit in "25":
                await pilot.press(digit)
                await settle(pilot)
                offered |= {key.id for key in made.screen.offered()}  # type: ignore[attr-defined]
            assert {"runs.pin", "predict.edit"} <= offered
            assert not offered & {"runs.text", "predict.text", "runs.retry", "lab.extend", "lab.go_on", "lab.stop"}

    asyncio.run(see())
