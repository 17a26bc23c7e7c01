"""Which runs a fit hangs on: leverage, and by how much the prediction at ten times the compute moves without each.

The move is one Newton step from the fit with the run left out (Cook and Weisberg 1982, 3.4, for M-estimators): no
refits, so that every refit of a live lab can afford it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalelab.laws.diagnose.names import shown
from scalelab.laws.diagnose.tangent import Tangent, finite, free_of
from scalelab.laws.fits import Fit
from scalelab.laws.fitting.fitter import inputs_of, weights_of
from scalelab.laws.forms import Inputs
from scalelab.laws.runs import Array, RunTable

FURTHER = 10.0
"""The prediction is looked at with this many times the largest compute."""
SHOWN = 5
"""Runs kept, those that move it most."""
LEAST_EIGENVALUE = 1e-8
"""Of the scaled Hessian; below, its residual part is left out, and what is still below is cut."""
LARGEST = 10.0
"""A move of ln loss beyond this is told as this: one step is no measure of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """One run's hold on the fit."""

    run: str
    n_params: float
    n_tokens: float
    leverage: float
    """Hat value: 0, no say; 1, the law passes through this run whatever its loss."""
    t: float
    """Externally studentised residual; 0 where leverage leaves none."""
    moves: float
    """Change of ln loss predicted at ten times the largest compute, were this run left out."""


def pulls(runs: RunTable, fit: Fit, tangent: Tangent) -> tuple[Pull, ...]:
    """The runs that the prediction hangs on, the strongest first, and that of the most leverage if it is another."""
    move, hat, t = moves_without(runs, fit), tangent.hat, tangent.studentised()
    strongest = np.argsort(-np.abs(move), kind="stable")[:SHOWN].tolist()
    strongest += [int(hat.argmax())] if int(hat.argmax()) not in strongest else []
    return tuple(
        Pull(
            run=shown(runs.run_id[i]), n_params=float(runs.n_params[i]), n_tokens=float(runs.n_tokens[i]),
            leverage=float(hat[i]), t=float(t[i]), moves=float(move[i]),
        )
        for i in strongest
    )  # fmt: skip


def further(runs: RunTable) -> tuple[float, float]:
    """(N, D) of ten times the largest compute, at the runs' median tokens a parameter."""
    ratio = float(np.median(np.log(runs.n_tokens / runs.n_params)))
    product = float(np.log(FURTHER * (runs.n_params * runs.n_tokens).max()))
    return float(np.exp((product - ratio) / 2)), float(np.exp((product + ratio) / 2))


def moves_without(runs: RunTable, fit: Fit) -> Array:
    """Change of ln L at `further` when each run is left out in turn: (n,)."""
    form, theta, free = fit.form, np.array(fit.theta), free_of(fit)
    inputs, weight = inputs_of(runs, form), weights_of(runs)
    delta = np.inf if fit.delta is None else fit.delta
    node = form.compose(theta[None], form.prepare(inputs))
    residuals = finite(np.log(runs.loss) - node.value[0])
    psi = weight * np.clip(residuals, -delta, delta)
    inside = np.abs(residuals) <= delta
    jacobian = finite(np.broadcast_to(node.gradient()[0], (len(runs), form.n_free))[:, free])
    bend = np.broadcast_to(node.contract(psi[None]), (1, form.n_free, form.n_free))[0][np.ix_(free, free)]
    pull = weight * np.where(inside, 1.0, 0.0 if inside.mean() > 0.5 else inside.mean() + 1.0 / len(runs))
    inverse = _inverse((jacobian * pull[:, None]).T @ jacobian, finite(bend))
    n, d = further(runs)
    ahead = form.gradient(theta, Inputs.of(n, d, **dict.fromkeys(form.variables, d)))[0, free]
    steps = jacobian @ inverse
    room = 1.0 - np.clip(pull * np.einsum("np,np->n", steps, jacobian), 0.0, 0.99)
    moves: Array = np.clip(-psi * (steps @ finite(ahead)) / room, -LARGEST, LARGEST)
    return moves


def _inverse(gram: Array, bend: Array) -> Array:
    """Of the Hessian gram − bend where that is safely positive, else of the gram alone."""
    unit = 1.0 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
    scale = np.outer(unit, unit)
    values, axes = np.linalg.eigh((gram - bend) * scale)
    if len(values) and values[0] < LEAST_EIGENVALUE:
        values, axes = np.linalg.eigh(gram * scale)
    root = unit[:, None] * axes / np.sqrt(np.maximum(values, LEAST_EIGENVALUE))
    inverse: Array = root @ root.T
    return inverse
