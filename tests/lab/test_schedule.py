from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scalelab.lab import schedule
from scalelab.lab.schedule import Standing
from scalelab.records import RunKind, RunState
from tests.lab.samples import family

UNENDED = [RunState.PLANNED, RunState.RUNNING]


def standings(rungs: dict[str, float], steps: tuple[int, ...] = (10, 20)) -> dict[str, Standing]:
    return {
        one.run: Standing(
            spec=one,
            state=RunState.PLANNED,
            step=one.first_step,
            expected_seconds=seconds * (one.n_steps - one.first_step),
        )
        for rung, seconds in rungs.items()
        for one in family(rung, steps)
    }


@st.composite
def situations(draw: st.DrawFn) -> tuple[dict[str, Standing], set[tuple[str, int]]]:
    rungs = draw(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(0.01, 10.0), min_size=1))
    steps = tuple(sorted(draw(st.sets(st.integers(1, 50), min_size=1, max_size=4))))
    runs = {}
    for name, run in standings(rungs, steps).items():
        state = draw(st.sampled_from(list(RunState)))
        step = draw(st.integers(run.spec.first_step, run.spec.n_steps))
        runs[name] = Standing(spec=run.spec, state=state, step=step, expected_seconds=run.expected_seconds)
    points = sorted({(run.spec.parent, run.spec.first_step) for run in runs.values() if run.spec.parent})
    return runs, set(draw(st.lists(st.sampled_from(points), unique=True)))  # type: ignore[arg-type]


@given(situations())
def test_only_planned_runs_whose_checkpoint_is_there_are_ready(
    situation: tuple[dict[str, Standing], set[tuple[str, int]]],
) -> None:
    runs, saved = situation
    ready = schedule.ready(runs, saved)
    assert len(set(ready)) == len(ready)
    for name, run in runs.items():
        may = run.state is RunState.PLANNED and (
            run.spec.parent is None or (run.spec.parent, run.spec.first_step) in saved
        )
        assert (name in ready) == may


@given(situations())
def test_the_longest_chain_comes_first(situation: tuple[dict[str, Standing], set[tuple[str, int]]]) -> None:
    runs, saved = situation
    chains = [schedule.chain_seconds(name, runs) for name in schedule.ready(runs, saved)]
    assert chains == sorted(chains, reverse=True)


@given(situations())
def test_no_planned_run_is_forgotten(situation: tuple[dict[str, Standing], set[tuple[str, int]]]) -> None:
    """Ready, blocked for good, or waiting for a trunk that may still come."""
    runs, saved = situation
    ready, blocked = set(schedule.ready(runs, saved)), set(schedule.blocked(runs, saved))
    assert not ready & blocked
    for name, run in runs.items():
        if run.state is RunState.PLANNED and name not in ready | blocked:
            assert runs[run.spec.parent or ""].state in {*UNENDED, RunState.STOPPED}


@given(situations(), st.integers(1, 4))
def test_time_left_is_between_the_work_shared_and_the_work_in_a_row(
    situation: tuple[dict[str, Standing], set[tuple[str, int]]], slots: int
) -> None:
    runs, saved = situation
    work = sum(run.seconds_left for run in runs.values())
    left = schedule.time_left(runs, saved, slots)
    longest = max((schedule.chain_seconds(name, runs) for name in runs), default=0.0)
    assert work / slots - 1e-6 <= left <= work + longest + 1e-6


def test_the_largest_rung_starts_first_and_branches_wait_for_their_trunk() -> None:
    runs = standings({"small": 1.0, "large": 5.0})
    assert schedule.ready(runs, ()) == ["large-trunk-s0", "small-trunk-s0"]
    assert schedule.ready(runs, {("small-trunk-s0", 10)}) == ["large-trunk-s0", "small-trunk-s0", "small-D10-s0"]
    assert schedule.chain_seconds("large-trunk-s0", runs) == 5.0 * (20 + 5)


def test_a_branch_of_a_diverged_trunk_is_blocked_in_words_unless_its_checkpoint_is_there() -> None:
    runs = standings({"a": 1.0})
    trunk = runs["a-trunk-s0"]
    runs["a-trunk-s0"] = Standing(spec=trunk.spec, state=RunState.DIVERGED, step=15, expected_seconds=1.0)
    blocked = schedule.blocked(runs, {("a-trunk-s0", 10)})
    assert list(blocked) == ["a-D20-s0"]
    assert "a-trunk-s0" in blocked["a-D20-s0"] and "diverged" in blocked["a-D20-s0"]


def test_all_done_leaves_nothing() -> None:
    runs = {
        name: Standing(spec=run.spec, state=RunState.DONE, step=run.spec.n_steps, expected_seconds=1.0)
        for name, run in standings({"a": 1.0}).items()
    }
    assert schedule.ready(runs, ()) == [] and schedule.time_left(runs, (), 2) == 0.0
    assert all(run.spec.kind in RunKind for run in runs.values())
