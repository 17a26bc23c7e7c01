"""What the screens see of a lab: read incrementally, told once, and nothing drawn while nothing changes."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from textual.message import Message
from textual.widget import Widget

from scalelab.figures.curves import smoothed
from scalelab.lab import control, lock
from scalelab.records import Point, RunState
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from scalelab.tui import feed, header, snapshot, views
from scalelab.tui.curves import SMOOTHINGS
from scalelab.tui.feed import Feed, LabChanged, LabUnreadable, Pace
from scalelab.tui.snapshot import Watch
from scalelab.tui.views.plan_words import plan_of
from tests.tui.screens import app, settle, until


def test_a_snapshot_has_all_that_the_store_has(recorded: Path) -> None:
    with Watch(recorded) as watch, Reader(recorded / "lab.db") as reader:
        shot = watch.poll()
        assert shot is not None
        assert (shot.name, shot.state, shot.alive, shot.seconds_left) == ("tiny", "stopped", False, None)
        assert list(shot.rows) == reader.runs()
        assert list(shot.finals) == reader.finals()
        assert list(shot.events) == reader.states()
        assert {run for run, kept in shot.evaluations.items() if kept} == {each.run for each in reader.evaluations()}
        for run, curve in shot.curves.items():
            points = reader.points(run)
            assert curve.loss.tolist() == [point.loss for point in points]
            assert curve.step.tolist() == [point.step for point in points]
            assert curve.last == points[-1]
        assert shot.assessment is not None and shot.runs is not None and shot.preset is not None
        assert [law.n_runs for law in shot.history] == [len(shot.runs.run_id) - 5, len(shot.runs.run_id)]
        assert watch.poll() is None


def test_between_the_end_of_a_run_and_the_next_fit_the_law_is_of_the_runs_that_it_is_of(training: Path) -> None:
    with Watch(training) as watch, Reader(training / "lab.db") as reader:
        before = watch.poll()
        assert before is not None and before.runs is not None and before.assessment is not None
        again = next(row.run for row in reader.runs() if row.run in before.runs.run_id)
        with Writer(training / "lab.db") as writer:
            writer.set_state(again, 2, RunState.RUNNING, "")
        after = watch.poll()
        assert after is not None and after.runs is not None and after.assessment is not None
        assert len(after.own_finals) == len(before.own_finals) - 1
        assert len(after.runs) == after.assessment.n_runs and after.runs is before.runs
    # Whoever comes at that moment cannot know which runs they were, and is told so where it matters.
    with Watch(training) as watch:
        fresh = watch.poll()
        assert fresh is not None and fresh.runs is not None and fresh.assessment is not None
        assert len(fresh.runs) == fresh.assessment.n_runs - 1


def test_a_lab_that_grows_has_its_new_plan(recorded: Path) -> None:
    with Watch(recorded) as watch:
        before = watch.poll()
        assert before is not None and before.preset is not None and before.preset.budgets.tokens is not None
        control.extend(recorded, budgets=["2.4M"])
        after = watch.poll()
        assert after is not None and after.preset is not None
        assert after.preset.budgets.tokens == [*before.preset.budgets.tokens, 2.4e6]
        plan, why = plan_of(after)
        assert plan is not None and not why and {cell.run for cell in plan.cells} <= {row.run for row in after.rows}


def test_row_13_what_a_session_waits_for_stands_in_the_header_while_it_waits(training: Path) -> None:
    owner = lock.read_owner(training / "lock")
    with Watch(training) as watch:
        shot = watch.poll()
        assert owner is not None and shot is not None and shot.waiting == ""
        law = header.law_words(shot)
        lock.note(training / "lock", "store busy: \x1b[31mdatabase is locked")
        shot = watch.poll()
        assert shot is not None and shot.alive
        assert header.law_words(shot).startswith("store busy") and "\x1b" not in header.law_words(shot)
        assert watch.poll() is None
        lock.note(training / "lock", "")
        shot = watch.poll()
        assert shot is not None and header.law_words(shot) == law


def test_only_what_is_new_is_read(training: Path) -> None:
    with Watch(training) as watch:
        before = watch.poll()
        assert before is not None and before.state == "training" and before.seconds_left
        last = before.curves["80x1-trunk-s0"].last
        with Writer(training / "lab.db") as writer:
            writer.write([replace(last, step=last.step + 10, n_tokens=last.n_tokens + 640, loss=2.25)])
        after = watch.poll()
        assert after is not None
        assert after.curves["80x1-trunk-s0"].loss[-1] == 2.25
        # A snapshot that was handed out stays as it was.
        assert len(before.curves["80x1-trunk-s0"].loss) + 1 == len(after.curves["80x1-trunk-s0"].loss)
        assert after.curves["12x1-trunk-s0"] is before.curves["12x1-trunk-s0"]
        assert after.versions.curves == before.versions.curves + 1
        assert after.versions.law == before.versions.law
        assert watch.poll() is None


def test_steps_replayed_after_a_crash_stand_once_and_time_goes_on(training: Path) -> None:
    run = "80x1-trunk-s0"
    with Watch(training) as watch:
        before = watch.poll()
        assert before is not None
        curve = before.curves[run]
        again = [
            Point(run=run, attempt=2, step=int(step), n_tokens=int(tokens), loss=1.5, lr=0.01, grad_norm=0.1,
                  tokens_per_second=1e4, seconds=number + 1.0)
            for number, (step, tokens) in enumerate(zip(curve.step[-3:], curve.n_tokens[-3:], strict=True))
        ]  # fmt: skip
        with Writer(training / "lab.db") as writer:
            writer.write(again)
        after = watch.poll()
        assert after is not None
        assert after.curves[run].step.tolist() == curve.step.tolist()
        assert after.curves[run].loss[-3:].tolist() == [1.5] * 3
        assert (np.diff(after.curves[run].seconds) > 0).all()
        assert curve.loss[-1] != 1.5


def test_a_supervisor_that_dies_is_seen_though_it_writes_nothing(recorded: Path) -> None:
    held = lock.acquire(recorded / "lock")
    with Watch(recorded) as watch:
        shot = watch.poll()
        assert shot is not None and shot.alive
        held.release()
        shot = watch.poll()
        assert shot is not None and not shot.alive and shot.state == "stopped"


def test_a_large_lab_comes_in_parts(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs at once, then a rough sight of all curves, then curve by curve; in the end what any lab would show."""
    with Watch(recorded) as watch:
        whole = watch.poll()
    assert whole is not None and whole.complete
    monkeypatch.setattr("scalelab.tui.curves.PART", 500)
    monkeypatch.setattr("scalelab.tui.curves.ROUGH", 800)
    with Watch(recorded) as watch:
        first, rough = watch.poll(), watch.poll()
        assert first is not None and not first.complete and not first.curves and first.rows == whole.rows
        assert rough is not None and not rough.complete and set(rough.curves) == set(whole.curves)
        sizes = {run: len(curve.loss) for run, curve in rough.curves.items()}
        assert all(0 < size < len(whole.curves[run].loss) for run, size in sizes.items())
        assert all(curve.last == whole.curves[run].last for run, curve in rough.curves.items())
        shot, looks = rough, 2
        while not shot.complete:
            shot = watch.poll()
            assert shot is not None
            looks += 1
        assert looks > 4 and watch.poll() is None
    for run, curve in shot.curves.items():
        for name in ("n_tokens", "flops", "seconds", "step", "loss"):
            assert getattr(curve, name).tolist() == getattr(whole.curves[run], name).tolist()
        for smooth, weight in zip(curve.smoothed, SMOOTHINGS, strict=True):
            assert smooth == pytest.approx(smoothed(curve.loss, weight), rel=1e-12)
        assert curve.last == whole.curves[run].last


