"""What a lab knows beside its losses: the speed of its largest model, and a link only where accuracy tells one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from scalelab.report.known import link_of, measured_rate
from scalelab.store.reader import Reader
from tests.simulated import SimulatedLab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = SimulatedLab(tmp_path_factory.mktemp("known") / "lab").finish_all()
    made.close()
    return made.folder


def test_rate_is_that_of_the_largest_model(lab: Path) -> None:
    with Reader(lab / "lab.db") as reader:
        points = list(reader.latest_points().values())
        specs = {row.run: row.spec for row in reader.runs()}
    largest = max(spec.counts.n_params for spec in specs.values())
    assert measured_rate(points, specs) == pytest.approx(24e9)
    slower = [
        replace(each, tokens_per_second=each.tokens_per_second / 3)
        if specs[each.run].counts.n_params == largest
        else each
        for each in points
    ]
    assert measured_rate(slower, specs) == pytest.approx(8e9)
    silent = [replace(each, tokens_per_second=math.inf) for each in points]
    assert measured_rate(silent, specs) is None
    assert measured_rate([], specs) is None
    assert measured_rate(points, {}) is None


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
