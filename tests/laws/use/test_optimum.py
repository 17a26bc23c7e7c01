"""Best splits against the closed form, FLOPs a token from the runs, and one loss from another."""

from __future__ import annotations

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import run_table

from ..simulated import TRUTH, chinchilla_loss, grid, lab


def exact() -> laws.Fit:
    n, d = grid(25)
    return laws.fit(run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d)))


@pytest.mark.parametrize("flops", [1e18, 1e20, 1e23])
def test_frontier_is_hoffmanns_closed_form(flops: float) -> None:
    a, b, alpha, beta = (TRUTH[name] for name in ("A", "B", "alpha", "beta"))
    g = (alpha * a / (beta * b)) ** (1 / (alpha + beta))
    best = laws.frontier(exact(), flops)
    assert best.n_params == pytest.approx(g * (flops / 6) ** (beta / (alpha + beta)), rel=1e-3)
    assert 6 * best.n_params * best.n_tokens == pytest.approx(flops, rel=1e-9)
    assert best.loss == pytest.approx(chinchilla_loss(best.n_params, best.n_tokens), rel=1e-5)
    assert best.interior


def test_power_law_has_no_best_split() -> None:
    assert not laws.frontier(laws.fit(lab(16), "power"), 1e20).interior


def test_attention_flops_move_the_best_split_to_fewer_tokens() -> None:
    plain = laws.frontier(exact(), 1e20)
    dear = laws.frontier(exact(), 1e20, lambda n: 12.0 * n)
    assert dear.n_params * dear.n_tokens == pytest.approx(1e20 / 12, rel=1e-9)
    assert dear.loss > plain.loss


def test_flops_a_token_come_from_the_runs_themselves() -> None:
    n, d = grid(25)
    per_token = 6 * n + 3000 * n ** (2 / 3)
    fit = laws.fit(run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d), flops=d * per_token))
    assert len(fit.flops_table) == 5
    best = laws.frontier(fit, 1e19)
    cost = 6 * best.n_params + 3000 * best.n_params ** (2 / 3)
    assert best.n_tokens * cost == pytest.approx(1e19, rel=5e-3)  # log-log between five rungs
    far = laws.flops_per_token(fit.flops_table)(np.array([1e11]))[0]
    assert far == pytest.approx(6e11 + 3000 * 1e11 ** (2 / 3), rel=1e-3)
    assert exact().flops_table == ()


def test_compute_that_is_none_is_refused() -> None:
    for flops in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="compute is"):
            laws.frontier(exact(), flops)


def test_ratio_is_the_seed_relation_for_a_power_law() -> None:
    fit = laws.fit(lab(16), "power")
    told = laws.predict_ratio(fit, loss_a=3.0, n_a=1e8, d_a=1e9, n_b=4e8, d_b=2e9)
    alpha, beta = fit.params["alpha"], fit.params["beta"]
    assert told.loss == pytest.approx(3.0 * 4**alpha * 2**beta, rel=1e-12)
    covariance = np.array(fit.covariance)[1:, 1:]
    step = np.log([4.0, 2.0])
    assert told.parameters == pytest.approx(np.sqrt(step @ covariance @ step), rel=1e-9)
    assert told.low < told.loss < told.high
    same = laws.predict_ratio(fit, loss_a=3.0, n_a=1e8, d_a=1e9, n_b=1e8, d_b=1e9)
    assert (same.low, same.loss, same.high) == (3.0, 3.0, 3.0)
    noisy = laws.predict_ratio(fit, loss_a=3.0, n_a=1e8, d_a=1e9, n_b=1e8, d_b=1e9, loss_a_se=0.03)
    assert noisy.high == pytest.approx(3.0 * np.exp(fit.t_quantile * 0.01))
    with pytest.raises(BadInput, match="n_b is 0"):
        laws.predict_ratio(fit, loss_a=3.0, n_a=1e8, d_a=1e9, n_b=0, d_b=1e9)
