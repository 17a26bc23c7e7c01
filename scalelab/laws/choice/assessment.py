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
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.choice.contest import Score
from scalelab.laws.choice.holdout import HoldOut
from scalelab.laws.choice.panel import Panel
from scalelab.laws.diagnose.curvature import Curvature
from scalelab.laws.diagnose.diagnosis import Diagnosis
from scalelab.laws.fits import LARGEST, Fit, Prediction
from scalelab.laws.flops import FlopsPerToken
from scalelab.laws.runs import Array, Exclusion
from scalelab.laws.use.optimum import Optimum, best_split, n_searched, optimum_at

VERSION = 2
"""Of the JSON; it changes when an older one could not be read as it was meant."""


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
    """The law to show; None before any could be fitted. What predicts is the panel."""
    reason: str
    """Why that one."""
    curvature: Curvature | None
    diagnosis: Diagnosis | None
    """What is odd about the runs under the shown law."""
    compute_law: Fit | None
    """E + K/C^γ, given where the best law's exponents must be withheld: all that such runs can tell."""
    hold_outs: tuple[HoldOut, ...]
    """The best law and the power law, without the largest run and without the largest budget, where enough remains."""
    panel: Panel | None
    """The laws that predict together; None before any could be fitted."""
    optimum: Optimum | None
    """At ten times the largest compute spent."""
    verdicts: tuple[str, ...]
    """What a person should know, one sentence each, the most important first."""
    set_aside: tuple[str, ...] = ()
    """Runs that the others contradict: `fits` have them, what predicts and the hold-outs do not."""

    @property
    def tried(self) -> tuple[str, ...]:
        """Every law that was asked for: those that could be fitted, then the others."""
        return tuple(fit.law for fit in self.fits) + tuple(each.law for each in self.missing)

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

    def predict(self, n_params: float, n_tokens: float, unique_tokens: float | None = None) -> Prediction:
        """The loss that a run of this N and D will reach, with an interval of three parts.

        The parameters' own error, the spread between the laws of the panel, and how far their mean missed the most
        expensive runs when those were held back, added as variances of ln loss and multiplied by Student's quantile.
        `unique_tokens`, where fewer than D, says that the rest are repeats. BadInput before any fit.
        """
        panel = self._panel()
        log_loss, parameters, forms = panel.parts(n_params, n_tokens, unique_tokens)
        loss = float(np.exp(log_loss))
        se = float(np.sqrt(parameters**2 + forms**2 + panel.typical_miss**2))
        spread = float(np.exp(min(panel.t_quantile * se, LARGEST)))
        return Prediction(
            n_params=n_params, n_tokens=n_tokens, loss=loss, low=loss / spread, high=loss * spread,
            parameters=parameters, forms=forms, held_back=panel.typical_miss,
        )  # fmt: skip

    def loss(self, n_params: Array, n_tokens: Array, unique_tokens: npt.ArrayLike | None = None) -> Array:
        """The predicted loss over arrays, nats a token."""
        return np.exp(self._panel().log_loss(n_params, n_tokens, unique_tokens))

    def frontier(
        self, flops: float, flops_per_token: FlopsPerToken | Sequence[tuple[float, float]] | None = None
    ) -> Optimum:
        """The best N and D at a compute, with the prediction's whole interval and those of N and D.

        N is the median of the panel's own best; its interval holds what each law's parameters tell and what the laws
        differ by.
        """
        best = self.fit()
        source = flops_per_token if flops_per_token is not None else best.flops_table
        split = best_split(self, flops, source)
        half = self._panel().log_n_half(flops, source, n_searched(best, flops)) if split[2] else None
        return optimum_at(self, best, flops, split, half, source)

    def _panel(self) -> Panel:
        if self.panel is None:
            self.fit()  # says what is missing
            raise BadInput(f"{self.best} has numbers that break beyond its runs: there is nothing to predict with")
        return self.panel

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {"version": VERSION} | asdict(self)

    def to_json(self) -> str:
        """As one line of strict JSON."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts = dict(values)
        if parts.pop("version", 1) != VERSION:
            raise BadInput("these laws were fitted by another version of scalelab", todo="fit the runs again")
        parts["excluded"] = tuple(Exclusion(**item) for item in values["excluded"])
        parts["fits"] = tuple(Fit.from_dict(item) for item in values["fits"])
        parts["missing"] = tuple(Missing(**item) for item in values["missing"])
        parts["scores"] = tuple(Score.from_dict(item) for item in values["scores"])
        parts["panel"] = None if values["panel"] is None else Panel.from_dict(values["panel"])
        parts["curvature"] = None if values["curvature"] is None else Curvature(**values["curvature"])
        odd = values["diagnosis"]
        parts["diagnosis"] = None if odd is None else Diagnosis.from_dict(odd)
        law = values["compute_law"]
        parts["compute_law"] = None if law is None else Fit.from_dict(law)
        parts["hold_outs"] = tuple(HoldOut.from_dict(item) for item in values["hold_outs"])
        parts["optimum"] = None if values["optimum"] is None else Optimum(**values["optimum"])
        parts["verdicts"] = tuple(values["verdicts"])
        parts["set_aside"] = tuple(values.get("set_aside", ()))
        return cls(**parts)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From its JSON; BadInput where another version wrote it."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def kept(cls, text: str) -> Self | None:
        """From JSON that a lab has kept, None where another version wrote it: its runs can be fitted again."""
        try:
            return cls.from_json(text)
        except BadInput:
            return None
