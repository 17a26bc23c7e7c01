"""The bend of the power law, and when a bend is a floor: Kaplan's law bends and ends at zero."""

from __future__ import annotations

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import Curvature, Fit, RunTable, floor_seen, run_table
from scalelab.laws.choice.contest import aicc
from tests.laws.simulated import grid, lab


def kaplan_lab(seed: int, noise: float = 0.003) -> RunTable:
    """Runs of Kaplan's law with its published numbers, which has no floor."""
    n, d = grid(48)
    loss = ((8.8e13 / n) ** (0.076 / 0.095) + 5.4e13 / d) ** 0.095
    return run_table(
        n_params=n, n_tokens=d, loss=loss * np.exp(noise * np.random.default_rng(seed).standard_normal(48))
    )


def fits_of(runs: RunTable) -> tuple[list[Fit], dict[str, float]]:
    fits = [laws.fit(runs, law) for law in ("power", "chinchilla", "kaplan", "kaplan+E")]
    return fits, aicc(fits, {fit.law: np.array(fit.residuals) for fit in fits})


def test_a_floor_is_seen_where_there_is_one() -> None:
    runs = lab(48, seed=0)
    assert floor_seen(*fits_of(runs)) is True
    assert laws.curvature_test(runs).sentence(True).startswith("the power law bends: E is not zero (p = ")


def test_kaplans_law_bends_and_no_floor_is_claimed() -> None:
    claimed = [floor_seen(*fits_of(kaplan_lab(seed))) for seed in range(12)]
    assert sum(bool(claim) for claim in claimed) <= 1
    found = laws.curvature_test(kaplan_lab(0))
    assert found.bends
    assert found.flattens
    assert "no floor E is seen yet" in found.sentence(False)
    assert "E is not zero" not in found.sentence(False)


def test_nobody_claims_a_floor_unasked_or_without_a_rival() -> None:
    assert laws.curvature_test(lab(48)).sentence().startswith("the power law bends: the loss flattens (p = ")
    fits, criteria = fits_of(lab(48))
    assert floor_seen([fit for fit in fits if fit.law != "kaplan"], criteria) is None
    assert floor_seen([fit for fit in fits if "E" not in fit.params], criteria) is None
    assert floor_seen([], {}) is None


def test_words_where_nothing_bends_or_it_bends_the_other_way() -> None:
    straight = Curvature(f=0.3, p_value=0.8, bends=False, flattens=False)
    down = Curvature(f=9.0, p_value=0.001, bends=True, flattens=False)
    for floor in (None, True, False):
        assert straight.sentence(floor) == "no bend of the power law is visible (p = 0.8)"
        assert "which a floor cannot explain" in down.sentence(floor)


def test_the_test_is_the_textbook_f_test() -> None:
    from scipy.stats import f

    runs = lab(25, seed=2)
    x, y, z = np.log(runs.n_params), np.log(runs.n_tokens), np.log(runs.loss)
    plane = np.column_stack([np.ones(25), x, y])
    bent = np.column_stack([plane, x * x, y * y, x * y])
    flat, rest = (((z - m @ np.linalg.lstsq(m, z, rcond=None)[0]) ** 2).sum() for m in (plane, bent))
    found = laws.curvature_test(runs)
    assert found.f == pytest.approx((flat - rest) / 3 / (rest / 19), rel=1e-6)
    assert found.p_value == pytest.approx(f.sf(found.f, 3, 19), rel=1e-6)


def test_a_p_value_is_never_zero() -> None:
    for bend in (Curvature(f=1e9, p_value=0.0, bends=True, flattens=flattens) for flattens in (True, False)):
        assert bend.sentence().endswith("(p < 1e-300)")
    assert Curvature(f=9.0, p_value=2e-40, bends=True, flattens=True).sentence().endswith("(p = 2e-40)")
