"""The noise floor where it is known, and the lack-of-fit test on laws that are right and laws that are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import RunTable, diagnose, run_table
from scalelab.laws.diagnose.noise import NoiseFloor, groups, noise_floor
from scalelab.laws.diagnose.tangent import tangent_of
from tests.laws.simulated import chinchilla_loss, grid, lab


def replicated(seed: int, noise: float = 0.005, copies: int = 3) -> RunTable:
    """Sixteen points, each run a few times, budgets rounded a little otherwise each time."""
    rng = np.random.default_rng(seed)
    n, d = (np.repeat(column, copies) for column in grid(16))
    d = d * np.exp(0.002 * rng.uniform(-1, 1, len(d)))
    return run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * np.exp(noise * rng.standard_normal(len(n))))


def floor_of(runs: RunTable, law: str = "chinchilla") -> NoiseFloor | None:
    return noise_floor(runs, tangent_of(runs, laws.fit(runs, law)), groups(runs))


def test_the_floor_is_the_noise_that_was_put_in_within_its_error() -> None:
    found = [floor_of(replicated(seed, noise=0.004), "power") for seed in range(150)]
    sigma = np.array([item.sigma for item in found if item])
    assert np.sqrt((sigma**2).mean()) == pytest.approx(0.004, rel=0.04)
    assert sigma.std() == pytest.approx(found[0].se, rel=0.25)
    assert found[0].dof == 32
    assert found[0].n_groups == 16


def test_a_right_law_misses_by_no_more_than_seeds_and_a_wrong_one_by_more() -> None:
    right = [floor_of(replicated(seed)) for seed in range(60)]
    assert sum(item.misses for item in right if item) <= 3
    p_values = np.array([item.p_value for item in right if item])
    assert 0.25 < np.median(p_values) < 0.75
    assert all(floor_of(replicated(seed), "power").misses for seed in range(5))


def test_the_lack_of_fit_test_is_the_textbook_one() -> None:
    runs = replicated(0)
    runs = replace(runs, n_tokens=np.repeat(grid(16)[1], 3))
    y = np.log(runs.loss).reshape(16, 3)
    within = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum()
    x = np.column_stack([np.ones(48), np.log(runs.n_params), np.log(runs.n_tokens)])
    all_of_it = ((y.ravel() - x @ np.linalg.lstsq(x, y.ravel(), rcond=None)[0]) ** 2).sum()
    found = floor_of(runs, "power")
    assert found is not None
    assert found.sigma == pytest.approx(np.sqrt(within / 32))
    assert found.misfit == pytest.approx(np.sqrt((all_of_it - within) / 13 - within / 32))
    from scipy.stats import f

    assert found.p_value == pytest.approx(f.sf((all_of_it - within) / 13 / (within / 32), 13, 32))


def test_words_for_a_law_that_misses_and_one_that_does_not() -> None:
    runs = replicated(1)
    wrong = diagnose(runs, laws.fit(runs, "power")).sentences()
    assert any("more than seeds scatter" in said and "a variable that is not in the table" in said for said in wrong)
    right = diagnose(runs, laws.fit(runs, "chinchilla")).sentences()
    assert any("at 16 points run more than once, and the law misses by no more" in said for said in right)


def test_without_replicates_nothing_is_said() -> None:
    seen = diagnose(lab(16), laws.fit(lab(16)))
    assert seen.noise is None
    assert not any("scatter" in said for said in seen.sentences())


def test_one_replicate_is_a_floor_with_one_degree_of_freedom() -> None:
    base = lab(16, seed=1)
    runs = base.take(np.append(np.arange(16), 5))
    loss = runs.loss.copy()
    loss[-1] *= 1.004
    found = floor_of(replace(runs, loss=loss))
    assert found is not None
    assert found.dof == 1
    assert found.sigma == pytest.approx(0.004 / np.sqrt(2), rel=0.02)


def test_a_run_under_two_names_is_no_replicate() -> None:
    base = lab(16, seed=1)
    assert floor_of(base.take(np.append(np.arange(16), [5, 6]))) is None


def test_another_shape_or_more_repetition_of_data_is_no_other_seed() -> None:
    runs = replicated(0, copies=2)
    assert (groups(runs) >= 0).all()
    other_head = replace(runs, counts={"n_total": runs.n_params * np.where(np.arange(32) % 2, 1.3, 1.4)})
    assert (groups(other_head) < 0).all()
    repeating = replace(runs, unique_tokens=runs.n_tokens / np.where(np.arange(32) % 2, 1, 4))
    assert (groups(repeating) < 0).all()


def test_a_chain_of_budgets_each_near_the_next_is_no_group() -> None:
    d = 1e9 * np.exp(0.006 * np.arange(20))
    runs = run_table(n_params=np.full(20, 1e8), n_tokens=d, loss=np.linspace(3, 2.9, 20))
    assert (groups(runs) < 0).all()
