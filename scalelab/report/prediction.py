"""A prediction as words and as a document: the loss, its interval and what the interval is made of, law by law."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scalelab import __version__
from scalelab.report import numbers
from scalelab.report.columns import columns
from scalelab.report.findings import UNSPLIT
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Fit, Prediction
    from scalelab.report.source import Subject

SCHEMA = "scalelab.prediction/1"
FAR = 10.0
"""Beyond this many times the largest compute, N or D of the runs a prediction is called far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What was asked and what the law answers."""

    law: str
    """The law that answers, or the best of several that are averaged."""
    prediction: Prediction
    flops: float
    """C at that N and D, counted as the runs counted theirs."""
    optimal: bool = False
    """Whether N and D are the best split of the compute asked about."""
    interior: bool = True
    """False where a law has no best split and N and D are an edge of the search."""
    start: tuple[float, float, float] | None = None
    """(N, D, loss) of the measured run that it starts from."""
    alternatives: tuple[tuple[str, Prediction], ...] = ()
    """What each law says alone, with the interval of its parameters."""


def for_run(seen: Assessment, n_params: float, n_tokens: float, law: str | None = None) -> Forecast:
    """The loss at N and D."""
    fit = seen.fit(law)
    found = fit.predict(n_params, n_tokens) if law else seen.predict(n_params, n_tokens)
    return Forecast(
        law=fit.law,
        prediction=found,
        flops=_flops(fit, n_params, n_tokens),
        alternatives=_others(seen, n_params, n_tokens),
    )


def for_compute(seen: Assessment, flops: float, law: str | None = None) -> Forecast:
    """The best N and D for C FLOPs, and the loss there."""
    from scalelab import laws

    fit = seen.fit(law)
    best = laws.frontier(fit, flops) if law else seen.frontier(flops)
    found = fit.predict(best.n_params, best.n_tokens) if law else seen.predict(best.n_params, best.n_tokens)
    return Forecast(
        law=fit.law,
        prediction=found,
        flops=flops,
        optimal=True,
        interior=best.interior,
        alternatives=_others(seen, best.n_params, best.n_tokens),
    )


def from_run(
    seen: Assessment, n_params: float, n_tokens: float, start: tuple[float, float, float], law: str | None = None
) -> Forecast:
    """P_B at N and D from the measured P_A at N_A and D_A."""
    from scalelab import laws

    fit = seen.fit(law)
    n_a, d_a, loss_a = start
    found = laws.predict_ratio(fit, loss_a=loss_a, n_a=n_a, d_a=d_a, n_b=n_params, d_b=n_tokens)
    return Forecast(law=fit.law, prediction=found, flops=_flops(fit, n_params, n_tokens), start=start)


def lines(forecast: Forecast, subject: Subject) -> list[str]:
    """The forecast as a person reads it."""
    found = forecast.prediction
    said = [
        f"N = {format_count(found.n_params)}   D = {format_count(found.n_tokens)}   "
        f"({found.n_tokens / found.n_params:.3g} tokens a parameter)   C = {numbers.flops(forecast.flops)} FLOPs"
    ]
    if forecast.optimal:
        said[0] = "best split: " + said[0] if forecast.interior else "no best split; an edge of the search: " + said[0]
    if forecast.start:
        n_a, d_a, loss_a = forecast.start
        said.append(
            f"from a run with N = {format_count(n_a)}, D = {format_count(d_a)}, loss {loss_a:.4g}, by the "
            f"ratio of {forecast.law}:"
        )
    loss = numbers.interval(found.loss, found.low, found.high)
    perplexity = numbers.interval(*(math.exp(min(value, 700.0)) for value in (found.loss, found.low, found.high)))
    said += ["", f"loss        {loss} nats a token, 95 %, by {forecast.law}", f"perplexity  {perplexity}"]
    said.append(
        "            one standard error: "
        + ", ".join(f"{name} {numbers.percent(size)}" for name, size in _parts(found) if size > 0)
    )
    if len(forecast.alternatives) > 1:
        said += ["", "law by law, each with the interval of its own parameters"]
        said += columns(
            [
                [name, _loss(each.loss), f"[{_loss(each.low)}, {_loss(each.high)}]"]
                for name, each in forecast.alternatives
            ],
            indent=2,
            left={0, 2},
        )
    return said + [f"warning: {warning}" for warning in warnings(forecast, subject)]


def _loss(value: float) -> str:
    """Four places, as everywhere, but not of what is no sensible loss."""
    return f"{value:.4f}" if value < 1e4 else f"{value:.1e}"


def _parts(found: Prediction) -> tuple[tuple[str, float], ...]:
    return (("parameters", found.parameters), ("choice of law", found.forms), ("held-back runs", found.held_back))


def warnings(forecast: Forecast, subject: Subject) -> list[str]:
    """How far beyond the runs this is, and whether they can tell N from D at all."""
    found, runs = forecast.prediction, subject.runs
    said = []
    for name, value, column in (("C", forecast.flops, runs.compute), ("N", found.n_params, runs.n_params),
                                ("D", found.n_tokens, runs.n_tokens)):  # fmt: skip
        factor = value / float(column.max())
        if factor > FAR * 1.0001:
            said.append(
                f"{name} is {factor:.3g} times the largest among the runs: beyond {FAR:.0f} times the interval "
                "is a guess"
            )
    if subject.assessment.fit(forecast.law).verdict == "withhold":
        said.append(UNSPLIT[0].lower() + UNSPLIT[1:])
    return said


def document(forecast: Forecast, subject: Subject) -> dict[str, Any]:
    """The forecast as plain values."""
    found = forecast.prediction
    return {
        "schema": SCHEMA,
        "scalelab": __version__,
        "source": {"name": subject.name, "path": subject.path},
        "law": forecast.law,
        "flops": forecast.flops,
        "optimal_split": forecast.optimal,
        "interior": forecast.interior,
        "from": forecast.start and dict(zip(("n_params", "n_tokens", "loss"), forecast.start, strict=True)),
        "prediction": found.to_dict() | {"perplexity": math.exp(min(found.loss, 700.0))},
        "laws": {name: each.to_dict() for name, each in forecast.alternatives},
        "warnings": warnings(forecast, subject),
    }


def _others(seen: Assessment, n_params: float, n_tokens: float) -> tuple[tuple[str, Prediction], ...]:
    return tuple((fit.law, fit.predict(n_params, n_tokens)) for fit in seen.fits)


def _flops(fit: Fit, n_params: float, n_tokens: float) -> float:
    import numpy as np

    from scalelab import laws

    return float(laws.flops_per_token(fit.flops_table)(np.array([n_params]))[0]) * n_tokens
