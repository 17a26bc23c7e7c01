"""What a law is to the fitter: names, bounds, ln L with derivatives, and where to start looking. Data, no fitting.

A new law is one file that makes one Form, and one line in the registry; nothing else changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from scalelab.laws.forms.nodes import Node
from scalelab.laws.forms.summed import Terms
from scalelab.laws.runs import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """Where a law is evaluated: logs of the variables at n runs."""

    log_n: Array
    log_d: Array
    extra: Mapping[str, Array]
    """Further columns by name, such as "unique_tokens"."""

    @classmethod
    def of(cls, n_params: npt.ArrayLike, n_tokens: npt.ArrayLike, **extra: npt.ArrayLike) -> Inputs:
        """From plain N, D and further columns of shapes that broadcast, flattened."""
        plain = (np.asarray(column, dtype=float) for column in (n_params, n_tokens, *extra.values()))
        n, d, *others = np.broadcast_arrays(*plain)
        columns = {name: column.ravel() for name, column in zip(extra, others, strict=True)}
        return cls(log_n=np.log(n).ravel(), log_d=np.log(d).ravel(), extra=columns)


class Kind(StrEnum):
    """What a fitted parameter is, which sets its bounds."""

    LEVEL = "level"
    """A loss that remains (E), itself and not its log; at its lower bound it stands for zero."""
    SCALE = "scale"
    """ln of a coefficient."""
    EXPONENT = "exponent"
    """Positive: the loss falls as N^-exponent."""
    SLOPE = "slope"
    """Of either sign: the power law's exponents, negative where more is better."""
    REPEATS = "repeats"
    """ln of the number of repetitions after which one more has lost most of its worth."""


LEAST_LEVEL = 1e-4
"""E below this share of the smallest loss is told as "E is zero": no table of runs can tell the difference."""

