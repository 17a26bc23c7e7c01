"""What a law answers to one question about a run, a budget or a loss, as a record and as a document.

Six questions: a run (N, D); a run from a measured one; the best split of a budget; a model off the frontier; what a
wanted loss takes. Every number comes from `laws`; the words stand in `answers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scalelab import __version__
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.report.known import NOTHING, Known
from scalelab.report.promise import UNSPLIT, predictions, unsplit
from scalelab.report.scores import score_links

if TYPE_CHECKING:
    from scalelab.laws import (
        Allocation,
        Assessment,
        Fit,
        Measured,
        Needed,
        OffFrontier,
        Optimum,
        OptimumInterval,
        Prediction,
        RunTable,
    )
    from scalelab.laws.use.budget import Devices
    from scalelab.report.source import Subject

SCHEMA = "scalelab.prediction/1"
FAR = 10.0
"""Beyond this many times the largest compute, N or D of the runs a prediction is called far."""
_STARTS = "n_params", "n_tokens", "loss"
ROUNDED = 1.05
"""What is meant as ten times is a little more or less: N and D are typed in two or three digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What was asked and what the law answers."""

    law: str
    """The law that answers, or the best of several that are averaged."""
    by: str
    """Who answers: that law, or "the mean of 4 laws"."""
    prediction: Prediction
    flops: float
    """C at that N and D, counted as the runs counted theirs."""
    start: tuple[float, float, float] | None = None
    """(N, D, loss) of the measured run that it starts from."""
    alternatives: tuple[tuple[str, Prediction], ...] = ()
    """What each law says alone, with the interval of its parameters."""
    allocation: Allocation | None = None
    """Where a budget was asked about."""
    splits: tuple[tuple[str, OptimumInterval | None], ...] = ()
    """The best N and D of each law alone for that budget, None where it has none; empty under limits."""
    optimum: Optimum | None = None
    """The best N and D of that budget with their intervals; None under limits, and of a law asked for by name."""
    off: OffFrontier | None = None
    """Where a budget was asked about for one N."""
    needed: Needed | None = None
    """Where a loss was wanted."""
    devices: Devices | None = None
    """What it would run on, where that was said or measured."""
    known: Known = NOTHING

    @property
    def optimal(self) -> bool:
        """Whether N and D are the best split of the compute asked about."""
        return self.allocation is not None or self.needed is not None

    @property
    def interior(self) -> bool:
        """False where a law has no best split and N and D are an edge of the search."""
        return self.allocation is None or self.allocation.limited_by != "search"

    @property
    def seconds(self) -> float | None:
        """How long the run takes on the devices; None where their speed is not known."""
        return None if self.devices is None else self.devices.seconds(self.flops)

    @property
    def money(self) -> float | None:
        """What it costs on them; None where no price was given."""
        return None if self.devices is None else self.devices.money(self.flops)

    def measures(self) -> tuple[Measured, ...]:
        """The prediction in every measure that is known here."""
        from scalelab import laws

        told = laws.measures(self.prediction, self.known.bytes_per_token)
        if self.known.link is not None:
            told = (*told, self.known.link.predict(self.prediction))
        scores = (each.predict(self.prediction) for each in self.known.scores)
        return (*told, *(each for each in scores if each is not None))


def for_run(
    seen: Assessment, n_params: float, n_tokens: float, law: str | None = None, *,
    devices: Devices | None = None, known: Known = NOTHING,
) -> Forecast:  # fmt: skip
    """The loss at N and D."""
    fit = seen.fit(law)
    return Forecast(
        law=fit.law,
        by=_by(fit if law else seen),
        prediction=(fit if law else seen).predict(n_params, n_tokens),
        flops=_flops(fit, n_params, n_tokens),
        alternatives=_others(seen, n_params, n_tokens),
        devices=devices,
        known=known,
    )


def start_of(text: str, name: str) -> tuple[float, float, float]:
    """N, D and loss of a measured run, as people type them: "120k,1.2M,2.07".

    Raises BadInput that names `name` where it is something else.
    """
    from scalelab.units import parse_count

    parts = text.split(",")
    if len(parts) != 3:
        raise BadInput(f"{name} {clean(text, 60)!r}", allowed="N,D,LOSS such as 120k,1.2M,2.07")
    n, d, loss = (parse_count(part, f"{what} of {name}") for part, what in zip(parts, _STARTS, strict=True))
    return n, d, loss


def from_run(
    seen: Assessment, n_params: float, n_tokens: float, start: tuple[float, float, float], law: str | None = None, *,
    devices: Devices | None = None, known: Known = NOTHING,
) -> Forecast:  # fmt: skip
    """P_B at N and D from the measured P_A at N_A and D_A."""
    from scalelab import laws

    fit = seen.fit(law)
    n_a, d_a, loss_a = start
    found = laws.predict_ratio(fit, loss_a=loss_a, n_a=n_a, d_a=d_a, n_b=n_params, d_b=n_tokens)
    return Forecast(
        law=fit.law,
        by=fit.law,
        prediction=found,
        flops=_flops(fit, n_params, n_tokens),
        start=start,
        devices=devices,
        known=known,
    )


def for_budget(
    seen: Assessment, budget: dict[str, float], devices: Devices, law: str | None = None, *,
    max_params: float | None = None, max_tokens: float | None = None, known: Known = NOTHING,
) -> Forecast:  # fmt: skip
    """The best N and D of a budget: {"compute": C}, {"seconds": …} or {"money": …}."""
    from scalelab import laws

    using = seen.fit(law) if law else seen
    found = laws.allocate(
        using, compute=budget.get("compute"), seconds=budget.get("seconds"), money=budget.get("money"),
        flops_per_second=devices.flops_per_second, utilisation=devices.utilisation,
        price_per_hour=devices.price_per_hour, devices=devices.count, max_params=max_params, max_tokens=max_tokens,
    )  # fmt: skip
    best, free = found.best, found.max_params is None and found.max_tokens is None
    return Forecast(
        law=seen.fit(law).law,
        by=found.law,
        prediction=using.predict(best.n_params, best.n_tokens, max_tokens and min(best.n_tokens, max_tokens)),
        flops=best.flops,
        # A single law that sees no repeats would take them for fresh tokens.
        alternatives=_others(seen, best.n_params, best.n_tokens) if found.epochs == 1 else (),
        allocation=found,
        splits=_splits(seen, found) if free else (),
        optimum=seen.frontier(best.flops) if free and law is None and found.limited_by != "search" else None,
        devices=devices,
        known=known,
    )


def for_model(
    seen: Assessment, n_params: float, flops: float, law: str | None = None, *,
    devices: Devices | None = None, known: Known = NOTHING,
) -> Forecast:  # fmt: skip
    """One N at C FLOPs, against the best N there."""
    from scalelab import laws

    using = seen.fit(law) if law else seen
    found = laws.off_frontier(using, n_params, flops)
    return Forecast(
        law=seen.fit(law).law,
        by=found.law,
        prediction=using.predict(n_params, found.n_tokens),
        flops=flops,
        alternatives=_others(seen, n_params, found.n_tokens),
        off=found,
        devices=devices,
        known=known,
    )


def for_loss(
    seen: Assessment, loss: float, law: str | None = None, *, devices: Devices | None = None, known: Known = NOTHING
) -> Forecast:
    """The cheapest N and D whose expected loss is the wanted one."""
    from scalelab import laws

    using = seen.fit(law) if law else seen
    found = laws.compute_for(using, loss)
    return Forecast(
        law=seen.fit(law).law,
        by=found.law,
        prediction=using.predict(found.n_params, found.n_tokens),
        flops=found.flops,
        alternatives=_others(seen, found.n_params, found.n_tokens),
        needed=found,
        devices=devices,
        known=known,
    )


def warnings(forecast: Forecast, subject: Subject) -> list[str]:
    """How far beyond the runs this is, and whether they can tell N from D at all."""
    found, runs = forecast.prediction, subject.runs
    said = []
    for name, value, column in (("C", forecast.flops, runs.compute), ("N", found.n_params, runs.n_params),
                                ("D", found.n_tokens, runs.n_tokens)):  # fmt: skip
        factor = value / float(column.max())
        if factor > FAR * ROUNDED:
            said.append(
                f"{name} is {factor:.3g} times the largest among the runs: beyond {FAR:.0f} times the interval "
                "is a guess"
            )
    if (repeats := _repeats(forecast, runs)) > 1.0001:
        said.append(
            f"D is {repeats:.3g} times the most unique tokens that any run had, and told as if all were fresh: "
            "--max-tokens with a budget counts repeats"
        )
    if unsplit(subject.assessment, subject.assessment.fit(forecast.law)):
        said.append(UNSPLIT[0].lower() + UNSPLIT[1:])
    if forecast.known.link is not None and forecast.known.link.far(found.loss):
        said.append("the loss is far from those whose accuracy is known: the accuracy is a guess")
    return said


def _repeats(forecast: Forecast, runs: RunTable) -> float:
    """D over the most unique tokens of any run; 0 where nobody counted them or the answer counts repeats itself."""
    counted = forecast.allocation is not None and forecast.allocation.max_tokens is not None
    if runs.unique_tokens is None or counted:
        return 0.0
    return forecast.prediction.n_tokens / float(runs.unique_tokens.max())


def document(forecast: Forecast, subject: Subject) -> dict[str, Any]:
    """The forecast as plain values."""
    told = {each.name: each for each in forecast.measures()}
    parts = {
        "allocation": forecast.allocation,
        "optimum": forecast.optimum,
        "off_frontier": forecast.off,
        "needed": forecast.needed,
    }
    link = forecast.known.link
    return {
        "schema": SCHEMA,
        "scalelab": __version__,
        "source": {"name": subject.name, "path": subject.path},
        "law": forecast.law,
        "by": forecast.by,
        "statement": predictions(subject.assessment) if forecast.prediction.held_back > 0 else None,
        "flops": forecast.flops,
        "seconds": forecast.seconds,
        "money": forecast.money,
        "optimal_split": forecast.optimal,
        "interior": forecast.interior,
        "from": forecast.start and dict(zip(("n_params", "n_tokens", "loss"), forecast.start, strict=True)),
        "prediction": forecast.prediction.to_dict() | {"perplexity": told["perplexity"].value},
        "measures": {
            name: {"value": each.value, "low": each.low, "high": each.high} for name, each in told.items()
        },
        **{name: part and part.to_dict() for name, part in parts.items()},
        "splits": {name: split and split.to_dict() for name, split in forecast.splits},
        "link": link and link.to_dict(),
        "no_link": forecast.known.no_link or None,
        "score_links": score_links(forecast.known.scores),
        "laws": {name: each.to_dict() for name, each in forecast.alternatives},
        "warnings": warnings(forecast, subject),
    }  # fmt: skip


def _others(seen: Assessment, n_params: float, n_tokens: float) -> tuple[tuple[str, Prediction], ...]:
    return tuple((fit.law, fit.predict(n_params, n_tokens)) for fit in seen.fits)


def _splits(seen: Assessment, found: Allocation) -> tuple[tuple[str, OptimumInterval | None], ...]:
    """What each law says of the split alone: how far they differ is the split's own doubt."""
    from scalelab import laws

    def alone(fit: Fit) -> OptimumInterval | None:
        try:
            return laws.optimum_interval(fit, found.flops)
        except BadInput:
            return None

    return tuple((fit.law, alone(fit)) for fit in seen.fits)


def _by(using: Assessment | Fit) -> str:
    from scalelab.laws.use.optimum import told_by

    return told_by(using)


def _flops(fit: Fit, n_params: float, n_tokens: float) -> float:
    import numpy as np

    from scalelab import laws

    return float(laws.flops_per_token(fit.flops_table)(np.array([n_params]))[0]) * n_tokens
