"""Away from the frontier, and the frontier asked backwards: what another N costs, and what a wanted loss takes.

Evaluates only; no scipy, no fitting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.fits import Fit
from scalelab.laws.flops import FlopsPerToken, flops_per_token
from scalelab.laws.runs import OF_NO_SIZE
from scalelab.laws.use.optimum import Law, base_fit, best_split, check_flops, told_by
from scalelab.laws.use.search import first_below
from scalelab.units import format_count

FURTHEST = 15 * float(np.log(10.0))
"""How far beyond the runs' compute, or D beyond a budget's, is looked: 10^15 times, in logs."""
Table = FlopsPerToken | Sequence[tuple[float, float]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffFrontier:
    """A model that is not of the best size for its compute."""

    law: str
    """Who says so: a law's name, or "the mean of 4 laws"."""
    n_params: float
    n_tokens: float
    flops: float
    loss: float
    low: float
    high: float
    best_n_params: float
    """Of the frontier at the same compute."""
    best_n_tokens: float
    best_loss: float
    extra_loss: float
    """Nats a token above the frontier's loss; 0 on it."""
    overhead: float | None
    """Compute with which this N reaches the frontier's loss, over `flops`: 1 on the frontier; None: it never does."""
    worth: float
    """Compute that would reach this loss on the frontier, over `flops`: at most 1."""

    def sentence(self) -> str:
        """What the choice of N costs, in words."""
        name = f"N = {format_count(self.n_params)}"
        if self.extra_loss < 1e-4 * self.best_loss:
            return f"{name} is as good as the best N for this compute"
        cost = f"{name} costs {self.extra_loss:.4f} nats against the best N = {format_count(self.best_n_params)}"
        if self.overhead is None:
            return f"{cost}, and no amount of tokens brings it to that loss"
        return f"{cost}; to reach that loss it needs {self.overhead:.3g} times the compute"

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """The cheapest way to a loss."""

    law: str
    """Who says so: a law's name, or "the mean of 4 laws"."""
    loss: float
    """As wanted, nats a token."""
    flops: float
    n_params: float
    n_tokens: float
    flops_low: float
    """Compute at which the lower end of the frontier's interval reaches that loss."""
    flops_high: float | None
    """The same of its upper end; None where it never does."""
    reach: float
    """`flops` over the compute of the largest run that the law was fitted to."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)


def off_frontier(
    law: Law, n_params: float, flops: float | None = None, n_tokens: float | None = None, *, per_token: Table = None
) -> OffFrontier:
    """What a model of N costs against the best one for the same compute.

    Parameters
    ----------
    law : Fit or Assessment
        A law that has a best split.
    n_params : float
        N.
    flops, n_tokens : float
        C or D of the model, exactly one.
    per_token : function of N or table of (N, FLOPs a token), optional
        By default the table that the runs themselves gave, else 6·N.

    Raises
    ------
    BadInput
        Neither or both of C and D, a number that is not above zero, or a law without a best split.
    """
    if (flops is None) == (n_tokens is None):
        raise BadInput("off the frontier needs C or D", allowed="exactly one of flops and n_tokens")
    for name, value in (("n_params", n_params), ("n_tokens", n_tokens)):
        if value is not None and not 1.0 / OF_NO_SIZE < value < OF_NO_SIZE:
            raise BadInput(f"{name} is {value}", allowed=f"a number above 0 and below {OF_NO_SIZE:g}")
    fit = base_fit(law)
    cost = float(flops_per_token(per_token if per_token is not None else fit.flops_table)(np.array([n_params]))[0])
    c = flops if flops is not None else cost * float(n_tokens or 0)
    check_flops(c)
    d = c / cost
    best_n, best_d, best_loss = _frontier(law, fit, c, per_token)
    there = law.predict(n_params, d)
    needed = first_below(_loss_of_tokens(law, n_params), best_loss * (1 + 1e-9), np.log(d), np.log(d) + FURTHEST)
    worth = first_below(_loss_of_compute(law, fit, per_token), there.loss, np.log(c) - FURTHEST, np.log(c))
    return OffFrontier(
        law=told_by(law), n_params=n_params, n_tokens=d, flops=c, loss=there.loss, low=there.low, high=there.high,
        best_n_params=best_n, best_n_tokens=best_d, best_loss=best_loss,
        extra_loss=max(there.loss - best_loss, 0.0),
        overhead=None if needed is None else float(np.exp(needed - np.log(d))),
        worth=1.0 if worth is None else min(float(np.exp(worth - np.log(c))), 1.0),
    )  # fmt: skip


def compute_for(law: Law, loss: float, *, per_token: Table = None) -> Needed:
    """The cheapest N, D and C whose expected loss is `loss`: the frontier asked backwards.

    Raises
    ------
    BadInput
        A law without a best split, or a loss that it never reaches: at or below its E.
    """
    if not (np.isfinite(loss) and loss > 0):
        raise BadInput(f"loss is {loss}", allowed="nats a token above 0")
    fit = base_fit(law)
    curve = _loss_of_compute(law, fit, per_token)
    low, high = np.log(fit.c_range[0]) - FURTHEST / 2, np.log(fit.c_range[1]) + FURTHEST
    _frontier(law, fit, fit.c_range[1], per_token)  # has it one at all?
    if curve(float(low)) <= loss:
        raise BadInput(f"a loss of {loss:g} is above all that {told_by(law)} knows", todo="ask for a lower one")
    found = first_below(curve, loss, low, high)
    if found is None:
        raise BadInput(
            f"{told_by(law)} never reaches a loss of {loss:g}", allowed=f"above {_floor(law, fit, curve(float(high)))}"
        )
    flops = float(np.exp(found))
    n, d, _ = best_split(law, flops, per_token)

    def end(which: str) -> Callable[[float], float]:
        def at(log_c: float) -> float:
            there = best_split(law, float(np.exp(log_c)), per_token)
            return float(getattr(law.predict(*there[:2]), which))

        return at

    early = first_below(end("low"), loss, low, found)
    late = first_below(end("high"), loss, found, min(found + 10, high))
    return Needed(
        law=told_by(law), loss=loss, flops=flops, n_params=n, n_tokens=d,
        flops_low=float(np.exp(found if early is None else early)),
        flops_high=None if late is None else float(np.exp(late)),
        reach=flops / fit.c_range[1],
    )  # fmt: skip


def _floor(law: Law, fit: Fit, at_the_end: float) -> str:
    """What cannot be undercut: E where one law alone has it, else the loss at the end of the search."""
    if law is fit and "E" in fit.params and not fit.estimate("E").at_bound:
        return f"its E of {fit.params['E']:.4g} nats"
    return f"{at_the_end:.4g} nats, which it says for {np.exp(FURTHEST):.0e} times the largest run's compute"


def _frontier(law: Law, fit: Fit, flops: float, per_token: Table) -> tuple[float, float, float]:
    """(N, D, loss) of the frontier at C; BadInput where the law has none."""
    n, d, interior = best_split(law, flops, per_token)
    if not interior:
        raise BadInput(
            f"{told_by(law)} has no best split between N and D at {flops:.3g} FLOPs: it would put everything into one",
            todo="ask a law with E and two terms, such as chinchilla",
        )
    return n, d, float(law.loss(np.array([n]), np.array([d]))[0])


def _loss_of_tokens(law: Law, n_params: float) -> Callable[[float], float]:
    def at(log_d: float) -> float:
        return float(law.loss(np.array([n_params]), np.array([np.exp(log_d)]))[0])

    return at


def _loss_of_compute(law: Law, fit: Fit, per_token: Table) -> Callable[[float], float]:
    def at(log_c: float) -> float:
        n, d, _ = best_split(law, float(np.exp(log_c)), per_token)
        return float(law.loss(np.array([n]), np.array([d]))[0])

    return at
