"""What a lab knows beside its losses: the speed of its largest model, and a link only where accuracy tells one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from scalelab.records import Point, RunSpec, RunState
from scalelab.report.known import Trained, link_of, measured_rate
from scalelab.store import columns
from scalelab.store.reader import Reader
from scalelab.tui.snapshot import Watch
from scalelab.tui.views.subject import known_of
from tests.simulated import SimulatedLab


class Timed(SimulatedLab):
    """Its seconds are those of 24 GFLOP/s, as its points say."""

    @staticmethod
    def _point(spec: RunSpec, step: int) -> Point:
        seconds = (step - spec.first_step) * spec.batch_tokens * spec.flops_per_token / 24e9
        return replace(SimulatedLab._point(spec, step), seconds=seconds)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Timed(tmp_path_factory.mktemp("known") / "lab").finish_all()
    made.close()
    return made.folder


def _trained(lab: Path) -> list[Trained]:
    with Reader(lab / "lab.db") as reader:
        specs = {row.run: row.spec for row in reader.runs()}
        return [Trained(spec=specs[run], n_tokens=d, seconds=s) for run, (d, s) in columns.spent(reader).items()]


def test_rate_is_that_of_the_largest_model(lab: Path) -> None:
    trained = _trained(lab)
    largest = max(each.spec.counts.n_params for each in trained)
    assert measured_rate(trained) == pytest.approx(24e9)
    slower = [
        replace(each, seconds=3 * each.seconds) if each.spec.counts.n_params == largest else each for each in trained
    ]
    assert measured_rate(slower) == pytest.approx(8e9)
    assert measured_rate([replace(each, seconds=math.nan) for each in trained]) is None
    assert measured_rate([replace(each, seconds=0.0) for each in trained]) is None
    assert measured_rate([replace(each, n_tokens=each.spec.first_step * 1.0) for each in trained]) is None
    assert measured_rate([]) is None


def test_rate_is_that_of_whole_runs_and_not_of_their_last_points(tmp_path: Path) -> None:
    """A crash, a slow second attempt, and a last point that was timed beside other work."""
    made = SimulatedLab(tmp_path / "lab")
    largest = max(made.points, key=lambda spec: (spec.counts.n_params, spec.n_tokens))
    tokens = largest.new_tokens
    steps = [largest.first_step + round(share * (largest.n_steps - largest.first_step)) for share in (0.25, 0.5, 1.0)]
    spent = [(1, 10.0), (1, 20.0), (2, 60.0)]
    made.writer.set_state(largest.run, 2, RunState.RUNNING)
    made.writer.write(
        Point(
            run=largest.run, attempt=attempt, step=step, n_tokens=step * largest.batch_tokens, loss=3.0, lr=0.01,
            grad_norm=1.0, tokens_per_second=1.0, seconds=seconds,
        )
        for step, (attempt, seconds) in zip(steps, spent, strict=True)
    )  # fmt: skip
    made.close()
    with Watch(made.folder) as watch:
        shot = watch.poll()
    whole = pytest.approx(tokens * largest.flops_per_token / 80.0)
    assert measured_rate(_trained(made.folder)) == whole
    assert shot is not None and known_of(shot).flops_per_second == whole


def test_a_link_only_where_accuracy_falls_with_loss(lab: Path) -> None:
    with Reader(lab / "lab.db") as reader:
        finals = reader.finals()
    link, reason = link_of(finals)
    assert link is None
    assert "the same everywhere" in reason
    rising = [replace(each, accuracy=1 / (1 + math.exp(each.loss - 2))) for each in finals]
    found, reason = link_of(rising)
    assert found is not None and reason == ""
    assert float(found.accuracy(2.0)) == pytest.approx(0.5, abs=0.01)
    assert link_of(finals[:3]) == (None, "3 points of loss and accuracy")
