"""How a law's numbers are written: as many digits as their interval carries, in the signs of the field."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Estimate

_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "kappa": "κ"}
_LARGE = 1e5
_SMALL = 1e-4
WIDEST_RATIO, WIDEST_SPAN = 1e9, 10.0
"""The widest intervals that tell anything: of a coefficient high over low, of any other number high minus low."""
UNTOLD = "not told"


def greek(text: str) -> str:
    """A formula or a name with Greek letters and a centred dot: "k * N^alpha" → "k · N^α"."""
    words = re.sub(r"alpha|beta|gamma|delta|kappa", lambda match: _GREEK[match[0]], text)
    return re.sub(r" \* |(?<=\w)\*(?=\w)", lambda match: match[0].replace("*", "·"), words)


def number(value: float, step: float) -> str:
    """A value cut where the second significant digit of `step` stands, the first when that is 4 or more.

    `step` is the size of what is not known about the value; the rule is that of `units.value_error`.
    """
    if not math.isfinite(value):
        return "?"
    if abs(value) >= _LARGE or step >= _LARGE / 10:
        mantissa, exponent = f"{value:.1e}".split("e")
        return _minus(f"{mantissa}e{int(exponent)}")
    if 0 < abs(value) < _SMALL and step <= abs(value) * 10:
        mantissa, exponent = f"{value:.1e}".split("e")
        return _minus(f"{mantissa}e{int(exponent)}")
    places = 4
    if step > 0 and math.isfinite(step):
        places = -math.floor(math.log10(step)) + (1 if int(f"{step:.1e}"[0]) < 4 else 0)
    return _minus(f"{round(value, min(places, 6)):.{min(max(places, 0), 6)}f}")


def told(low: float, high: float) -> bool:
    """Whether an interval of a law's number tells anything."""
    return high - low <= WIDEST_SPAN or 0 < high <= WIDEST_RATIO * low


def interval(value: float, low: float, high: float) -> str:
    """The value and its interval: "0.454 [0.368, 0.540]"."""
    step = (high - low) / 2
    nearer = min(high - value, value - low)
    if 0 < nearer < step / 4:  # of a lopsided interval, half of it would round the value itself away
        step = nearer
    # An end above zero is not written as zero: of a coefficient it never is.
    ends = (number(end, step if end <= 0 or end >= step / 2 else end) for end in (low, high))
    return f"{number(value, step)} [{', '.join(ends)}]"


def estimate(found: Estimate) -> str:
    """One number of a law with its name: "α 0.454 [0.368, 0.540]"."""
    name = greek(found.name)
    if found.at_bound and found.name == "E":
        return "E 0 (at its bound)"
    if found.at_bound:
        return f"{name} {number(found.value, abs(found.value) / 10)} (at its bound)"
    if not told(found.low, found.high):
        return f"{name} {UNTOLD}"
    return f"{name} {interval(found.value, found.low, found.high)}"


def flops(value: float) -> str:
    """FLOPs in powers of ten: "9.38e12"."""
    if not math.isfinite(value):
        return "?"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def ratio(value: float) -> str:
    """Tokens a parameter: "0.45", "20.3", "2.57k"."""
    return f"{value:.3g}" if value < 999.5 else format_count(value)


def percent(share: float, digits: int = 2) -> str:
    """A share in percent with `digits` significant digits: 0.00424 → "0.42 %"."""
    if not math.isfinite(share):
        return "?"
    size = 100 * share
    places = digits - 1 - math.floor(math.log10(abs(size))) if size else 1
    return _minus(f"{size:.{min(max(places, 0), 3)}f} %")


def signed(text: str) -> str:
    """Words with numbers in them, each minus before a digit as a minus and not as a hyphen: "1e-3" stays."""
    return re.sub(r"(?<![A-Za-z0-9])-(?=\d)", "−", text)


def _minus(text: str) -> str:
    if not text.strip("-0."):
        return text.lstrip("-")  # a small negative number that was rounded away
    return text.replace("-", "−") if "e-" not in text else text
