"""The table of losses, and the places where more did not help."""

from __future__ import annotations

import numpy as np

from scalelab import laws
from scalelab.report.losses import loss_grid


def table(losses: list[list[float]]) -> laws.RunTable:
    """Sizes 10, 20 … by budgets 100, 200 …; NaN is no run."""
    cells = [
        (10.0 * 2**row, 100.0 * 2**column, loss)
        for row, line in enumerate(losses)
        for column, loss in enumerate(line)
        if not np.isnan(loss)
    ]
    return laws.run_table(
        n_params=[cell[0] for cell in cells], n_tokens=[cell[1] for cell in cells], loss=[cell[2] for cell in cells]
    )


def test_a_falling_grid_has_no_exceptions() -> None:
    grid = loss_grid(table([[4.0, 3.5], [3.8, 3.2]]))
    assert grid.exceptions() == []
    assert grid.loss.tolist() == [[4.0, 3.5], [3.8, 3.2]]


def test_each_exception_names_both_runs_and_both_losses() -> None:
    found = loss_grid(table([[4.0, 3.5], [4.1, 3.2], [3.0, 3.3]])).exceptions()
    assert found == [
        "at D = 100, 20 (4.1000) is above 10 (4.0000)",
        "at D = 200, 40 (3.3000) is above 20 (3.2000)",
        "40 at D = 200 (3.3000) is above D = 100 (3.0000)",
    ]


def test_equal_losses_are_an_exception() -> None:
    assert loss_grid(table([[4.0, 4.0]])).exceptions() == ["10 at D = 200 (4.0000) is no lower than D = 100 (4.0000)"]


def test_gaps_are_looked_over() -> None:
    grid = loss_grid(table([[4.0, float("nan"), 4.2], [3.0, 2.9, 2.8]]))
    assert grid.exceptions() == ["10 at D = 400 (4.2000) is above D = 100 (4.0000)"]
    assert grid.filled == 5 / 6


def test_seeds_are_averaged_and_rounded_budgets_are_one() -> None:
    runs = laws.run_table(n_params=[10, 10, 20, 20], n_tokens=[100, 101, 100, 102], loss=[4.0, 3.0, 2.0, 2.5])
    grid = loss_grid(runs)
    assert grid.loss.tolist() == [[3.5], [2.25]]
    assert grid.n_runs.tolist() == [[2], [2]]


def test_no_runs_are_an_empty_grid() -> None:
    grid = loss_grid(laws.run_table(n_params=[], n_tokens=[], loss=[]))
    assert grid.exceptions() == []
    assert grid.filled == 0.0


def test_a_size_keeps_its_name_when_a_run_of_another_name_joins_it() -> None:
    runs = laws.run_table(
        n_params=[10.0, 10.0, 20.0], n_tokens=[100.0, 200.0, 100.0], loss=[4.0, 3.9, 3.5], run_id=["a", "b", "c"]
    )
    assert loss_grid(runs, {"a": "16x1", "b": "their-model", "c": "24x1"}).rungs == ("16x1", "24x1")
