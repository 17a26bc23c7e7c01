"""Fits of public tables against what their authors, or the checks of their authors, printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import Fit
from scalelab.laws.forms import Inputs


def published(shared_data: Path, name: str, law: str = "chinchilla", **where: str) -> Fit:
    return laws.fit(laws.read_runs(shared_data / f"{name}.csv", where=where), law, "hoffmann")


def test_chinchilla_runs_reach_the_optimum_of_the_stated_objective(shared_data: Path) -> None:
    fit = published(shared_data, "chinchilla_epoch", outlier="0")
    assert fit.n_runs == 240
    assert fit.objective_value <= 0.0010182741
    values = [fit.params[name] for name in ("E", "A", "B", "alpha", "beta")]
    np.testing.assert_allclose(values, [1.817218, 477.8259, 2143.417, 0.3473105, 0.3671724], rtol=1e-5)


def test_largest_chinchilla_runs_are_predicted_as_by_the_optimum(shared_data: Path) -> None:
    fit = published(shared_data, "chinchilla_epoch", outlier="0")
    runs = laws.read_runs(shared_data / "chinchilla_epoch.csv", where={"outlier": "0"})
    top = np.argsort(runs.compute)[-5:]
    n, d = runs.n_params[top], runs.n_tokens[top]
    optimum = 1.817218 + 477.8259 / n**0.3473105 + 2143.417 / d**0.3671724
    np.testing.assert_allclose(fit.loss(n, d), optimum, rtol=1e-4)


def test_published_triple_is_no_better_than_our_optimum(shared_data: Path) -> None:
    runs = laws.read_runs(shared_data / "chinchilla_epoch.csv", where={"outlier": "0"})
    form = laws.FORMS["chinchilla"]
    triple = np.array([1.81686, np.log(482.00572), np.log(2085.43420), 0.34781, 0.36585])
    size = np.abs(np.log(runs.loss) - form.log_loss(triple, Inputs.of(runs.n_params, runs.n_tokens)))
    objective = float(np.where(size <= 1e-3, size**2 / 2, 1e-3 * (size - 5e-4)).sum())
    assert objective == pytest.approx(0.0010186448, rel=2e-4)  # the triple is printed with few digits
    assert laws.fit(runs, objective="hoffmann").objective_value < objective


def test_all_chinchilla_runs_with_their_outliers(shared_data: Path) -> None:
    fit = published(shared_data, "chinchilla_epoch")
    assert fit.n_runs == 245
    assert fit.objective_value == pytest.approx(0.00182601052307, rel=1e-8)
    values = [fit.params[name] for name in ("E", "A", "B", "alpha", "beta")]
    np.testing.assert_allclose(values, [1.89134, 495.726, 12845.6, 0.349313, 0.453049], rtol=2e-5)


@pytest.mark.parametrize(
    ("series", "objective"),
    [
        ("hot", 0.0019816129),
        ("cool_end", 0.0019640865),
        ("lr_ablation_hot", 0.0019728624),
        ("hot_100b+", 0.0065925344),
        ("hot_120b+_only", 0.0038623994),
    ],
)
def test_gemstones_objectives_are_equalled_or_beaten(shared_data: Path, series: str, objective: float) -> None:
    fit = published(shared_data, "gemstones", series=series)
    assert objective - 2e-9 <= fit.objective_value <= objective + 1e-10


@pytest.mark.parametrize(("series", "objective"), [("hot", 0.0017466699), ("cool_end", 0.001713242)])
def test_gemstones_objectives_without_embeddings(shared_data: Path, series: str, objective: float) -> None:
    counted = {"n_params": "params_no_embed"}
    runs = laws.read_runs(shared_data / "gemstones.csv", columns=counted, where={"series": series})
    fit = laws.fit(runs, "chinchilla", "hoffmann")
    assert objective - 2e-9 <= fit.objective_value <= objective + 1e-10


def test_gemstones_exponents(shared_data: Path) -> None:
    fit = published(shared_data, "gemstones", series="hot")
    values = [fit.params[name] for name in ("E", "alpha", "beta")]
    np.testing.assert_allclose(values, [2.1431, 0.2929, 0.7129], rtol=2e-4)


def test_olmo_ladder_optimum(shared_data: Path) -> None:
    fit = published(shared_data, "olmo_ladder", series="ladder")
    assert fit.n_runs == 16
    assert fit.objective_value <= 3.20939e-05
    values = [fit.params[name] for name in ("E", "A", "B", "alpha", "beta")]
    np.testing.assert_allclose(values, [1.0401, 13.71, 30.743, 0.1122, 0.1577], rtol=1e-3)


def test_olmo_target_is_predicted_better_than_published(shared_data: Path) -> None:
    ladder = laws.read_runs(shared_data / "olmo_ladder.csv", where={"series": "ladder"})
    target = laws.read_runs(shared_data / "olmo_ladder.csv", where={"series": "target"})
    largest = int(target.n_params.argmax())
    told = laws.assess(ladder).predict(float(target.n_params[largest]), float(target.n_tokens[largest]))
    assert abs(told.loss / target.loss[largest] - 1) < 0.0383
    assert told.low < target.loss[largest] < told.high


def test_muennighoff_single_epoch_fit(shared_data: Path) -> None:
    runs = laws.read_runs(shared_data / "muennighoff.csv")
    once = runs.take(runs.n_tokens <= runs.unique_tokens * 1.0001)
    fit = laws.fit(once, objective="hoffmann")
    assert fit.n_runs == 29
    assert fit.objective_value == pytest.approx(0.00058454892, rel=1e-6)
