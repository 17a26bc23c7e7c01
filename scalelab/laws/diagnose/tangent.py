"""A fitted law's tangent plane at its runs: what every test of residuals here is made in.

The residuals are projected off the plane by least squares, whatever the fit's own objective was: a robust fit that
leaves a wrong run far away is a good place for the tangent, and a least-squares residual has a known distribution.
Knows residuals and Jacobians; no run by name, no sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scalelab.laws.fits import Fit
from scalelab.laws.fitting.fitter import inputs_of, weights_of
from scalelab.laws.runs import Array, Mask, RunTable

SAME = 1e-7
"""Directions of the scaled Jacobian below this share of its largest are none."""
LEAST_SCATTER = 1e-7
"""Scatter of ln loss below which residuals are rounding."""
ALONE = 1e-6
"""1 − leverage below this: the law passes through that run whatever its loss, and nothing can be tested there."""


class Slope(NamedTuple):
    """A further column fitted beside the law."""

    value: float
    """Change of ln loss with one unit of the column."""
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tangent:
    """Residuals and the orthonormal basis of the plane, both times √weight."""

    basis: Array
    """(n, k)."""
    residuals: Array
    """(n,): off the plane."""
    shift: Array
    """(n,): what the projection took away; residuals + shift are those of the fit."""
    root: Array
    """(n,): √weight."""

    @property
    def dof(self) -> int:
        """Runs less directions."""
        return len(self.residuals) - int(self.basis.shape[1])

    @property
    def hat(self) -> Array:
        """Leverage of each run, 0 to 1; they sum to the number of directions."""
        hat: Array = np.clip(np.einsum("nk,nk->n", self.basis, self.basis), 0.0, 1.0)
        return hat

    @property
    def squares(self) -> float:
        """Sum of squares off the plane, at least that of rounding."""
        return max(float(self.residuals @ self.residuals), self.dof * LEAST_SCATTER**2)

    def studentised(self) -> Array:
        """Externally studentised residuals: each against the scatter of the others; 0 where nothing can be tested.

        Student's t with dof − 1 on clean runs (Cook and Weisberg 1982, Residuals and Influence in Regression, 2.2.1).
        """
        room = 1.0 - self.hat
        off = self.residuals**2 / np.maximum(room, ALONE)
        rest = np.maximum(self.squares - off, max(self.dof - 1, 1) * LEAST_SCATTER**2) / max(self.dof - 1, 1)
        size: Array = np.where(room > ALONE, self.residuals / np.sqrt(rest * np.maximum(room, ALONE)), 0.0)
        return size

    def without(self, gone: Mask) -> Tangent:
        """The plane through the other runs alone, in their order."""
        left = ~gone
        return project(self.basis[left], (self.residuals + self.shift)[left], self.root[left])

    def beside(self, column: Array, cluster: Sequence[str] | None = None) -> Slope | None:
        """A column (n,) fitted beside the law: its slope, and how likely chance alone is to give one as large.

        None where the law can already follow the column or no degree of freedom is left. Runs of one cluster share
        their noise: their residuals are summed before they are squared (Liang and Zeger 1986).
        """
        new = column * self.root
        off = new - self.basis @ (self.basis.T @ new)
        size = float(off @ off)
        if self.dof < 2 or size < 1e-6 * float(new @ new) or size == 0:
            return None
        value = float(off @ self.residuals) / size
        rest = self.residuals - value * off
        floor = LEAST_SCATTER**2
        variance, dof = max(float(rest @ rest) / (self.dof - 1), floor) / size, self.dof - 1
        if cluster is not None:
            groups, of = np.unique(np.array(cluster), return_inverse=True)
            if 1 < len(groups) < len(column):
                sums = np.bincount(of, weights=off * rest)
                share = len(groups) / (len(groups) - 1)
                variance = max(share * float(sums @ sums) / size**2, variance)
                dof = min(dof, len(groups) - 1)
        return Slope(value, float(two_sided(np.array([value / np.sqrt(variance)]), dof)[0]))


def tangent_of(runs: RunTable, fit: Fit) -> Tangent:
    """The tangent plane of a fit at runs, in the directions that were free."""
    form, theta = fit.form, np.array(fit.theta)
    inputs = inputs_of(runs, form)
    root = np.sqrt(weights_of(runs))
    with np.errstate(all="ignore"):
        residuals = np.log(runs.loss) - form.log_loss(theta, inputs)
        jacobian = form.gradient(theta, inputs)[:, free_of(fit)]
    return project(finite(jacobian) * root[:, None], finite(residuals) * root, root)


def free_of(fit: Fit) -> Mask:
    """Which entries of θ were free: neither given nor held at a bound, whose variance is zero."""
    free: Mask = np.array([row[i] > 0 for i, row in enumerate(fit.covariance)], dtype=bool)
    exact = not free.any() and not fit.fixed and not fit.bounds_hit
    return ~free if exact else free  # without any residual all variances are zero


def project(columns: Array, residuals: Array, root: Array) -> Tangent:
    """Residuals (n,) off the columns (n, p), both already times `root`."""
    size = np.linalg.norm(columns, axis=0)
    columns = columns[:, size > 0] / size[size > 0]
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    basis = left[:, values > SAME * values.max(initial=0.0)]
    shift = basis @ (basis.T @ residuals)
    return Tangent(basis=basis, residuals=residuals - shift, shift=shift, root=root)


def finite(values: Array) -> Array:
    """The array with zeros for what is no number."""
    return values if np.isfinite(values).all() else np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def two_sided(t: Array, dof: int) -> Array:
    """Student's two-sided p-values."""
    from scipy.special import stdtr  # here, since reading a stored diagnosis must not load scipy

    p_values: Array = 2.0 * stdtr(dof, -np.abs(t))
    return p_values
