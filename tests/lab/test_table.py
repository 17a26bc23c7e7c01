"""What a lab's runs weigh in a fit: measurements of unlike precision, and only those."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.lab.table import LEAST_SCATTER, USUAL_SCATTER, run_table
from scalelab.records import Evaluation, RunState
from scalelab.store.reader import Reader
from tests.simulated import SimulatedLab, noise, true_loss


def _tokens(error: float) -> int:
    return max(int(1.0 / error**2), 64) if error > 0 else 10**9


def measured(folder: Path, error: Callable[[int], float], *, fitted: bool = False) -> laws.RunTable:
    """The table of a lab whose n-th run was measured with this relative error, on tokens to match."""
    made = SimulatedLab(folder)
    for place, spec in enumerate(made.points):
        made.train(spec.run)
        loss = true_loss(spec.counts.n_params, spec.n_tokens) * noise(spec.run)
        made.writer.write([Evaluation(
            run=spec.run, attempt=1, step=spec.n_steps, n_tokens=spec.n_tokens, flops=spec.flops, loss=loss,
            loss_se=error(place) * loss, accuracy=0.3, bits_per_byte=2.0, evaluated_tokens=_tokens(error(place)),
            final=True,
        )])  # fmt: skip
        made.writer.set_state(spec.run, 1, RunState.DONE)
    if fitted:
        made.refit(made.points[-1].run)
    with Reader(folder / "lab.db") as reader:
        table = run_table(reader)
    made.close()
    return table


@pytest.mark.parametrize("error", [0.0, 1e-4, 0.004, 0.1])
def test_measurements_that_are_alike_weigh_nothing(tmp_path: Path, error: float) -> None:
    table = measured(tmp_path / "lab", lambda _: error)
    assert len(table) > 8
    assert table.weight is None


def test_differences_that_seeds_drown_weigh_nothing(tmp_path: Path) -> None:
    assert measured(tmp_path / "lab", lambda place: 0.001 if place % 2 else 0.002).weight is None


def test_a_coarse_measurement_weighs_by_its_variance_beside_that_of_seeds(tmp_path: Path) -> None:
    table = measured(tmp_path / "lab", lambda place: 0.03 if place == 2 else 0.001)
    assert table.weight is not None
    seeds = USUAL_SCATTER**2
    assert table.weight[2] == pytest.approx((seeds + 0.001**2) / (seeds + 0.03**2), rel=1e-6)
    np.testing.assert_allclose(np.delete(table.weight, 2), 1.0)


def test_what_seeds_scatter_is_read_from_the_last_fit(tmp_path: Path) -> None:
    table = measured(tmp_path / "lab", lambda place: 0.03 if place == 2 else 0.0, fitted=True)
    assert table.weight is not None
    sigma = 0.03 * math.sqrt(table.weight[2] / (1 - table.weight[2]))
    assert LEAST_SCATTER <= sigma < USUAL_SCATTER


def test_on_the_same_tokens_no_run_is_measured_better_than_another(tmp_path: Path) -> None:
    made = SimulatedLab(tmp_path / "lab")
    for place, spec in enumerate(made.points):
        made.train(spec.run)
        loss = true_loss(spec.counts.n_params, spec.n_tokens)
        error = math.nan if place == 0 else 0.01 * (1 + place)
        made.writer.write([Evaluation(
            run=spec.run, attempt=1, step=spec.n_steps, n_tokens=spec.n_tokens, flops=spec.flops, loss=loss,
            loss_se=error, accuracy=0.3, bits_per_byte=2.0, evaluated_tokens=65_536, final=True,
        )])  # fmt: skip
        made.writer.set_state(spec.run, 1, RunState.DONE)
    with Reader(made.folder / "lab.db") as reader:
        assert run_table(reader).weight is None
    made.close()


def test_weights_bring_the_fit_nearer_to_the_truth(tmp_path: Path) -> None:
    table = measured(tmp_path / "lab", lambda place: 0.05 if place % 3 == 0 else 0.0005)
    assert table.weight is not None
    spoilt = np.arange(len(table)) % 3 == 0
    apart = []
    for seed in range(12):
        errors = 0.05 * np.random.default_rng(seed).standard_normal(len(table)) * spoilt
        losses = table.loss * np.exp(errors)
        told = [
            laws.fit(
                laws.run_table(n_params=table.n_params, n_tokens=table.n_tokens, loss=losses, weight=weight), "power"
            )
            for weight in (table.weight, None)
        ]
        clean = laws.fit(table, "power").log_loss(table.n_params, table.n_tokens)
        apart.append([float(np.abs(fit.log_loss(table.n_params, table.n_tokens) - clean).mean()) for fit in told])
    weighted, plain = np.mean(apart, axis=0)
    assert weighted < 0.5 * plain
