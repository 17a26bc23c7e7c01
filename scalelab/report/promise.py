"""What the laws promise at ten times the largest compute, who promises it, and where nothing can be promised.

One rule everywhere: an interval of the loss wider than a factor of two is told in words and not in numbers. Documents
keep the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.text import Text

from scalelab.report import numbers
from scalelab.report.layout import Lines, capital, heading, wrapped
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Fit, Optimum

WIDEST = 2.0
"""High over low of a loss that is still told as numbers."""
UNTOLD = f"not told by these runs: its interval is wider than a factor of {WIDEST:g}"
WIDEST_SPLIT = 100.0
"""High over low of a best N that is still told."""
NO_EQUATION = "its parameters are not told by these runs"
"""In place of an equation with digits that mean nothing."""
UNSPLIT_N = "N and D are not told by these runs: each could be ten times more or less"
FURTHER = 10.0
"""Times the largest compute spent, as an assessment's optimum is."""

WITHHELD = "These runs cannot tell N from D: only the law of compute is shown, and the exponents are withheld"
UNSPLIT = "These runs cannot tell N from D: trust neither the split nor a loss away from the runs' own D/N"


class Loss(Protocol):
    """A loss with its interval: of a prediction, of an optimum, of a refit."""

    @property
    def loss(self) -> float:
        """Nats a token."""

    @property
    def low(self) -> float:
        """Its lower end."""

    @property
    def high(self) -> float:
        """Its upper end."""


def tells(found: Loss) -> bool:
    """Whether an interval of the loss is narrow enough to say anything."""
    return found.high <= WIDEST * found.low


def splits(best: Optimum) -> bool:
    """Whether the best N is told to better than two powers of ten."""
    return best.n_low is None or best.n_high is None or best.n_high <= WIDEST_SPLIT * best.n_low


def ends(low: float | None, high: float | None) -> str:
    """The interval of a best N or D, to two digits: " [45k, 350k]"; empty where there is none."""
    return "" if low is None or high is None else f" [{format_count(low, 2)}, {format_count(high, 2)}]"


def loss_words(found: Loss) -> str:
    """The loss and its interval, or that nothing can be said."""
    return numbers.interval(found.loss, found.low, found.high) if tells(found) else UNTOLD


def predictors(seen: Assessment) -> str:
    """Who predicts: a law, or "the mean of 4 laws"."""
    from scalelab.laws.use.optimum import told_by

    return told_by(seen)


def unsplit(seen: Assessment, fit: Fit) -> bool:
    """Whether a law cannot tell what N and D do each."""
    return seen.compute_law is not None or fit.verdict == "withhold"


def untold(fit: Fit) -> bool:
    """Whether a law's numbers mean nothing alone: the runs do not tell them apart, or one ran into its bound; a floor
    of 0 is a finding.
    """
    return fit.verdict == "withhold" or any(name != "E" for name in fit.bounds_hit)


def predictions(seen: Assessment) -> str:
    """Who predicts, what the interval is made of and on what it was checked, as a sentence; empty before any law."""
    from scalelab.laws.choice.statement import statement

    said = statement(seen)
    return f"Predictions: {said}" if said else ""


def promise(seen: Assessment, width: int, per: str = "token") -> Lines:
    """The best N and D at ten times the largest compute, the loss there, and who says so."""
    best = seen.optimum
    if best is None:
        return []
    lines = [heading(f"At 10 × the largest run: C = {numbers.flops(best.flops)} FLOPs"), *_best(seen, best, width, per)]
    if unsplit(seen, seen.fit()):
        lines += wrapped(f"  {UNSPLIT}.", width, hang=2)
    if seen.compute_law is not None:
        lines += wrapped(f"  {capital(along(seen))}.", width, hang=2)
    return [*lines, *wrapped(f"  {predictions(seen)}.", width, hang=2)]


def _best(seen: Assessment, best: Optimum, width: int, per: str) -> Lines:
    if not best.interior:
        return wrapped(f"  {no_split(seen)}.", width, hang=2)
    if not tells(best):
        return wrapped(f"  The loss at the best N and D is {UNTOLD}.", width, hang=2)
    by = f" nats a {per}, {100 * seen.fit().level:g} %, by {predictors(seen)}"
    loss = Text.assemble("  loss  ", (loss_words(best), "bold"), by)
    if not splits(best):
        return [Text(f"  best  {UNSPLIT_N}"), loss]
    size, tokens = format_count(best.n_params), format_count(best.n_tokens)
    ratio = f"   ({numbers.ratio(best.n_tokens / best.n_params)} tokens a parameter)"
    n_ends, d_ends = ends(best.n_low, best.n_high), ends(best.d_low, best.d_high)
    point = ("  best  N = ", (size, "bold"), n_ends, "   D = ", (tokens, "bold"), d_ends, ratio)
    return [Text.assemble(*point), loss]


def no_split(seen: Assessment) -> str:
    """That what predicts would put all compute into one of N and D."""
    return f"{capital(predictors(seen))} has no best split between N and D: it would put everything into one of them"


def along(seen: Assessment) -> str:
    """What is still told where N and D moved together: the loss at the runs' own D/N, further out."""
    fit = seen.fit()
    n, d = (ends[1] * FURTHER**0.5 for ends in (fit.n_range, fit.d_range))
    found = seen.predict(n, d)
    return f"at the runs' own D/N, N = {format_count(n)} and D = {format_count(d)}, the loss is {loss_words(found)}"
