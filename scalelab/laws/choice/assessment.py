"""The record of everything a lab knows after a run: its laws, which to believe, how far to trust a prediction.

Goes to JSON and back and predicts without scipy; it is what a store keeps and what every screen reads. Knows how to
predict from several laws, never how to fit one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.choice.contest import Score
from scalelab.laws.choice.holdout import HoldOut
from scalelab.laws.diagnose.curvature import Curvature
from scalelab.laws.fits import LARGEST, Fit, Prediction
from scalelab.laws.flops import FlopsPerToken
from scalelab.laws.runs import Array, Exclusion
from scalelab.laws.use.optimum import Optimum, best_split

COMPETING = 2.0
"""Laws whose held-back error is within this factor of the best's count when the spread between laws is taken."""
SUPPORTED = 10.0
"""So do those whose AICc is within this of the lowest (Burnham and Anderson 2002: beyond it no support is left)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A law that could not be fitted yet."""

    law: str
    reason: str
    runs_needed: int
    """Further runs; 0 where more of the same would not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the runs of a lab say."""

    n_runs: int
    n_excluded: int
    excluded: tuple[Exclusion, ...]
    """The first hundred of them."""
    fits: tuple[Fit, ...]
    missing: tuple[Missing, ...]
    scores: tuple[Score, ...]
    best: str | None
    """The law to predict with; None before any could be fitted."""
    reason: str
    """Why that one."""
    curvature: Curvature | None
    compute_law: Fit | None
    """E + K/C^γ, given where the best law's exponents must be withheld: all that such runs can tell."""
    hold_outs: tuple[HoldOut, ...]
    """The best law and the power law, without the largest run and without the largest budget, where enough remains."""
    held_back: float
    """Part of every prediction interval: error of ln loss on held-back runs, or the scatter where none could be."""
    optimum: Optimum | None
    """At ten times the largest compute spent."""
    verdicts: tuple[str, ...]
    """What a person should know, one sentence each, the most important first."""

    def fit(self, law: str | None = None) -> Fit:
        """The fit of a law, by default of the best; BadInput where there is none."""
        wanted = law or self.best
        for found in self.fits:
            if found.law == wanted:
                return found
        known = ", ".join(found.law for found in self.fits) or "none yet"
        if wanted is None:
            raise BadInput(self.verdicts[0] if self.verdicts else f"no law yet from {self.n_runs} runs")
        raise BadInput(f"no fit of {wanted} in {self.n_runs} runs", allowed=known)

    def predict(self, n_params: float, n_tokens: float) -> Prediction:
        """The loss that a run of this N and D will reach, with an interval of three parts.

        The parameters' own error, the spread between the laws that serve about as well, and the error on held-back
        runs, added as variances of ln loss and multiplied by Student's quantile. BadInput before any fit.
        """
        best = self.fit()
        log_loss, parts = self._parts(np.array([n_params]), np.array([n_tokens]))
        parameters, forms = float(parts[0][0]), float(parts[1][0])
        loss = float(np.exp(log_loss[0]))
        se = float(np.sqrt(parameters**2 + forms**2 + self.held_back**2))
        spread = float(np.exp(min(best.t_quantile * se, LARGEST)))
        return Prediction(
            n_params=n_params, n_tokens=n_tokens, loss=loss, low=loss / spread, high=loss * spread,
            parameters=parameters, forms=forms, held_back=self.held_back,
        )  # fmt: skip

    def loss(self, n_params: Array, n_tokens: Array) -> Array:
        """The predicted loss over arrays, nats a token."""
        return np.exp(self._parts(n_params, n_tokens)[0])

    def frontier(
        self, flops: float, flops_per_token: FlopsPerToken | Sequence[tuple[float, float]] | None = None
    ) -> Optimum:
        """The best N and D at a compute, with the prediction's whole interval."""
        best = self.fit()
        n, d, interior = best_split(best, self.loss, flops, flops_per_token)
        there = self.predict(n, d)
        return Optimum(
            law=best.law, flops=flops, n_params=n, n_tokens=d, loss=there.loss, low=there.low, high=there.high,
            interior=interior,
        )  # fmt: skip

    def _parts(self, n_params: Array, n_tokens: Array) -> tuple[Array, tuple[Array, Array]]:
        """Ln of the predicted loss, and (standard error of the parameters, spread between laws)."""
        weights = {score.law: score.weight for score in self.scores if score.weight > 0}
        chosen = [found for found in self.fits if found.law in weights]
        logs = {
            found.law: np.clip(found.log_loss(n_params, n_tokens), -LARGEST, LARGEST) for found in self.competitors()
        }
        log_loss = sum(weights[found.law] * logs[found.law] for found in chosen)
        errors = np.stack([found.log_se(n_params, n_tokens) for found in chosen])
        shares = np.array([weights[found.law] for found in chosen])[:, None]
        others = [value - log_loss for value in logs.values()]
        spread = np.sqrt(np.sum(np.square(others), axis=0) / max(len(others) - 1, 1))
        return np.asarray(log_loss), (np.sqrt((shares * errors.reshape(len(chosen), -1) ** 2).sum(axis=0)), spread)

    def competitors(self) -> list[Fit]:
        """The laws that serve about as well as the best; the power law not where the runs show it bending."""
        bends = self.curvature is not None and self.curvature.bends
        scored = {score.law: score for score in self.scores}
        bar = next((score.held_back for score in self.scores if score.law == self.best), None)
        return [
            found
            for found in self.fits
            if scored[found.law].weight > 0
            or (_competes(scored[found.law], bar) and not (found.law == "power" and bends))
        ]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)

    def to_json(self) -> str:
        """As one line of strict JSON."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts = dict(values)
        parts["excluded"] = tuple(Exclusion(**item) for item in values["excluded"])
        parts["fits"] = tuple(Fit.from_dict(item) for item in values["fits"])
        parts["missing"] = tuple(Missing(**item) for item in values["missing"])
        parts["scores"] = tuple(Score(**item) for item in values["scores"])
        parts["curvature"] = None if values["curvature"] is None else Curvature(**values["curvature"])
        law = values["compute_law"]
        parts["compute_law"] = None if law is None else Fit.from_dict(law)
        parts["hold_outs"] = tuple(HoldOut.from_dict(item) for item in values["hold_outs"])
        parts["optimum"] = None if values["optimum"] is None else Optimum(**values["optimum"])
        parts["verdicts"] = tuple(values["verdicts"])
        return cls(**parts)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From its JSON."""
        return cls.from_dict(json.loads(text))


def _competes(score: Score, bar: float | None) -> bool:
    """Whether a law's record is near enough to the best law's for their difference to be a doubt."""
    near = bar is not None and score.held_back is not None and score.held_back <= COMPETING * bar
    return near or (score.aicc is not None and score.aicc <= SUPPORTED)
