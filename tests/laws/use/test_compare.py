"""Groups beside each other, on simulated truths whose worth, crossings and winners are known."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import RunTable
from tests.reliability.tally import Tally

N, D = np.meshgrid([2e7, 6e7, 2e8, 6e8], [5e8, 2e9, 8e9, 3e10], indexing="ij")
Law = Callable[[np.ndarray, np.ndarray], np.ndarray]


def plain(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    return 1.7 + 400 / n**0.34 + 410 / d**0.28


def runs(law: Law, *, seed: int, noise: float = 0.002, keep: slice = slice(None)) -> RunTable:
    n, d = N.ravel()[keep], D.ravel()[keep]
    loss = law(n, d) * np.exp(np.random.default_rng(seed).normal(0, noise, len(n)))
    return laws.run_table(n_params=n, n_tokens=d, loss=loss)


@pytest.mark.parametrize("worth", [0.3, 0.8, 1.7, 4.0])
def test_what_a_token_is_worth_is_found_again(worth: float) -> None:
    other = runs(lambda n, d: plain(n, worth * d), seed=1)
    found = laws.compare({"plain": runs(plain, seed=0), "other": other})
    overall = found.groups[1].overall
    assert overall is not None and overall.worth is not None
    assert overall.worth.value == pytest.approx(worth, rel=0.12)
    assert overall.worth.n == 16
    assert [level.n_tokens for level in found.groups[1].by_tokens] == sorted(set(D.ravel()))


def test_the_interval_of_the_worth_holds_it_as_often_as_it_says(tally: Tally) -> None:
    """In 30 pairs of groups; under --soak in 300."""
    held, n = 0, tally.repeats(30, 300)
    for seed in range(n):
        other = runs(lambda n, d: plain(n, 1.5 * d), seed=1000 + seed)
        overall = laws.compare({"plain": runs(plain, seed=seed), "other": other}).groups[1].overall
        assert overall is not None and overall.worth is not None
        held += overall.worth.low <= 1.5 <= overall.worth.high
    assert held >= 0.95 * n - 3 * (0.95 * 0.05 * n) ** 0.5


def test_equal_groups_are_not_told_apart() -> None:
    found = laws.compare({"one": runs(plain, seed=0), "two": runs(plain, seed=1)})
    assert "which may be one" in found.sentences()[0]
    assert "do not tell" in found.sentences()[-1]


def test_where_curves_cross_is_found_and_who_wins_after() -> None:
    def saturating(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        return 1.9 + 400 / n**0.34 + 410 / (4 * d) ** 0.28  # ahead early, behind late

    truth = np.exp(np.linspace(np.log(5e8), np.log(3e12), 20000))
    gap = saturating(np.full(truth.size, 6e8), truth) - plain(np.full(truth.size, 6e8), truth)
    where = truth[np.flatnonzero(np.diff(np.sign(gap)))[0]]
    found = laws.compare({"plain": runs(plain, seed=0, noise=5e-4), "repeated": runs(saturating, seed=1, noise=5e-4)})
    crossing = next(each for each in found.groups[1].crossings if each.n_params == 6e8)
    assert crossing.n_tokens == pytest.approx(where, rel=0.3)
    assert crossing.better_after == ""  # the first group
    assert found.ranked[0].name == "plain"


def test_the_best_for_a_budget_comes_with_its_split_and_its_gain() -> None:
    better = runs(lambda n, d: plain(n, 3 * d), seed=1)
    found = laws.compare({"plain": runs(plain, seed=0), "better": better}, flops=1e21)
    best = found.ranked[0]
    assert best.name == "better"
    assert best.budget_gain is not None and best.budget_gain[2] < 1.0
    assert best.budget_split is not None
    assert 6 * best.budget_split[0] * best.budget_split[1] == pytest.approx(1e21, rel=1e-3)
    assert "clearly below plain" in found.sentences()[-1]


def test_a_law_without_a_best_split_gives_no_advice_for_a_budget() -> None:
    def flat(n: np.ndarray, d: np.ndarray) -> np.ndarray:  # more parameters only harm
        return 30 * n**0.01 / d**0.07

    few = slice(0, 16, 2)
    found = laws.compare({"one": runs(flat, seed=0, keep=few), "two": runs(flat, seed=1, keep=few)})
    assert all(group.no_split and group.budget_split is None for group in found.groups)
    assert not found.ranked
    assert found.sentences()[-1].startswith("one, two have no best split of the budget")


def test_exponents_are_those_of_one_law_in_all_groups() -> None:
    other = runs(lambda n, d: 1.7 + 400 / n**0.34 + 800 / d**0.31, seed=1)
    found = laws.compare({"plain": runs(plain, seed=0), "other": other})
    assert found.law == "chinchilla"
    alphas = [next(item for item in group.estimates if item.name == "alpha") for group in found.groups]
    assert all(item.low < 0.34 < item.high for item in alphas)


def test_another_text_compares_in_exponents_alone() -> None:
    found = laws.compare({"plain": runs(plain, seed=0), "code": runs(plain, seed=1)}, comparable={"plain"})
    group = found.groups[1]
    assert (group.overall, group.crossings, group.budget_loss) == (None, (), None)
    assert group.estimates
    assert "only its exponents compare" in found.sentences()[0]


def test_a_loss_that_no_number_of_tokens_reaches_is_worth_more_than_any() -> None:
    found = laws.compare({"plain": runs(plain, seed=0), "magic": runs(lambda n, d: 0.6 * plain(n, d), seed=1)})
    overall = found.groups[1].overall
    assert overall is not None and overall.worth is None
    assert found.sentences()[0].endswith("more than any number of plain's")


def test_a_token_worth_nearly_nothing_is_not_called_beyond_any_number() -> None:
    from scalelab.report.compared import comparison_lines

    found = laws.compare({"plain": runs(plain, seed=0), "noise": runs(lambda n, d: 4 * plain(n, d), seed=1)})
    assert "less than any number" in found.sentences()[0]
    printed = "\n".join(line.plain for line in comparison_lines(found, 100))
    assert "less than any number" in printed and "beyond" not in printed


def test_what_may_be_chance_is_not_told_as_worth_more_than_any() -> None:
    def spent(n: np.ndarray, d: np.ndarray) -> np.ndarray:  # more text has stopped to help
        return 1.7 + 400 / n**0.34 + 410 / d**2.0

    found = laws.compare({"plain": runs(spent, seed=0), "same": runs(spent, seed=1)})
    overall = found.groups[1].overall
    assert overall is not None and overall.worth is None and not overall.is_sure
    assert "these runs do not tell" in found.sentences()[0]


def test_losses_at_equal_n_and_d_are_told_before_there_is_a_law() -> None:
    worse = runs(lambda n, d: 1.1 * plain(n, d), seed=1, keep=slice(4))
    found = laws.compare({"plain": runs(plain, seed=0, keep=slice(4)), "worse": worse})
    overall = found.groups[1].overall
    assert overall is not None and overall.untold and overall.ratio.value == pytest.approx(1.1, rel=0.01)
    assert "10 % above that of plain" in found.sentences()[0]
    assert "takes more runs of plain" in found.sentences()[1]


def test_seeds_of_one_point_count_once() -> None:
    table = runs(plain, seed=0)
    twice = laws.run_table(
        n_params=np.tile(table.n_params, 2), n_tokens=np.tile(table.n_tokens, 2),
        loss=np.concatenate([table.loss * 1.01, table.loss / 1.01]),
    )  # fmt: skip
    overall = laws.compare({"one": table, "two": twice}).groups[1].overall
    assert overall is not None and overall.ratio.n == 16
    assert overall.ratio.value == pytest.approx(1.0)


def test_few_runs_are_said_to_be_few_and_nothing_breaks() -> None:
    few = laws.compare({"a": runs(plain, seed=0, keep=slice(2)), "b": runs(plain, seed=1, keep=slice(2))})
    assert few.groups[1].overall is None or few.groups[1].overall.worth is None or few.law
    json.dumps(few.to_dict())
    with pytest.raises(BadInput, match="two or more"):
        laws.compare({"a": runs(plain, seed=0)})
    with pytest.raises(BadInput, match="no finished run"):
        laws.compare({"a": runs(plain, seed=0), "b": laws.run_table(n_params=[], n_tokens=[], loss=[])})
