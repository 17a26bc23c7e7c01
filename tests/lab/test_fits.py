"""Refits and predictions beside training: made, missed, hanging, failing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from scalelab.lab.paths import LabPaths
from scalelab.records import RunState
from scalelab.store.writer import Writer
from tests.lab.bench import Bench, FakeAssessment
from tests.lab.samples import FakeExecutor, family
from tests.reliability.tally import Tally


def test_row_21_a_fit_that_raises_leaves_the_last_one_with_its_age(bench: Bench) -> None:
    def moody(table: Any, _: Any) -> FakeAssessment:
        if len(table) > 2:
            raise ValueError("singular")
        return FakeAssessment(table)

    bench.plan([*family("a"), *family("b", (30, 90, 200))])
    assert bench.session(FakeExecutor(), fit=moody).done == 7
    with bench.reader() as reader:
        fit = reader.latest_fit()
        assert fit is not None and json.loads(fit.json)["n_runs"] <= 2
        assert "singular" in (reader.meta("fit_problem") or "")
    assert "warning" in bench.kinds()


def test_row_21_a_fit_that_hangs_is_killed_and_the_session_ends(tmp_path: Path, tally: Tally) -> None:
    def hang(table: Any, _: Any) -> FakeAssessment:
        time.sleep(600)
        return FakeAssessment(table)

    n, broken, slowest = tally.repeats(1, 40), 0, 0.0
    for trial in range(n):
        bench = Bench(LabPaths(tmp_path / f"{trial}"))
        bench.paths.root.mkdir()
        bench.plan(family("a"))
        began = time.monotonic()
        summary = bench.session(FakeExecutor(), fit=hang, limit=0.2)
        slowest = max(slowest, time.monotonic() - began)
        with bench.reader() as reader:
            told = reader.meta("fit_problem") or ""
            broken += summary.done != 3 or reader.latest_fit() is not None or "longer than 0.2 s" not in told
    tally.count(21, "sessions that a hanging fit (killed after 0.2 s) broke", broken, of=n, promised="0")
    tally.value(21, "slowest of them, which would take 600 s", f"{slowest:.1f} s", promised="it ends")
    assert broken == 0 and slowest < 10


def test_other_counts_of_n_are_compared_when_nothing_is_left_to_train(bench: Bench) -> None:
    """Each costs a live refit as much as the rest of its diagnosis."""
    bench.plan([*family("a"), *family("b", (30, 90, 200))])

    def note(table: Any, _: Any) -> FakeAssessment:
        return FakeAssessment(table, sorted(table.counts))

    bench.session(FakeExecutor(), fit=note)
    with bench.reader() as reader:
        kept = [json.loads(fit.json) for fit in reader.fits()]
    *live, last = kept
    assert set(last["counts"]) == {"n_blocks", "n_total"}
    assert live and not any(fit["counts"] for fit in live)


def test_a_machine_without_processes_for_a_fit_goes_on_training(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.plan(family("a"))

    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("os.fork", full)
    assert bench.session(FakeExecutor()).done == 3
    with bench.reader() as reader:
        assert reader.latest_fit() is None
        assert "no process for the fit" in (reader.meta("fit_problem") or "")


def test_a_fit_missed_by_a_killed_session_is_made_by_the_next(bench: Bench) -> None:
    bench.plan(family("a"))
    bench.session(FakeExecutor())
    with Writer(bench.paths.store) as writer:
        writer.set_meta("fitted_runs", "1")
    bench.session(FakeExecutor())
    with bench.reader() as reader:
        assert reader.meta("fitted_runs") == "2"
        assert len(reader.fits()) >= 2


def _patience(bench: Bench, run: str) -> float:
    """Seconds between two steps of a run: as a real one it takes longer than a fit."""
    with bench.reader() as reader:
        return 0.0 if reader.predictions(run) else 0.01


def test_a_session_predicts_what_came_into_the_plan_since_the_last_fit_and_fits_no_more_than_that(bench: Bench) -> None:
    specs = [*family("a", (10, 20)), *family("b", (2000,))]
    added = specs[-1]
    bench.plan(specs[:-1])
    bench.session(FakeExecutor())
    with bench.reader() as reader:
        before = len(reader.fits())
    bench.session(FakeExecutor())
    with bench.reader() as reader:
        assert len(reader.fits()) == before, "nothing was to come"
    with Writer(bench.paths.store) as writer:
        writer.add_runs([(added, 1.0)], first=len(specs))
    bench.session(FakeExecutor(on_beat=lambda _: time.sleep(_patience(bench, added.run))))
    with bench.reader() as reader:
        made = {fit.id: fit.after_run for fit in reader.fits()}
        (early,) = reader.predictions(added.run)
        assert made[early.fit] != added.run and early.observed is not None
        assert len(made) == before + 2


def test_predictions_are_made_before_a_run_ends_and_scored_after_it(bench: Bench) -> None:
    bench.plan([*family("a", (10,)), *family("b", (2000,))])
    bench.session(FakeExecutor())
    with bench.reader() as reader:
        finals = {final.run: final for final in reader.finals()}
        (prediction,) = reader.predictions("b-D2000-s0")
        assert prediction.observed == finals["b-D2000-s0"].loss
        states = [change for change in reader.states("b-D2000-s0") if change.state is RunState.DONE]
        assert prediction.time <= states[0].time
        assert reader.predictions("a-D10-s0") == []