BOUNDS: Mapping[Kind, tuple[float, float]] = {
    Kind.SCALE: (-200.0, 400.0),
    Kind.EXPONENT: (0.005, 10.0),
    Kind.SLOPE: (-50.0, 50.0),
    Kind.REPEATS: (math.log(1e-3), math.log(1e4)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A number that a reader of the law sees, as a function of the fitted θ."""

    name: str
    """As the field writes it: "E", "A", "alpha", "N_c"."""
    value: Callable[[npt.NDArray[Any]], Any]
    """θ (p,) → the number or its log; analytic, since its gradient is taken by a complex step."""
    log: bool
    """Whether value gives the log: intervals are then even on the log scale."""
    needs: tuple[int, ...]
    """Which entries of θ it depends on: a bound hit there is a bound hit here."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """One axis of the grid that is searched for starts."""

    index: int
    """The entry of θ that it sets; where that one is fixed the axis has one cell."""
    values: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """The small linear problem left when the exponents are fixed: target ≈ basis · coefficients, all ≥ 0."""

    basis: Array
    """(cells, k, n)."""
    target: Array
    """(cells or 1, n)."""
    weight: Array
    """(cells or 1, n): multiplies a residual so that it is one of ln L, to first order."""
    log_ratio: Callable[[Array], Array]
    """What basis · coefficients (cells, n) makes of ln law − ln observed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A simpler law as a case of another, exactly or nearly."""

    form: Form
    within: Callable[[Array], Array]
    """θ (S, p) of the simpler law → θ of the other that makes the same law."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Form:
    """One functional form of the law."""

    name: str
    formula: str
    """In plain text, as a person would write it."""
    source: str
    """Where it is from."""
    kinds: tuple[Kind, ...]
    """What each entry of θ is."""
    reported: tuple[Reported, ...]
    prepare: Callable[[Inputs], Any]
    """What ln L needs of the inputs, made once for many θ."""
    compose: Callable[[Array, Any], Node]
    """(θ (S, p), prepared) → ln L at the runs."""
    axes: tuple[Axis, ...]
    """Grid of the parameters that enter non-linearly."""
    coefficients: tuple[int, ...]
    """Entries of θ that enter linearly once the others are given, in the order of the columns of `linear`."""
    linear: Callable[[Array, Inputs, Array], Linear] | None
    """(θ (cells, p), inputs, loss) → the linear problem at each cell; None for a law that is linear in logs.
    Coefficients not yet known are nan."""
    unfold: Callable[[Array, Array], Array] | None = None
    """(values on the axes (cells, q), loss) → the entries of θ that they stand for; None: the values themselves."""
    passes: int = 1
    """How often the linear problem is solved: again where it depends a little on the coefficients themselves."""
    pairs: tuple[tuple[int, int, str], ...] = ()
    """(coefficient, exponent, "n" or "d"): which exponent acts on which variable, for centring."""
    variables: tuple[str, ...] = ()
    """Columns of the table needed besides N and D."""
    least_runs: int = 0
    """Runs below which the law is refused though it has fewer parameters: its valleys are then flat."""
    cases: tuple[Case, ...] = ()
    """Simpler laws that this one holds; their starts are starts for it too."""
    default_objective: str = "huber"
    lacks: Callable[[Inputs], str | None] | None = None
    """What the runs lack for this law, in words; None where they lack nothing."""

    @property
    def n_free(self) -> int:
        """Free parameters."""
        return len(self.kinds)

    def bounds(self, loss: Array) -> tuple[Array, Array]:
        """Lower and upper bound of θ for runs with these losses."""
        level = (LEAST_LEVEL * loss.min(), loss.max())
        both = np.array([level if kind is Kind.LEVEL else BOUNDS[kind] for kind in self.kinds])
        return both[:, 0], both[:, 1]

    def reported_as(self, name: str) -> Reported:
        """The reported number of a name; KeyError where there is none."""
        for item in self.reported:
            if item.name == name:
                return item
        raise KeyError(name)

    def log_loss(self, theta: Array, inputs: Inputs) -> Array:
        """Ln L for θ of shape (p,) or (S, p) at n points: (n,) or (S, n)."""
        prepared, several = self.prepare(inputs), np.atleast_2d(theta)
        if isinstance(prepared, Terms):
            value = prepared.log_loss(several[:, None])[:, 0]
        else:
            value = self.compose(several, prepared).value
        return value[0] if np.ndim(theta) == 1 else value

    def gradient(self, theta: Array, inputs: Inputs) -> Array:
        """∂ ln L/∂θ at one θ: (n, p)."""
        gradient = self.compose(theta[None], self.prepare(inputs)).gradient()[0]
        return np.broadcast_to(gradient, (len(inputs.log_n), self.n_free))


def entry(name: str, index: int, *, log: bool) -> Reported:
    """A reported number that is an entry of θ, or its exponential."""
    return Reported(name=name, value=lambda theta: theta[index], log=log, needs=(index,))


def level(index: int = 0) -> Reported:
    """E, with intervals even on its own scale: a small E has an interval that reaches zero."""
    return entry("E", index, log=False)


def terms(
    inputs: Inputs,
    n_free: int,
    *each: Mapping[str, int],
    floor: int | None,
    outer: int | None = None,
    shift: Array | None = None,
    sign: float = -1.0,
) -> Terms:
    """A law of terms from which entries of θ each has: {"one": 1, "n": 3} is θ₁ − θ₃ ln N; `sign` in place of −."""
    columns = {"one": 1.0, "n": sign * inputs.log_n, "d": sign * inputs.log_d}
    rows = np.zeros((n_free, len(each), len(inputs.log_n)))
    for place, entries in enumerate(each):
        for name, index in entries.items():
            rows[index, place] += columns[name]
    return Terms(rows=rows, shift=shift, floor=floor, outer=outer)


def additive(terms: list[Array], loss: Array) -> Linear:
    """The linear problem of a sum of positive terms: relative residuals of L itself."""
    inverse = 1.0 / loss[None]
    return Linear(
        basis=np.stack(terms, axis=1),
        target=loss[None],
        weight=inverse,
        log_ratio=lambda made: np.log(made * inverse),
    )
