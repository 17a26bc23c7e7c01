"""Verdicts on what runs can tell apart, against condition numbers known for grids."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import Verdict, run_table
from scalelab.laws.diagnose.identify import centred_jacobian, collinear, condition_number
from scalelab.laws.forms import FORMS, Inputs
from scalelab.units import parse_count

BESIROGLU = np.array([1.8172, np.log(477.8), np.log(2143.4), 0.3473, 0.3672])


def condition(n: np.ndarray, d: np.ndarray) -> float:
    inputs = Inputs.of(n, d)
    middle = float(inputs.log_n.mean()), float(inputs.log_d.mean())
    return condition_number(centred_jacobian(FORMS["chinchilla"], BESIROGLU, inputs, middle))


def test_five_by_five_grid_has_condition_27_and_fixed_ratio_1_7e7() -> None:
    n, d = np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e8, 1e10, 5))
    assert condition(n.ravel(), d.ravel()) == pytest.approx(27, abs=1)
    ladder = np.geomspace(1e7, 1e9, 9)
    assert condition(ladder, 20 * ladder) == pytest.approx(1.7e7, rel=0.02)


def test_condition_does_not_depend_on_units() -> None:
    n, d = (part.ravel() for part in np.meshgrid(np.geomspace(1e7, 1e9, 4), np.geomspace(1e8, 1e10, 4)))
    loss = 1.8 + 480 / n**0.35 + 2100 / d**0.37
    plain = laws.fit(run_table(n_params=n, n_tokens=d, loss=loss))
    other = laws.fit(run_table(n_params=n / 1e6, n_tokens=d / 1e9, loss=loss / np.log(2)))
    assert other.condition == pytest.approx(plain.condition, rel=1e-3)
    assert plain.verdict is Verdict.GOOD
    assert plain.mend is None


def test_fixed_tokens_a_parameter_withhold_the_exponents_and_name_the_run_that_mends() -> None:
    n = np.geomspace(1e7, 1e9, 12)
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(12))
    runs = run_table(n_params=n, n_tokens=20 * n, loss=(1.8 + 480 / n**0.35 + 2100 / (20 * n) ** 0.37) * noise)
    fit = laws.fit(runs, "chinchilla")
    assert fit.verdict is Verdict.WITHHOLD
    assert fit.mend is not None
    assert not 5 < fit.mend.n_tokens / fit.mend.n_params < 80
    assert fit.mend.condition < fit.condition
    seen = laws.assess(runs)
    assert seen.compute_law is not None
    assert seen.compute_law.estimate("gamma").value > 0
    advised = re.search(r"only what compute does: a run of N = (\S+) on D = (\S+) tokens", seen.verdicts[0])
    assert advised is not None
    assert not 5 < parse_count(advised[2]) / parse_count(advised[1]) < 80


@pytest.mark.parametrize(("off", "together"), [(0.02, True), (0.2, False)])
def test_tokens_a_parameter_that_were_only_rounded_are_one_ratio(off: float, together: bool) -> None:
    rng = np.random.default_rng(4)
    n = np.geomspace(1e7, 1e9, 16)
    d = 20 * n * np.exp(rng.uniform(-off, off, 16))
    loss = (1.8 + 480 / n**0.35 + 2100 / d**0.37) * np.exp(0.003 * rng.standard_normal(16))
    for change in (1.0, 1e6):
        runs = run_table(n_params=n * change, n_tokens=d, loss=loss)
        assert collinear(runs) is together
        assert (laws.assess(runs).compute_law is not None) is together


def test_one_size_of_model_beside_another_of_nearly_that_is_no_line() -> None:
    n = np.where(np.arange(12) % 2, 1.00e8, 1.02e8)
    assert not collinear(run_table(n_params=n, n_tokens=np.geomspace(1e8, 1e10, 12), loss=np.linspace(4, 3, 12)))


def test_the_run_that_mends_is_one_that_nobody_has_run() -> None:
    n, d = (part.ravel() for part in np.meshgrid(np.geomspace(1e4, 1e5, 5), np.geomspace(1e5, 1e6, 4)))
    loss = 1.5 + (4e4 / n**0.9 + 1e5 / d**0.8) ** 0.4
    fit = laws.fit(run_table(n_params=n, n_tokens=d, loss=loss), "coupled")
    assert fit.mend is not None
    assert (np.abs(np.log(fit.mend.n_params / n)) + np.abs(np.log(fit.mend.n_tokens / d))).min() > 0.2
    assert fit.mend.n_params * fit.mend.n_tokens <= 2.001 * (n * d).max()
