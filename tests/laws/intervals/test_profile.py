"""Profile intervals: exact where theory is exact, open where the runs refuse nothing, near the truth elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput

from ..simulated import grid, lab
from .labs import truth


def test_a_linear_law_has_the_exact_t_interval() -> None:
    runs = lab(16)
    fit = laws.fit(runs, "power", "least-squares")
    for number in fit.estimates:
        found = laws.profile(fit, runs, number.name).estimate
        assert (found.low, found.high) == pytest.approx((number.low, number.high), rel=1e-6)
    told, plain = laws.profile_prediction(fit, runs, 3e9, 6e10), fit.predict(3e9, 6e10)
    assert (told.low, told.high) == pytest.approx((plain.low, plain.high), rel=1e-5)


@pytest.mark.parametrize("objective", ["least-squares", "huber"])
def test_the_objective_has_risen_by_the_threshold_at_both_ends(objective: str) -> None:
    runs = lab(25, seed=3)
    fit = laws.fit(runs, "chinchilla", objective)
    rises = []
    for name in ("E", "A", "beta"):
        found = laws.profile(fit, runs, name).estimate
        for end in (found.low, found.high):
            held = laws.fit(runs, "chinchilla", "least-squares", fix={name: end})
            rises.append((held.objective_value - fit.objective_value) / (fit.sigma * fit.t_quantile) ** 2)
    if objective == "least-squares":
        assert rises == pytest.approx([0.5] * 6, rel=5e-3)
    else:  # another scale, the same ballpark; least squares of the same law rises no less than Huber's loss does
        assert min(rises) > 0.2


def test_a_floor_that_may_be_zero_has_an_open_side() -> None:
    n, d = grid(9)
    runs = laws.run_table(
        n_params=n, n_tokens=d, loss=(0.02 + 40 / n**0.2 + 60 / d**0.2) * np.exp(0.02 * np.sin(np.arange(9.0) ** 2))
    )
    fit = laws.fit(runs, "chinchilla-tied")
    found = laws.profile(fit, runs, "E")
    assert found.low_open or found.estimate.at_bound
    assert found.estimate.low == 0.0 or found.estimate.at_bound
    assert np.isfinite([found.estimate.low, found.estimate.high]).all()


def test_profiles_cover_simulated_truth() -> None:
    hits = []
    for seed in range(100, 130):
        law = truth(9, seed, tied=True)
        runs = law.lab(seed)
        fit = laws.fit(runs, "chinchilla-tied")
        for name in ("E", "alpha"):
            found = laws.profile(fit, runs, name).estimate
            hits.append(found.low <= law.numbers[name] <= found.high)
        told = laws.profile_prediction(fit, runs, *law.tenfold)
        hits.append(told.low <= float(law.loss(*law.tenfold)) <= told.high)
    assert 0.87 <= np.mean(hits) <= 1.0


def test_methods_by_name_replace_the_numbers_and_say_so() -> None:
    runs = lab(16)
    fit = laws.fit(runs)
    seen = {method: laws.intervals_of(fit, runs, method) for method in ("t", "profile", "bootstrap")}
    for method, other in seen.items():
        assert other.interval_method == method
        assert other.params == fit.params
        assert laws.Fit.from_json(other.to_json()) == other
        for number in other.estimates:
            assert number.low < number.value < number.high
    assert seen["t"].estimates == fit.estimates
    assert len({seen[method].estimate("alpha").low for method in seen}) == 3
    narrow = laws.intervals_of(fit, runs, "profile", level=0.5).estimate("E")
    assert narrow.high - narrow.low < 0.5 * (fit.estimate("E").high - fit.estimate("E").low)


def test_fixed_numbers_stay_fixed() -> None:
    runs = lab(16)
    fit = laws.fit(runs, fix={"E": 1.8})
    for method in ("profile", "bootstrap"):
        told = laws.intervals_of(fit, runs, method)
        assert (told.estimate("E").low, told.estimate("E").high) == (1.8, 1.8)
        whole, part = laws.fit(runs).estimate("alpha"), told.estimate("alpha")
        assert part.high - part.low < 0.9 * (whole.high - whole.low)


def test_bad_input_is_told_in_words() -> None:
    runs = lab(16)
    fit = laws.fit(runs)
    with pytest.raises(BadInput, match="did you mean profile"):
        laws.intervals_of(fit, runs, "profil")
    for level in (0.0, 1.0, -1.0, 95.0, float("nan")):
        with pytest.raises(BadInput, match="level"):
            laws.intervals_of(fit, runs, level=level)
    with pytest.raises(BadInput, match="not of these"):
        laws.intervals_of(fit, runs.take(np.arange(10)), "profile")
    with pytest.raises(BadInput, match="not of these"):
        laws.bootstrap(fit, replace(runs, run_id=runs.run_id[::-1]))
    with pytest.raises(BadInput, match="refits"):
        laws.bootstrap(fit, runs, n=10)


@pytest.mark.parametrize("law", [law for law in laws.FORMS if law != "data-constrained"])
@pytest.mark.parametrize("method", ["profile", "bootstrap", "cluster"])
def test_every_law_has_finite_intervals_by_every_method(law: str, method: str) -> None:
    runs = lab(25, seed=4)
    fit = laws.intervals_of(laws.fit(runs, law), runs, method)
    for number in fit.estimates:
        assert np.isfinite([number.low, number.high, number.se]).all()
        assert number.low <= number.value * (1 + 1e-9) + 1e-12
        assert number.high >= number.value * (1 - 1e-9) - 1e-12
    assert laws.Fit.from_json(fit.to_json()) == fit
