"""A law with numbers: what a fit found, its intervals, and the law evaluated anywhere. Goes to JSON and back.

Evaluation needs numpy only (the Student quantile is stored), so that a screen can draw a law without scipy. Knows how
to evaluate, never how to fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scalelab.laws.forms import Form, Inputs, form_named
from scalelab.laws.runs import Array

LARGEST = 300.0
"""Logs are cut here before they are exponentiated: a hopeless interval ends at a finite number, as JSON must."""


class Verdict(StrEnum):
    """How well the runs tell the parameters apart, from the condition number of the scaled Jacobian."""

    GOOD = "good"
    """Below 60."""
    CAUTION = "caution"
    """60 to 300: show the exponents with a warning."""
    WITHHOLD = "withhold"
    """Above 300: the exponents mean nothing; only the law of compute may be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One number of the law with its interval."""

    name: str
    value: float
    low: float
    high: float
    se: float
    """Standard error on the number's own scale, to first order; 0 where a bound holds it."""
    at_bound: bool = False
    fixed: bool = False
    """Given by the caller, not fitted: low = high = value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The loss at one (N, D), with the interval of its level and the parts that the interval is made of."""

    n_params: float
    n_tokens: float
    loss: float
    """Nats a token."""
    low: float
    high: float
    parameters: float
    """Standard error of ln loss from the parameters alone."""
    forms: float = 0.0
    """Spread of ln loss between the laws that fit about as well."""
    held_back: float = 0.0
    """Error of ln loss on the largest runs when they were held back, or the scatter of runs where none could be."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """The run that would do most to tell the parameters apart."""

    n_params: float
    n_tokens: float
    condition: float
    """The condition number with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A law fitted to runs."""

    law: str
    objective: str
    theta: tuple[float, ...]
    """The parameters as fitted (logs of coefficients, E itself); the form knows their order."""
    covariance: tuple[tuple[float, ...], ...]
    """Of theta; rows of a parameter held at a bound are zero."""
    t_quantile: float
    """Student's two-sided quantile for `level` and `dof`."""
    level: float
    estimates: tuple[Estimate, ...]
    n_runs: int
    n_free: int
    """Parameters that were fitted: those that the caller fixed do not count."""
    dof: int
    r2_log: float
    """1 − Σ residual²/Σ (ln loss − mean)²."""
    objective_value: float
    """The sum over runs that was minimised, weights included."""
    sigma: float
    """Scatter of ln loss about the law: root mean square over dof for least squares, MAD scale otherwise."""
    delta: float | None
    """Where Huber's loss turns straight; None for least squares."""
    converged: bool
    iterations: int
    starts: int
    """Starts that Newton's method was given; 0 for the closed form."""
    bounds_hit: tuple[str, ...]
    """Reported numbers held by a bound: "E" means that zero serves as well."""
    second_objective: float | None
    """Objective of the second-best distinct minimum found, None where all starts met."""
    second_theta: tuple[float, ...] | None
    condition: float
    verdict: Verdict
    mend: Mend | None
    """Named where the verdict is not good."""
    run_id: tuple[str, ...]
    """The runs used, in the order of `residuals`; empty for tables above 5,000 runs."""
    residuals: tuple[float, ...]
    """ln(observed) − ln(law)."""
    n_range: tuple[float, float]
    """Smallest and largest N among the runs."""
    d_range: tuple[float, float]
    c_range: tuple[float, float]
    flops_table: tuple[tuple[float, float], ...]
    """(N, FLOPs a token) as the runs counted them; empty where 6·N holds."""
    count_name: str
    n_excluded: int
    fixed: tuple[str, ...] = ()
    """Reported numbers that the caller gave a value."""
    interval_method: str = "t"
    """How the intervals of `estimates` were made: "t" (delta method), "profile", "bootstrap" or "cluster"."""

    @property
    def form(self) -> Form:
        """The functional form."""
        return form_named(self.law)

    @property
    def params(self) -> dict[str, float]:
        """The law's numbers by name."""
        return {estimate.name: estimate.value for estimate in self.estimates}

    def estimate(self, name: str) -> Estimate:
        """One of the law's numbers; KeyError where it has none of that name."""
        for estimate in self.estimates:
            if estimate.name == name:
                return estimate
        raise KeyError(name)

    def bounds(self, loss: Array) -> tuple[Array, Array]:
        """Lower and upper bound of θ for runs with these losses; both the value itself where it is fixed."""
        lower, upper = self.form.bounds(loss)
        for name in self.fixed:
            index = self.form.reported_as(name).needs[0]
            lower[index] = upper[index] = self.theta[index]
        return lower, upper

    def inputs(
        self, n_params: npt.ArrayLike, n_tokens: npt.ArrayLike, unique_tokens: npt.ArrayLike | None = None
    ) -> Inputs:
        """N and D as the form sees them; unique_tokens only where the law looks at repetition, None for all fresh."""
        if unique_tokens is None or "unique_tokens" not in self.form.variables:
            return Inputs.of(n_params, n_tokens)
        return Inputs.of(n_params, n_tokens, unique_tokens=unique_tokens)

    def loss(
        self, n_params: npt.ArrayLike, n_tokens: npt.ArrayLike, unique_tokens: npt.ArrayLike | None = None
    ) -> Array:
        """The law at N and D (any shapes that broadcast), nats a token: an array of the common shape.

        `unique_tokens` are those before the first repetition; None: all D are fresh. Only laws of repeated data look.
        """
        loss: Array = np.exp(np.clip(self.log_loss(n_params, n_tokens, unique_tokens), -LARGEST, LARGEST))
        return loss

    def log_loss(
        self, n_params: npt.ArrayLike, n_tokens: npt.ArrayLike, unique_tokens: npt.ArrayLike | None = None
    ) -> Array:
        """Ln of the law at N and D, in the common shape."""
        inputs = self.inputs(n_params, n_tokens, unique_tokens)
        shape = _common_shape(n_params, n_tokens, unique_tokens)
        return self.form.log_loss(np.array(self.theta), inputs).reshape(shape)

    def log_se(
        self, n_params: npt.ArrayLike, n_tokens: npt.ArrayLike, unique_tokens: npt.ArrayLike | None = None
    ) -> Array:
        """Standard error of ln L from the parameters' covariance (the delta method), in the common shape."""
        inputs = self.inputs(n_params, n_tokens, unique_tokens)
        shape = _common_shape(n_params, n_tokens, unique_tokens)
        return self.along(self.form.gradient(np.array(self.theta), inputs)).reshape(shape)

    def along(self, gradient: Array) -> Array:
        """Standard error of a number with these gradients (m, p) by θ: shape (m,)."""
        variance = np.einsum("mp,pq,mq->m", gradient, np.array(self.covariance), gradient)
        se: Array = np.sqrt(np.clip(variance, 0.0, 1e300))
        return se

    def band(
        self, n_params: npt.ArrayLike, n_tokens: npt.ArrayLike, unique_tokens: npt.ArrayLike | None = None
    ) -> tuple[Array, Array, Array]:
        """(loss, low, high) over arrays: the parameters' interval only."""
        log_loss = np.clip(self.log_loss(n_params, n_tokens, unique_tokens), -LARGEST, LARGEST)
        half = np.minimum(self.t_quantile * self.log_se(n_params, n_tokens, unique_tokens), LARGEST)
        return np.exp(log_loss), np.exp(log_loss - half), np.exp(log_loss + half)

    def predict(self, n_params: float, n_tokens: float, unique_tokens: float | None = None) -> Prediction:
        """The law at one (N, D) with the interval that its parameters alone give it.

        The scatter of single runs, the choice of form and the error of extrapolation are not in it:
        `Assessment.predict` adds those.
        """
        loss, low, high = (float(part) for part in self.band(n_params, n_tokens, unique_tokens))
        se = float(self.log_se(n_params, n_tokens, unique_tokens))
        return Prediction(n_params=n_params, n_tokens=n_tokens, loss=loss, low=low, high=high, parameters=se)

    def equation(self, digits: int = 4) -> str:
        """The law in one line with its numbers filled in."""
        words = self.form.formula
        for name in sorted(self.params, key=len, reverse=True):
            words = _fill(words, name, f"{self.params[name]:.{digits}g}")
        return words

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)

    def to_json(self) -> str:
        """As one line of strict JSON."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts = {key: _tuples(value) for key, value in values.items()}
        parts["estimates"] = tuple(Estimate(**estimate) for estimate in values["estimates"])
        parts["verdict"] = Verdict(values["verdict"])
        parts["mend"] = None if values["mend"] is None else Mend(**values["mend"])
        return cls(**parts)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From its JSON."""
        return cls.from_dict(json.loads(text))


def _common_shape(n_params: npt.ArrayLike, n_tokens: npt.ArrayLike, unique: npt.ArrayLike | None) -> tuple[int, ...]:
    return np.broadcast_shapes(np.shape(n_params), np.shape(n_tokens), () if unique is None else np.shape(unique))


def _fill(words: str, name: str, number: str) -> str:
    """`name` replaced by `number` where it stands as a word of its own."""
    number = f"({number})" if number.startswith("-") else number
    return re.sub(rf"(?<![A-Za-z_0-9]){re.escape(name)}(?![A-Za-z_0-9])", number, words)


def _tuples(value: Any) -> Any:
    """Lists of JSON as the tuples they were."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_tuples(part) for part in value)
    return value
