"""Which law to show, and which laws predict: AICc for few runs, the back-test once there are enough.

Knows fits, their residuals and their back-tests; no form by its shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scalelab.laws.choice.backtest import BackTest, mean_miss
from scalelab.laws.choice.panel import Panel
from scalelab.laws.fits import Fit, Verdict
from scalelab.laws.fitting.objective import EFFICIENT, LEAST_SCALE, huber
from scalelab.laws.runs import Array

FEW_RUNS = 16
"""Below this, held-back errors are too noisy to choose one law by."""
FOR_FEW = ("chinchilla-tied", "chinchilla")
NEAR = 1.05
"""Laws within 5 % of the lowest held-back error tie; the one with fewer parameters is shown."""
PANEL = ("kaplan", "chinchilla-tied", "kaplan+E", "coupled")
"""The laws that predict, where there are runs enough for them: without a floor and with one, its terms added and
coupled. The truth of real runs lies between."""
REFUTED = 6.0
"""A law that misses the held-back runs more than this many times as far as the best does not predict: on public
tables none of the panel does, on runs that follow one law exactly the wrong ones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one law did."""

    law: str
    aicc: float | None
    """Akaike's criterion for few runs, relative to the best law's; None with too few runs for it."""
    held_back: float | None
    """Mean |ln predicted − ln observed| on the largest runs over all cuts; None where nothing could be held back."""
    held_back_rms: float | None
    steps: tuple[tuple[int, float], ...] = ()
    """The rolling back-test: (runs held back, mean |miss|) at each cut."""
    weight: float
    """Share in the prediction."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Score:
        """From plain values."""
        return cls(**values | {"steps": tuple(map(tuple, values.get("steps", ())))})


def aicc(fits: Sequence[Fit], residuals: Mapping[str, Array]) -> dict[str, float]:
    """Of each law, relative to the lowest: n ln(S/n) + 2k + 2k(k+1)/(n − k − 1), S by one Huber loss for all laws."""
    delta = EFFICIENT * min((max(fit.sigma, LEAST_SCALE) for fit in fits), default=1.0)
    raw = {}
    for fit in fits:
        n, k = fit.n_runs, fit.n_free + 1
        if n - k - 1 > 0:
            squares = max(2.0 * float(huber(residuals[fit.law], delta).sum()), 1e-300)
            raw[fit.law] = n * np.log(squares / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    low = min(raw.values(), default=0.0)
    return {law: float(value - low) for law, value in raw.items()}


def scores(
    fits: Sequence[Fit], criteria: Mapping[str, float], tests: Mapping[str, BackTest], panel: Panel | None
) -> tuple[Score, ...]:
    """Every law's score."""
    seats = [] if panel is None else [member.law for member in panel.members]
    return tuple(
        Score(
            law=fit.law, aicc=criteria.get(fit.law),
            held_back=tests[fit.law].error if fit.law in tests else None,
            held_back_rms=tests[fit.law].rms if fit.law in tests else None,
            steps=_steps(tests.get(fit.law)),
            weight=1.0 / len(seats) if fit.law in seats else 0.0,
        )
        for fit in fits
    )  # fmt: skip


def _steps(test: BackTest | None) -> tuple[tuple[int, float], ...]:
    return () if test is None else tuple((len(miss), float(np.abs(miss).mean())) for miss in test.misses)


def shown(
    fits: Sequence[Fit], criteria: Mapping[str, float], tests: Mapping[str, BackTest], *, bends: bool
) -> str | None:
    """The one law to show, of those whose parameters the runs tell apart: the least held-back error from 16 runs on,
    AICc between chinchilla's two below. The power law only where it does not bend, or nothing else is left.
    """
    if not fits:
        return None
    told = [fit for fit in fits if fit.verdict is not Verdict.WITHHOLD and not (fit.law == "power" and bends)]
    fits = told or fits
    errors = {fit.law: error for fit in fits if fit.law in tests and (error := tests[fit.law].error) is not None}
    if fits[0].n_runs >= FEW_RUNS and errors:
        lowest = min(errors.values())
        near = [fit for fit in fits if errors.get(fit.law, np.inf) <= NEAR * lowest + 1e-12]
        return min(near, key=lambda fit: (fit.n_free, errors[fit.law])).law
    few = [fit.law for fit in fits if fit.law in FOR_FEW and fit.law in criteria]
    return min(few, key=lambda law: criteria[law]) if few else fits[0].law


def reason(fits: Sequence[Fit], best: str | None, scored: Sequence[Score], n_missing: int = 0) -> str:
    """Why the shown law is shown, in one sentence that begins with its name; `n_missing` laws could not be fitted."""
    if best is None:
        return "no law can be fitted yet"
    n_runs, held = fits[0].n_runs, {score.law: score.held_back for score in scored if score.held_back is not None}
    if len(fits) == 1:
        return f"{best}, the only law that {f'{n_runs} runs allow' if n_missing else 'was asked for'}"
    if n_runs < FEW_RUNS or best not in held:
        how = "by AICc" if best in FOR_FEW else "the first that was asked for"
        return f"{best}, {how}: {n_runs} runs are too few to choose by runs held back"
    better = [fit for fit in fits if held.get(fit.law, np.inf) < held[best]]
    why = f"{best}, {100 * held[best]:.2g} % off the most expensive runs when those were held back"
    if not better:
        return f"{why}: the least of all"
    if all(held[fit.law] * NEAR >= held[best] for fit in better):
        return f"{why}: the least, or within 5 % of it with fewer parameters"
    return f"{why}: the least of the laws whose parameters these runs tell apart"


def panel_of(
    fits: Sequence[Fit], best: str | None, tests: Mapping[str, BackTest], wanted: Sequence[str]
) -> Panel | None:
    """The laws that predict together; those of `wanted` that could be fitted and are not refuted, else the best."""
    by_law = {fit.law: fit for fit in fits if fit.law in tests}
    seats = [by_law[law] for law in wanted if law in by_law]
    if not seats:
        seats = [fit for fit in fits if fit.law == best and fit.law in tests]
    if not seats:
        return None
    errors = {fit.law: tests[fit.law].rms for fit in seats}
    known = [error for error in errors.values() if error is not None]
    bar = REFUTED * max(min(known), LEAST_SCALE) if known else np.inf
    kept = [fit for fit in seats if (errors[fit.law] or 0.0) <= bar]
    miss = mean_miss([tests[fit.law] for fit in kept])
    return Panel(
        members=tuple(tests[fit.law].member for fit in kept),
        refuted=tuple(fit.law for fit in seats if fit not in kept),
        typical_miss=miss if miss is not None else min(fit.sigma for fit in kept),
        t_quantile=float(np.median([fit.t_quantile for fit in kept])),
    )
