"""Where running runs will end: on a lab whose truth is known, read as any terminal reads it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalelab import laws
from scalelab.lab import forecasts
from scalelab.lab.forecasts import Ending, Forecasts, curve_of, endings, finished_families
from scalelab.lab.table import run_table
from scalelab.laws.curves import Believed, CurveForecast, Outlook, Prior
from scalelab.records import RunSpec, RunState
from scalelab.store.reader import Reader
from scalelab.store.rows import PredictionRow
from tests.lab.curved import CurvedLab

LATE, EARLY = "48x1-D1.2M-s0", "80x1-D1.2M-s0"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CurvedLab]:
    """Three rungs done; of the fourth the longest branch in its cooldown, of the fifth one just begun."""
    made = CurvedLab(tmp_path_factory.mktemp("labs") / "curved")
    for run in made.specs:
        if run.partition("-")[0] in {"12x1", "20x1", "32x1"}:
            made.finish(run)
    made.refit("32x1-D1.2M-s0")
    for run in ("48x1-trunk-s0", "80x1-trunk-s0"):
        made.finish(run)
    made.train(LATE, 0.6)
    made.train(EARLY, 0.02)
    with made.writer.batch():
        made.writer.add_prediction(LATE, 1, 0.9 * made.end_of(LATE), 0.89 * made.end_of(LATE), 0.91 * made.end_of(LATE))
    yield made
    made.close()


def test_a_branch_in_its_cooldown_is_foretold_on_the_held_out_set(lab: CurvedLab) -> None:
    with Reader(lab.folder / "lab.db") as reader:
        found = endings(reader, reader.runs())
    assert {LATE, EARLY} < set(found)
    told = found[LATE].forecast
    assert told.held_out and told.annealing is Outlook.OWN and told.verdict is not Believed.TOO_EARLY
    assert told.loss == pytest.approx(lab.end_of(LATE), rel=0.015)
    assert told.low is not None and told.high is not None and told.low <= lab.end_of(LATE) <= told.high


def test_before_the_cooldown_the_finished_runs_say_what_it_will_give(lab: CurvedLab) -> None:
    with Reader(lab.folder / "lab.db") as reader:
        rows = reader.runs()
        helped = endings(reader, rows)[EARLY].forecast
        alone = forecasts.ending(reader, lab.specs[EARLY], None).forecast
    assert (helped.annealing, alone.annealing) == (Outlook.OTHERS, Outlook.ASSUMED)
    assert helped.half is not None and alone.half is not None and helped.half < alone.half
    assert helped.low is not None and helped.high is not None and helped.low <= lab.end_of(EARLY) <= helped.high


def test_branches_are_foretold_from_their_trunk_before_they_start(lab: CurvedLab) -> None:
    waiting = "80x1-D600k-s0"
    with Reader(lab.folder / "lab.db") as reader:
        rows = reader.runs()
        told = Forecasts().look(reader, rows)[waiting].forecast
        first = Forecasts(beat=0.0).look(reader, rows, most=1)
    assert told.seen == pytest.approx(0.8, abs=0.03)
    assert told.low is not None and told.high is not None and told.low <= lab.end_of(waiting) <= told.high
    assert set(first) <= {LATE, EARLY}, "what trains comes first"


def test_a_run_that_ends_far_from_the_law_is_told_of(lab: CurvedLab) -> None:
    with Reader(lab.folder / "lab.db") as reader:
        found = endings(reader, reader.runs())
    assert found[LATE].apart == pytest.approx(1 / 0.9 - 1, abs=0.02)
    assert "will end 1" in found[LATE].sentence() and "% above the law" in found[LATE].sentence()
    assert found[EARLY].apart is None and found[EARLY].sentence() == ""


@pytest.mark.parametrize(("law", "far"), [(2.5, True), (2.99, False), (3.3, True)])
def test_only_what_chance_does_not_explain_is_far(law: float, far: bool) -> None:
    told = CurveForecast.of(loss=3.0, low=2.95, high=3.05, seen=0.9, warm=0.01, until=1e3, level=0.95, n_losses=90)
    promised = PredictionRow(run="x", fit=1, time=0.0, loss=law, low=law - 0.03, high=law + 0.03)
    ending = Ending(run="x", forecast=told, promised=promised)
    assert (ending.apart is not None) is far
    assert ("below" in ending.sentence()) is (law > 3.1)


def test_forecasts_are_made_at_a_slow_beat_and_only_where_a_curve_has_grown(
    lab: CurvedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = forecasts.ending

    def counted(reader: Reader, spec: RunSpec, prior: Prior | None) -> Ending:
        made.append(spec.run)
        return real(reader, spec, prior)

    monkeypatch.setattr(forecasts, "ending", counted)
    kept = Forecasts(beat=0.0, ahead=False)
    with Reader(lab.folder / "lab.db") as reader:
        rows = reader.runs()
        first = kept.look(reader, rows, most=1)
        assert len(made) == len(first) == 1
        assert set(kept.look(reader, rows, most=1)) == {LATE, EARLY}
        kept.look(reader, rows, most=1)
    assert sorted(made) == sorted([LATE, EARLY])


def test_a_forecast_of_a_run_costs_milliseconds(lab: CurvedLab) -> None:
    with Reader(lab.folder / "lab.db") as reader:
        rows = reader.runs()
        kept = Forecasts(beat=0.0)
        kept.look(reader, rows)
        prior = kept._prior(reader, rows, forecasts._memories(rows), None)
        costs = []
        for _ in range(10):
            start = time.process_time()
            forecasts.ending(reader, lab.specs[LATE], prior)
            costs.append(time.process_time() - start)
    print(f"{1000 * min(costs):.1f} ms a run")
    assert min(costs) < 0.05


def test_a_branch_carries_its_trunks_past(lab: CurvedLab) -> None:
    with Reader(lab.folder / "lab.db") as reader:
        whole = curve_of(reader, lab.specs[LATE])
        own = curve_of(reader, lab.specs[LATE], past=False)
        families = finished_families(reader.runs())
    first = lab.specs[LATE].first_step
    assert own.positions.min() > first - 1 and whole.positions.min() < 60
    assert whole.seen == pytest.approx(own.seen) and whole.until == lab.specs[LATE].n_steps
    assert [len(names) for names in families] == [4, 4, 4]


def test_unfinished_runs_enter_a_table_only_when_asked_and_by_their_variance(lab: CurvedLab) -> None:
    with Reader(lab.folder / "lab.db") as reader:
        plain, asked = run_table(reader), run_table(reader, unfinished=True)
    assert LATE not in plain.run_id and plain.weight is None and not plain.notes
    assert LATE in asked.run_id and asked.weight is not None
    place = asked.run_id.index(LATE)
    assert 0 < asked.weight[place] < 1 and (asked.weight[: len(plain)] == 1.0).all()
    assert asked.n_tokens[place] == lab.specs[LATE].n_tokens
    assert asked.notes[0].startswith("1 unfinished run enters") or "2 unfinished runs enter" in asked.notes[0]
    assert LATE in asked.notes[0]
    fitted = laws.fit(asked, "power")
    assert LATE in fitted.run_id


def test_what_cannot_be_foretold_is_left_out_with_its_reason(tmp_path: Path) -> None:
    made = CurvedLab(tmp_path / "young")
    made.train("12x1-trunk-s0", 0.05)
    made.writer.set_state("12x1-D150k-s0", 1, RunState.RUNNING)
    made.train("20x1-D150k-s0", 0.01)
    made.writer.set_state("20x1-D150k-s0", 1, RunState.STOPPED, "asked to stop")
    with Reader(made.folder / "lab.db") as reader:
        table = run_table(reader, unfinished=True)
        assert not endings(reader, reader.runs())["12x1-D150k-s0"].forecast.believed
    assert len(table) == 0
    reasons = {each.run: each.reason for each in table.excluded}
    assert set(reasons) == {"12x1-D150k-s0", "20x1-D150k-s0"}
    assert all("too early" in reason for reason in reasons.values())


def test_forecasts_load_neither_torch_nor_scipy(lab: CurvedLab) -> None:
    code = (
        "import sys; from pathlib import Path; from scalelab.lab import forecasts\n"
        "from scalelab.store.reader import Reader\n"
        f"reader = Reader(Path({str(lab.folder / 'lab.db')!r})); found = forecasts.endings(reader, reader.runs())\n"
        "assert len(found) > 2; print([name for name in ('torch', 'scipy', 'transformers') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"
