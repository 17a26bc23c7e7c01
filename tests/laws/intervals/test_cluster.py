"""Cluster-robust intervals: right where trunks scatter, right where they do not, and the usual where none are given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws.intervals.cluster import Sandwich, cluster_estimates, cluster_prediction

from ..simulated import TRUTH, chinchilla_loss, lab

ROWS, COLUMNS = 8, 4


def trunks(seed: int, scatter: float) -> laws.RunTable:
    """Eight sizes of model with four budgets each, a size's runs from one trunk."""
    n, d = (part.ravel() for part in np.meshgrid(np.geomspace(1e7, 1e9, ROWS), np.geomspace(2e8, 2e10, COLUMNS)))
    rows = np.tile(np.arange(ROWS), COLUMNS)
    draw = np.random.default_rng((5, seed))
    noise = 0.004 * draw.standard_normal(len(n)) + scatter * draw.standard_normal(ROWS)[rows]
    return laws.run_table(
        n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * np.exp(noise), cluster=[f"trunk-{row}" for row in rows]
    )


@pytest.mark.parametrize("scatter", [0.0, 0.004])
def test_they_cover_whether_trunks_scatter_or_not(scatter: float) -> None:
    robust, plain = [], []
    for seed in range(80):
        runs = trunks(seed, scatter)
        fit = laws.fit(runs)
        for found, hits in ((cluster_estimates(fit, runs), robust), (fit.estimates, plain)):
            hits += [
                number.low <= TRUTH[number.name] <= number.high for number in found if number.name in ("A", "alpha")
            ]
        told = cluster_prediction(fit, runs, 3e9, 6e10)
        robust.append(told.low <= float(chinchilla_loss(3e9, 6e10)) <= told.high)
    assert 0.90 <= np.mean(robust) <= 0.995
    if scatter:
        assert np.mean(plain) < 0.86


def test_runs_of_their_own_give_the_heteroscedastic_sandwich() -> None:
    """With one run a cluster CR2 is HC2: ψ²/(1 − h) in the middle."""
    runs = lab(25)
    fit = laws.fit(runs, "power", "least-squares")
    design = np.column_stack([np.ones(25), np.log(runs.n_params), np.log(runs.n_tokens)])
    gram = np.linalg.inv(design.T @ design)
    hat = np.einsum("ij,jk,ik->i", design, gram, design)
    middle = (design * (np.array(fit.residuals) ** 2 / (1 - hat))[:, None]).T @ design
    wanted = np.sqrt(np.diag(gram @ middle @ gram))
    found = [Sandwich(fit, runs).half(row)[1] for row in np.eye(3)]
    assert found == pytest.approx(list(wanted), rel=1e-6)


def test_by_name_and_in_words() -> None:
    runs = trunks(0, 0.004)
    told = laws.intervals_of(laws.fit(runs), runs, "cluster")
    assert told.interval_method == "cluster"
    assert told.estimates == cluster_estimates(laws.fit(runs), runs)
    few = replace(runs, cluster=tuple("abcd" * 8))
    with pytest.raises(BadInput, match="4 trunks"):
        laws.intervals_of(laws.fit(few), few, "cluster")
