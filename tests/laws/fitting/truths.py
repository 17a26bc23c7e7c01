"""A truth for every form, and tables of runs that follow it."""

from __future__ import annotations

import numpy as np

from scalelab.laws import RunTable, run_table
from scalelab.laws.forms import Form, Inputs

from ..simulated import grid

TRUE_THETA = {
    "power": [3.0, -0.07, -0.05],
    "power+E": [1.5, 6.0, 0.2, 0.15],
    "chinchilla": [1.8, 6.174, 7.65, 0.35, 0.37],
    "chinchilla-tied": [1.8, 6.174, 7.65, 0.36],
    "coupled": [1.5, 9.0, 10.0, 0.6, 0.55, 0.6],
    "kaplan": [12.0, 18.0, 0.75, 0.09],
    "kaplan+E": [1.2, 12.0, 18.0, 0.75, 0.2],
    "interaction": [1.6, 6.0, 7.5, 9.0, 0.33, 0.36, 0.25, 0.2],
    "data-constrained": [1.8, 6.174, 7.65, 0.35, 0.37, np.log(12.0), np.log(6.0)],
    "compute": [1.6, 6.0, 0.15],
}
EPOCHS = np.array([1.0, 4.0, 30.0, 2.0, 100.0, 10.0, 1.0])


def table_of(form: Form, noise: float = 0.0, seed: int = 0) -> tuple[RunTable, np.ndarray]:
    """48 runs that follow the form's truth, with noise on ln loss, tokens repeated up to a hundred times; the truth."""
    n, d = grid(48)
    unique = d / np.resize(EPOCHS, 48)
    truth = np.array(TRUE_THETA[form.name])
    scatter = noise * np.random.default_rng(seed).standard_normal(48)
    loss = np.exp(form.log_loss(truth, Inputs.of(n, d, unique_tokens=unique)) + scatter)
    return run_table(n_params=n, n_tokens=d, loss=loss, unique_tokens=unique), truth