def test_points_written_while_a_large_lab_is_read_stand_once(training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.tui.curves.PART", 500)
    run = "80x1-trunk-s0"
    with Watch(training) as watch, Writer(training / "lab.db") as writer, Reader(training / "lab.db") as reader:
        last = reader.latest_points()[run]
        shot, number = watch.poll(), 0
        while shot is not None and not shot.complete:
            number += 1
            writer.write([replace(last, step=last.step + number, n_tokens=last.n_tokens + number, loss=2.0)])
            shot = watch.poll()
        assert number > 3
        while (after := watch.poll()) is not None:
            shot = after
        assert shot is not None
        assert shot.curves[run].step.tolist() == [point.step for point in reader.points(run)]
        assert shot.curves[run].last.step == last.step + number


@pytest.mark.parametrize(
    ("states", "alive", "word"),
    [
        ([RunState.PLANNED], False, "waiting"),
        ([RunState.PLANNED], True, "training"),
        ([RunState.DONE, RunState.FAILED, RunState.DIVERGED], False, "finished"),
        ([RunState.DONE, RunState.PLANNED], False, "stopped"),
        ([RunState.RUNNING], False, "stopped"),
    ],
)
def test_the_state_in_a_word(recorded: Path, states: list[RunState], alive: bool, word: str) -> None:
    with Reader(recorded / "lab.db") as reader:
        row = reader.runs()[0]
    rows = tuple(replace(row, state=state, attempt=int(state is not RunState.PLANNED)) for state in states)
    assert snapshot.state_of(rows, alive) == word


def test_pace_falls_while_nothing_changes_and_rises_at_once() -> None:
    pace = Pace()
    waits = [pace.after(changed=False) for _ in range(20)]
    assert waits == sorted(waits) and waits[-1] == feed.SLOWEST
    assert pace.after(changed=True) == feed.FASTEST
    assert pace.after(changed=True, complete=False) == 0.0


def test_what_cannot_be_read_is_told_once(recorded: Path) -> None:
    told: list[Message] = []
    looks = Feed(recorded / "nowhere", told.append)
    assert [looks.look() for _ in range(5)] == [feed.SLOWEST] * 5
    assert len(told) == 1 and isinstance(told[0], LabUnreadable)


def test_a_mistake_of_ours_is_told_and_looked_at_again(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that died in silence would leave a screen that never moves."""
    told: list[Message] = []
    looks = Feed(recorded, told.append)
    looks.look()
    monkeypatch.setattr(Watch, "poll", lambda self: {}["a name"])
    assert [looks.look() for _ in range(3)] == [feed.SLOWEST] * 3
    monkeypatch.undo()
    looks.look()
    assert [type(each) for each in told[:2]] == [LabChanged, LabUnreadable] and len(told) <= 3
    unreadable = told[1]
    assert isinstance(unreadable, LabUnreadable)
    assert unreadable.error.what.startswith("a mistake in scalelab: KeyError")
    kept = Path(unreadable.error.todo.rpartition(" ")[2])
    assert "test_feed.py" in kept.read_text()
    kept.unlink()


def test_only_the_newest_snapshot_waits(recorded: Path) -> None:
    told: list[Message] = []
    Feed(recorded, told.append).look()
    assert isinstance(told[0], LabChanged)
    assert LabChanged(told[0].snapshot).can_replace(told[0])


def test_nothing_is_drawn_while_nothing_changes(training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, drawn = [0], [0]
    poll, refresh = Watch.poll, Widget.refresh

    def counted(self: Watch) -> object:
        looks[0] += 1
        return poll(self)

    def noted(self: Widget, *regions: object, **how: object) -> Widget:
        drawn[0] += 1
        return refresh(self, *regions, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Pace, "after", lambda self, **_: 0.001)
    monkeypatch.setattr(Watch, "poll", counted)

    async def see() -> None:
        async with app(training) as (_, pilot):
            await settle(pilot)
            monkeypatch.setattr(Widget, "refresh", noted)
            before = looks[0]
            await until(pilot, lambda: looks[0] > before + 100)
            assert drawn[0] == 0

    asyncio.run(see())


def test_one_new_number_draws_its_cells_alone(training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that finds one new point refreshes regions, never a whole widget."""
    whole: list[Widget] = []
    refresh = Widget.refresh

    def noted(self: Widget, *regions: object, **how: object) -> Widget:
        if not regions:
            whole.append(self)
        return refresh(self, *regions, **how)  # type: ignore[arg-type]

    async def see() -> None:
        async with app(training) as (made, pilot):
            await until(pilot, lambda: len(made.screen.query("#views > *")) == len(views.NAMES))
            await made.workers.wait_for_complete()  # views that are not seen are drawn ahead
            await settle(pilot)
            with Reader(training / "lab.db") as reader:
                last = reader.latest_points()["80x1-trunk-s0"]
            monkeypatch.setattr(Widget, "refresh", noted)
            before = made.screen.snapshot  # type: ignore[attr-defined]
            with Writer(training / "lab.db") as writer:
                writer.write([replace(last, step=last.step + 1, n_tokens=last.n_tokens + 1, loss=2.0)])
            await until(pilot, lambda: made.screen.snapshot is not before)  # type: ignore[attr-defined]
            await settle(pilot)
            assert not whole

    asyncio.run(see())


def test_a_store_that_another_holds_is_no_problem(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scalelab.store.schema import StoreBusy

    def busy(self: Watch) -> None:
        raise StoreBusy("lab.db is busy")

    told: list[Message] = []
    looks = Feed(recorded, told.append)
    looks.look()
    monkeypatch.setattr(Watch, "poll", busy)
    looks.look()
    assert [type(message) for message in told] == [LabChanged]
    assert os.path.exists(recorded)


def test_a_store_that_is_busy_at_the_second_look_loses_nothing(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scalelab.store.schema import StoreBusy

    def busy(*_: object, **__: object) -> None:
        raise StoreBusy("lab.db is busy")

    with Watch(recorded, rows_first=True) as watch:
        assert watch.poll() is not None
        for place in ("scalelab.lab.control.stored_preset", "scalelab.lab.table.run_table"):
            with monkeypatch.context() as patch, pytest.raises(StoreBusy):
                patch.setattr(place, busy)
                watch.poll()
        shot = watch.poll()
        assert shot is not None and shot.preset is not None and shot.runs is not None and shot.assessment is not None
        assert all(shot.curves.values()) and shot.complete


def test_a_store_that_is_busy_at_any_later_look_loses_nothing(training: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New points and a new plan, told of once by the store, at each place where reading them can be broken off."""
    from scalelab.store.schema import StoreBusy

    def busy(*_: object, **__: object) -> None:
        raise StoreBusy("lab.db is busy")

    places = ("scalelab.tui.curves._last", "scalelab.lab.control.stored_preset", "scalelab.lab.table.run_table")
    with Watch(training) as watch:
        before = watch.poll()
        assert before is not None
        last, done = before.curves["80x1-trunk-s0"].last, before.rows[0]
        again = [replace(done.spec, run=f"{done.run}-{more}") for more in range(3)]
        for number, place in enumerate(places):
            step = last.step + 10 * (number + 1)
            with Writer(training / "lab.db") as writer:
                writer.write([replace(last, step=step, n_tokens=last.n_tokens + step, loss=2.0 + number)])
                writer.add_runs([(again[number], 1.0)], first=len(before.rows) + number)
                writer.set_state(done.run, 1, [RunState.RUNNING, RunState.DONE][number % 2], "")
            with monkeypatch.context() as patch, pytest.raises(StoreBusy):
                patch.setattr(place, busy)
                watch.poll()
            after = watch.poll()
            assert after is not None and len(after.rows) == len(before.rows) + number + 1
            curve = after.curves["80x1-trunk-s0"]
            assert (curve.step[-1], curve.loss[-1]) == (step, 2.0 + number)
            assert after.versions.curves > before.versions.curves and curve.last.step == step
