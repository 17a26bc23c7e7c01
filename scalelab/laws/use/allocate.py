"""The best use of a budget under a law: N, D, the loss to expect, how flat the optimum is, what more would buy.

Evaluates only; no scipy, no fitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.fits import Fit
from scalelab.laws.flops import FlopsPerToken, flops_per_token
from scalelab.laws.runs import OF_NO_SIZE, Array
from scalelab.laws.use.budget import AS_FRESH, Devices, flops_of
from scalelab.laws.use.optimum import NEAR, Law, Surface, base_fit, best_log_n, n_searched, told_by
from scalelab.laws.use.search import Curve, span_below
from scalelab.units import format_count

MORE = (2.0, 10.0)
"""Multiples of the budget that are told beside it."""
FAR = 10.0
"""Times the largest run's compute beyond which a prediction is a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one amount of compute buys."""

    factor: float
    """Of the budget asked about."""
    flops: float
    n_params: float
    n_tokens: float
    loss: float
    low: float
    high: float
    seconds: float | None
    """None where no rate of the devices is known."""
    money: float | None
    """None where no price is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The best N and D of a budget, and what is to be known about them."""

    law: str
    """Who says so: a law's name, or "the mean of 4 laws"."""
    flops: float
    """C of the budget; `best.flops` is less where limits leave some of it unspent."""
    best: Share
    near: float
    """Share of the best loss that `n_low` and `n_high` stay within."""
    n_low: float
    """The smallest N whose loss, at the same budget, is within `near` of the best."""
    n_high: float
    flops_low: float
    """What a run of `n_low` spends: less than C where the tokens are limited."""
    more: tuple[Share, ...]
    """The best of twice and of ten times the budget, under the same limits."""
    limited_by: str
    """"max_params" or "max_tokens" where a limit holds N or D; "search" where the law has no best split; else ""."""
    reach: float
    """C over the compute of the largest run that the law was fitted to."""
    max_params: float | None
    max_tokens: float | None

    @property
    def epochs(self) -> float:
        """Passes over the unique tokens; 1 where nothing is known to repeat."""
        return 1.0 if self.max_tokens is None else max(self.best.n_tokens / self.max_tokens, 1.0)

    @property
    def interior(self) -> bool:
        """Whether the law itself says where the best split is."""
        return not self.limited_by

    def sentences(self) -> list[str]:
        """What a person should know before spending it, one sentence each."""
        said = []
        if self.limited_by == "search":
            said.append(
                f"{self.law} has no best split between N and D: it would put everything into one of them, so this N "
                "and D are only an edge of the search"
            )
        else:
            said.append(
                f"within {100 * self.near:g} % of the best loss from N = {format_count(self.n_low)} to "
                f"{format_count(self.n_high)}"
            )
        said += [sentence for sentence in (self._limit(), self._unspent()) if sentence]
        if self.reach > FAR * (1 + 1e-6):
            said.append(f"C is {self.reach:.3g} times the largest run's: beyond {FAR:g} times the interval is a guess")
        return said

    def _limit(self) -> str:
        if self.limited_by == "max_params":
            return f"memory holds N at {format_count(self.best.n_params)}: without that limit more would be better"
        if self.limited_by == "max_tokens":
            spent, near = 100 * self.flops_low / self.flops, 100 * self.near
            return (
                f"there are {format_count(self.best.n_tokens)} tokens and no more: beyond them data would repeat; "
                f"N = {format_count(self.n_low)} spends {spent:.2g} % of the budget on them, for {near:g} % more loss"
            )
        if self.epochs > 1 + 1e-6:
            worth = "about as good as fresh" if self.epochs <= AS_FRESH else "each further pass is worth less"
            return (
                f"D is {self.epochs:.3g} passes over the {format_count(self.max_tokens or 0)} tokens there are: {worth}"
            )
        return ""

    def _unspent(self) -> str:
        share = 1 - self.best.flops / self.flops
        return f"the limits leave {100 * share:.0f} % of the budget unspent" if share > 0.005 else ""

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        more = tuple(Share(**each) for each in values["more"])
        return cls(**{**values, "best": Share(**values["best"]), "more": more})


