"""What is asked of a lab from the app: a run again, a larger lab with its cost first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from scalelab.errors import ScalelabError
from scalelab.lab import control, lock
from scalelab.lab.control import Extension
from scalelab.records import Evaluation, RunState
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from scalelab.tui.screens.confirm import Confirm
from scalelab.tui.screens.grow import GrowScreen
from scalelab.tui.screens.problem import Problem
from scalelab.tui.snapshot import Watch
from scalelab.tui.table import Table
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
