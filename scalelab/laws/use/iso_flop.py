"""Approach 2 of Hoffmann et al. 2022 (arXiv 2203.15556): the best N at each level of compute, and its power law.

It believes no form of L(N, D): each level's minimum is read from a curve through its own runs. So it is the check on
the exponents of a fitted law (approach 3), beside which it is reported. How the minimum is read is chosen by the
runs: the parabola averages noise best, Akima's interpolation (as Porian et al. 2024, arXiv 2406.19146, use it)
follows a lopsided curve; the smoothest is taken that no more flexible one contradicts beyond noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.fits import Estimate
from scalelab.laws.runs import Array, RunTable
from scalelab.laws.use.budget import AS_FRESH
from scalelab.laws.use.levels import FEWEST, Curve, curves_of
from scalelab.laws.use.minima import roughness
from scalelab.laws.use.readings import FEWEST_LEVELS, METHODS, Reading, Slopes, choose, read, slopes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of compute and the minimum of its curve."""

    flops: float
    n_runs: int
    n_params: float | None
    """N*; None where the level is refused."""
    n_tokens: float | None
    """D* of the runs' own C at N*."""
    loss: float | None
    """Nats a token at the minimum."""
    log_se: float | None
    """Standard error of ln N* by redrawn noise."""
    refused: str = ""
    """Why it has no minimum; empty where it has one."""
    n_sizes: int = 0
    """Different N among its runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoFlop:
    """Minima of isoFLOP curves and the power laws through them: N* = G·C^a, D* ∝ C^b, L* ∝ C^c."""

    method: str
    """How the minima were read: "parabola", "cubic" or "akima"."""
    levels: tuple[Level, ...]
    coefficient: float
    """G."""
    a: Estimate
    b: Estimate
    c: Estimate
    """Of the loss at the minimum, as a power law over these levels alone; no E is in it."""
    level: float
    """Of the intervals."""
    noise: float
    """Scatter of ln loss about a smooth curve."""
    by_method: tuple[tuple[str, float], ...]
    """What a would be by each way to read the minima that serves here."""
    parametric: tuple[tuple[str, float], ...] = ()
    """a of fitted laws between the lowest and the highest level used, where such were given."""
    n_repeating: int = 0
    """Runs left out because they pass so often over their tokens that D is not what they learned from."""

    @property
    def used(self) -> tuple[Level, ...]:
        """The levels that have a minimum."""
        return tuple(each for each in self.levels if not each.refused)

    def best_n(self, flops: float) -> float:
        """N* at C by the power law through the minima."""
        return float(self.coefficient * flops**self.a.value)

    def sentences(self) -> list[str]:
        """What was found and what was refused, in words."""
        said = [
            f"isoFLOP minima of {len(self.used)} levels: N* goes as C^{self.a.value:.3f} "
            f"[{self.a.low:.3f}, {self.a.high:.3f}] (read by {self.method})"
        ]
        for law, a in self.parametric:
            apart = self.a.low <= a <= self.a.high
            said.append(
                f"{law} says C^{a:.3f}: "
                + ("within that interval" if apart else "the two approaches disagree, so trust neither split far out")
            )
        thin = [each for each in self.levels if each.n_sizes < FEWEST]
        said += [
            f"level C = {each.flops:.3g} left out: {each.refused}"
            for each in self.levels
            if each.refused and each.n_sizes >= FEWEST
        ]
        if thin:
            said.append(f"{len(thin)} levels of compute left out: fewer than {FEWEST} sizes of model each")
        if self.n_repeating:
            said.append(f"{self.n_repeating} runs left out: they pass more than {AS_FRESH:g} times over their tokens")
        return said

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts = dict(values)
        parts["levels"] = tuple(Level(**each) for each in values["levels"])
        for name in ("a", "b", "c"):
            parts[name] = Estimate(**values[name])
        for name in ("by_method", "parametric"):
            parts[name] = tuple((str(law), float(value)) for law, value in values[name])
        return cls(**parts)


def iso_flop(
    runs: RunTable,
    *,
    tolerance: float = 0.05,
    method: str = "auto",
    level: float = 0.95,
    laws: dict[str, Callable[[float], float]] | None = None,
    seed: int = 0,
) -> IsoFlop:
    """The best N of each level of compute, and N* = G·C^a through them.

    Parameters
    ----------
    runs : RunTable
        Runs in levels of equal compute, three or more sizes of model in each of three or more levels.
    tolerance : float
        Runs whose C differ by less than this share are of one level.
    method : {"auto", "parabola", "cubic", "akima"}
        How the minimum of a curve of ln loss against ln N is read.
    level : float
        Of the intervals, by Student's t with (levels − 2) degrees of freedom; they hold the noise of the curves, the
        scatter of the minima about the power law, and what the ways to read them differ by beyond noise.
    laws : mapping of name → function of C that gives N*, optional
        Fitted laws to report beside: their a between the lowest and the highest level used.
    seed : int
        Of the redrawn noise.

    Raises
    ------
    BadInput
        Fewer than three levels with a minimum inside; each level's reason is in the message's first of them.

    Source: approach 2 of arXiv 2203.15556, section 3.2; interpolation and weights after arXiv 2406.19146, appendix.
    """
    if method != "auto" and method not in METHODS:
        raise BadInput(f"no way to read a minimum is named {method[:40]!r}", allowed=", ".join(("auto", *METHODS)))
    runs, n_repeating = fresh_runs(runs)
    curves = curves_of(runs, tolerance)
    noise = roughness([(each.log_n, each.log_loss) for each in curves if not each.refused])
    wanted = METHODS if method == "auto" else {method: METHODS[method]}
    readings = {name: read(curves, locate, noise, seed) for name, locate in wanted.items()}
    slopes = {name: found for name, each in readings.items() if (found := slopes_of(curves, each)) is not None}
    if not slopes:
        raise _too_few(curves, next(iter(readings.values())))
    chosen, doubt = choose(slopes)
    told = _told(curves, readings[chosen], slopes, chosen, doubt, noise, level, laws or {})
    return replace(told, n_repeating=n_repeating)


def fresh_runs(runs: RunTable) -> tuple[RunTable, int]:
    """The runs that repeat no token too often, and how many do."""
    if runs.unique_tokens is None:
        return runs, 0
    fresh = runs.n_tokens <= AS_FRESH * runs.unique_tokens
    return (runs, 0) if fresh.all() else (runs.take(fresh), int((~fresh).sum()))


def _told(
    curves: list[Curve], reading: Reading, slopes: dict[str, Slopes], chosen: str, doubt: float, noise: float,
    level: float, laws: dict[str, Callable[[float], float]],
) -> IsoFlop:  # fmt: skip
    from scipy.special import stdtrit

    found = slopes[chosen]
    which, weights = found.which, found.weights
    x = np.log([curves[i].flops for i in which])
    quantile = float(stdtrit(len(which) - 2, 0.5 + level / 2))

    def estimate(name: str, y: Array) -> Estimate:
        spread = x - np.average(x, weights=weights)
        value = float((weights * spread) @ y / (weights @ spread**2))
        se = float(np.hypot(_residual_se(x, y, weights), doubt if name != "c" else 0.0))
        return Estimate(name=name, value=value, low=value - quantile * se, high=value + quantile * se, se=se)

    log_n = reading.log_n[0, which]
    a = estimate("a", log_n)
    ends = (float(np.exp(x[0])), float(np.exp(x[-1])))
    return IsoFlop(
        method=chosen,
        levels=tuple(_level(each, reading, i) for i, each in enumerate(curves)),
        coefficient=float(np.exp(np.average(log_n - a.value * x, weights=weights))),
        a=a,
        b=estimate("b", reading.log_d[0, which]),
        c=estimate("c", reading.log_loss[0, which]),
        level=level,
        noise=noise,
        by_method=tuple((name, each.a) for name, each in slopes.items()),
        parametric=tuple(
            (name, float(np.log(best(ends[1]) / best(ends[0])) / np.log(ends[1] / ends[0])))
            for name, best in laws.items()
        ),
    )


def _residual_se(x: Array, y: Array, weights: Array) -> float:
    """Standard error of a weighted slope from the scatter about its own line."""
    spread = x - np.average(x, weights=weights)
    slope = (weights * spread) @ y / (weights @ spread**2)
    residual = y - np.average(y, weights=weights) - slope * spread
    scale = float(weights @ residual**2) / (len(x) - 2)
    return float(np.sqrt(scale / (weights @ spread**2)))


def _level(curve: Curve, reading: Reading, i: int) -> Level:
    refused = reading.reason[i]
    return Level(
        flops=curve.flops,
        n_runs=curve.n_runs,
        n_params=None if refused else float(np.exp(reading.log_n[0, i])),
        n_tokens=None if refused else float(np.exp(reading.log_d[0, i])),
        loss=None if refused else float(np.exp(reading.log_loss[0, i])),
        log_se=None if refused else float(reading.se[i]),
        refused=refused,
        n_sizes=len(curve.log_n),
    )


def _too_few(curves: list[Curve], reading: Reading) -> BadInput:
    good = int(np.isfinite(reading.se).sum())
    first = next((f"C = {each.flops:.3g}: {why}" for each, why in zip(curves, reading.reason, strict=True) if why), "")
    return BadInput(
        f"{good} of {len(curves)} levels of compute have a minimum inside; {FEWEST_LEVELS} are needed" * bool(curves)
        or "no runs",
        todo=first,
    )