def allocate(
    law: Law,
    *,
    compute: float | None = None,
    seconds: float | None = None,
    money: float | None = None,
    flops_per_second: float | None = None,
    utilisation: float = 1.0,
    price_per_hour: float | None = None,
    devices: int = 1,
    max_params: float | None = None,
    max_tokens: float | None = None,
    flops_per_token: FlopsPerToken | Sequence[tuple[float, float]] | None = None,
) -> Allocation:
    """The best N and D that a budget buys, by a Fit or an Assessment.

    Parameters
    ----------
    law : Fit or Assessment
        An Assessment's interval holds the choice of law and the error on held-back runs as well.
    compute, seconds, money : float
        The budget, exactly one: training FLOPs, wall-clock seconds, or an amount in the price's currency.
    flops_per_second : float, optional
        Of one device: as measured while training, or its peak with `utilisation` (0 to 1) beside it.
    price_per_hour : float, optional
        Of one device.
    devices : int
        How many there are.
    max_params : float, optional
        The largest N that memory holds.
    max_tokens : float, optional
        Unique tokens there are. An Assessment and a law of repeated data may train on them again, for what that is
        worth; any other law is held at one pass.
    flops_per_token : function of N or table of (N, FLOPs a token), optional
        By default the table that the runs themselves gave, else 6·N.

    Raises
    ------
    BadInput
        Not exactly one budget, a rate or price missing, a number that is not above zero, a limit below any model.
    """
    owned = Devices(
        flops_per_second=flops_per_second, utilisation=utilisation, price_per_hour=price_per_hour, count=devices
    )
    flops = flops_of(owned, compute=compute, seconds=seconds, money=money)
    for name, value in (("max_params", max_params), ("max_tokens", max_tokens)):
        if value is not None and not 1.0 <= value < OF_NO_SIZE:
            raise BadInput(f"{name} is {value}", allowed="a number of 1 or more, such as 7e9")
    split = _Split(law, base_fit(law), flops_per_token, max_params, max_tokens)
    best, limited_by = split.share(1.0, flops, owned)
    n_low, n_high = split.near(flops, best) if limited_by != "search" else (best.n_params, best.n_params)
    return Allocation(
        law=told_by(law),
        flops=flops,
        best=best,
        near=NEAR,
        n_low=n_low,
        n_high=n_high,
        flops_low=split.spent(n_low, flops),
        more=tuple(split.share(factor, factor * flops, owned)[0] for factor in MORE),
        limited_by=limited_by,
        reach=flops / split.fit.c_range[1],
        max_params=max_params,
        max_tokens=max_tokens,
    )


class _Split:
    """A law along the curves of equal compute, under limits on N and D."""

    def __init__(
        self, law: Law, fit: Fit, source: FlopsPerToken | Sequence[tuple[float, float]] | None,
        max_params: float | None, max_tokens: float | None,
    ) -> None:  # fmt: skip
        self.law, self.fit = law, fit
        self.per_token = flops_per_token(source if source is not None else fit.flops_table)
        self.max_params, self.max_tokens = max_params, max_tokens
        # An Assessment values repeats by a published rule whatever its laws are; a lone Fit only if its form sees them.
        self.repeats = max_tokens is not None and (law is not fit or "unique_tokens" in fit.form.variables)

    def tokens(self, n: Array, flops: float) -> Array:
        """D that C buys at N, or all there are."""
        bought = flops / self.per_token(n)
        return bought if self.max_tokens is None or self.repeats else np.minimum(bought, self.max_tokens)

    def spent(self, n: float, flops: float) -> float:
        """FLOPs of a run of N: C, or less where the tokens run out."""
        one = np.array([n])
        return float((self.per_token(one) * self.tokens(one, flops))[0])

    def along(self, surface: Surface, flops: float) -> Curve:
        """Loss against ln N at C, on repeated tokens where the law looks at repetition."""

        def curve(log_n: Array) -> Array:
            n = np.exp(log_n)
            d = self.tokens(n, flops)
            unique = np.minimum(d, self.max_tokens) if self.repeats and self.max_tokens is not None else None
            return surface.loss(n, d, unique)

        return curve

    def ends(self, flops: float) -> tuple[float, float]:
        """Between which ln N is looked for."""
        low, high = n_searched(self.fit, flops)
        if self.max_params is not None:
            high = min(high, float(np.log(self.max_params)))
            low = min(low, high - np.log(2.0))
        return low, high

    def share(self, factor: float, flops: float, devices: Devices) -> tuple[Share, str]:
        """The best of C, and what limits it."""
        at, edge = best_log_n(self.law, lambda surface: self.along(surface, flops), *self.ends(flops))
        n = float(np.exp(at))
        d = float(self.tokens(np.array([n]), flops)[0])
        spent = self.spent(n, flops)
        there = self.law.predict(n, d, min(d, self.max_tokens) if self.repeats and self.max_tokens else None)
        found = Share(
            factor=factor, flops=spent, n_params=n, n_tokens=d, loss=there.loss, low=there.low, high=there.high,
            seconds=devices.seconds(spent), money=devices.money(spent),
        )  # fmt: skip
        return found, self._limit(n, d, edge)

    def _limit(self, n: float, d: float, edge: str) -> str:
        if self.max_params is not None and n > self.max_params * (1 - 1e-6):
            return "max_params"
        if self.max_tokens is not None and not self.repeats and d > self.max_tokens * (1 - 1e-3):
            return "max_tokens"
        return "search" if edge else ""

    def near(self, flops: float, best: Share) -> tuple[float, float]:
        """The stretch of N whose loss is within NEAR of the best."""
        bar, at = (1 + NEAR) * best.loss, float(np.log(best.n_params))
        ends = span_below(self.along(self.law, flops), bar, at, *self.ends(flops))
        return float(np.exp(ends[0])), float(np.exp(ends[1]))
