"""The laws that predict together: evaluated with numpy, kept in JSON; who sits on the panel is decided elsewhere.

No single form is true of real runs, and which one misses least beyond them cannot be told from within: laws over a
floor end too high, laws without one too low. The mean of ln L over a few that were not refuted misses about half as
far as the one that looks best (`python -m tests.benchmarks splits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scalelab.laws.choice.repeats import fresh_equivalent
from scalelab.laws.fits import LARGEST
from scalelab.laws.flops import FlopsPerToken, flops_per_token
from scalelab.laws.forms import Inputs, form_named
from scalelab.laws.intervals.split import log_n_se
from scalelab.laws.runs import Array
from scalelab.laws.use.search import Curve, lowest

Source = FlopsPerToken | Sequence[tuple[float, float]] | None

CAMPS = 2
"""Independent views on the panel: laws over a floor, laws without. The standard error of the members' mean is their
spread over the root of this, and not of how many sit there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One law of the panel, fitted with weights that grow with compute."""

    law: str
    theta: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    def log_loss(self, n_params: Array, n_tokens: Array, unique: npt.ArrayLike | None) -> Array:
        """Ln of the law at N and D of one shape, flattened."""
        inputs = self._inputs(n_params, n_tokens, unique)
        value: Array = np.clip(form_named(self.law).log_loss(np.array(self.theta), inputs), -LARGEST, LARGEST)
        return value

    def loss(self, n_params: Array, n_tokens: Array, unique_tokens: npt.ArrayLike | None = None) -> Array:
        """The law in nats a token, as `log_loss`."""
        return np.exp(self.log_loss(n_params, n_tokens, unique_tokens))

    def along(self, flops: float, source: Source) -> Curve:
        """Loss against ln N at a compute."""
        per_token = flops_per_token(source)
        return lambda log_n: self.loss(np.exp(log_n), flops / per_token(np.exp(log_n)))

    def log_n_se(self, n_params: float, flops: float, source: Source) -> float:
        """Standard error of ln of its own best N, given that; from the parameters' covariance."""
        return log_n_se(form_named(self.law), np.array(self.theta), np.array(self.covariance), n_params, flops, source)

    def variance(self, n_params: Array, n_tokens: Array, unique: npt.ArrayLike | None) -> Array:
        """Of ln L, from the parameters' covariance."""
        gradient = form_named(self.law).gradient(np.array(self.theta), self._inputs(n_params, n_tokens, unique))
        variance: Array = np.einsum("np,pq,nq->n", gradient, np.array(self.covariance), gradient)
        return np.clip(variance, 0.0, 1e300)

    def _inputs(self, n_params: Array, n_tokens: Array, unique: npt.ArrayLike | None) -> Inputs:
        """What the law sees: fresh tokens, or where it is a law of repeated ones, both counts."""
        if form_named(self.law).variables:
            return Inputs.of(n_params, n_tokens, unique_tokens=n_tokens if unique is None else unique)
        return Inputs.of(n_params, fresh_equivalent(n_tokens, unique))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        return cls(law=values["law"], theta=tuple(values["theta"]), covariance=tuple(map(tuple, values["covariance"])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The laws that predict, each with the same say."""

    members: tuple[Member, ...]
    refuted: tuple[str, ...]
    """Laws that would sit here too, had they not missed the largest runs far more than the best did."""
    typical_miss: float
    """Standard error of ln loss seen on the most expensive runs when they were held back: 1.48 × the median
    |miss| of the members' mean, averaged over the cuts; the scatter of runs where none could be held back."""
    t_quantile: float
    """Student's two-sided quantile, the median of the members': that of the member with the fewest degrees of freedom
    for all widens what the others say of themselves (11 % instead of 9 % half-width at nine runs, no more covered)."""

    def log_loss(self, n_params: npt.ArrayLike, n_tokens: npt.ArrayLike, unique: npt.ArrayLike | None = None) -> Array:
        """Mean of ln L over the members, in the common shape of N and D."""
        n, d = np.broadcast_arrays(np.asarray(n_params, dtype=float), np.asarray(n_tokens, dtype=float))
        mean: Array = np.mean([member.log_loss(n, d, unique) for member in self.members], axis=0)
        return mean.reshape(n.shape)

    def parts(self, n_params: float, n_tokens: float, unique: float | None = None) -> tuple[float, float, float]:
        """(ln L, its standard error from the parameters, that from the choice of law) at one point.

        The members saw the same runs and err together: the standard error of their mean is the mean of theirs.
        """
        n, d = np.array([n_params]), np.array([n_tokens])
        logs = np.array([member.log_loss(n, d, unique)[0] for member in self.members])
        parameters = float(np.mean([np.sqrt(member.variance(n, d, unique)[0]) for member in self.members]))
        spread = float(logs.std(ddof=1) / np.sqrt(CAMPS)) if len(logs) > 1 else 0.0
        return float(logs.mean()), parameters, spread

    def log_n_half(self, flops: float, source: Source, searched: tuple[float, float]) -> float:
        """Half-width of the interval of ln N*: what each law's parameters tell of it, and what the laws differ by."""
        own = np.array([lowest(member.along(flops, source), *searched)[0] for member in self.members])
        errors = [member.log_n_se(float(np.exp(x)), flops, source) for member, x in zip(self.members, own, strict=True)]
        spread = float(own.std(ddof=1) / np.sqrt(CAMPS)) if len(own) > 1 else 0.0
        return self.t_quantile * float(np.hypot(np.median(errors), spread))

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts = dict(values)
        parts["members"] = tuple(Member.from_dict(item) for item in values["members"])
        parts["refuted"] = tuple(values["refuted"])
        return cls(**parts)
