"""Numbers as people write them, both ways: "10M", "1.5e18", "2h05", "3.2 GB", and a value with its error."""

from __future__ import annotations

import math
import re

from scalelab.errors import BadInput
from scalelab.gate import clean

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18}
_COUNT = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*([kmbgtpe]?)", re.IGNORECASE)
_COUNTS = "a number above 0, such as 250000, 250k or 1.5e18"
_DURATION = re.compile(
    r"(?:(?P<d>\d+(?:\.\d+)?)d)?\s*(?:(?P<h>\d+(?:\.\d+)?)h(?:(?P<hm>\d{1,2})(?!\d*[\dms.]))?)?"
    r"\s*(?:(?P<m>\d+(?:\.\d+)?)m(?:in)?)?\s*(?:(?P<s>\d+(?:\.\d+)?)s?)?"
)


def parse_count(text: str | float, name: str = "count") -> float:
    """A positive finite number from "10M", "3.2B", "1.5e18", "1_000_000" or a number.

    Raises
    ------
    BadInput
        When it is no number, not finite, or not above zero.
    """
    if isinstance(text, bool):
        raise BadInput(f"{name} is {text}", allowed=_COUNTS)
    if isinstance(text, int | float):
        try:
            value = float(text)
        except OverflowError:  # an integer of more than 308 digits
            value = math.inf
    else:
        match = _COUNT.fullmatch(text.strip().replace("_", ""))
        value = float(match[1]) * _SUFFIXES[match[2].lower()] if match else math.nan
    if not (math.isfinite(value) and value > 0):
        raise BadInput(f"{name} is {clean(str(text), 60)!r}", allowed=_COUNTS)
    return value


def parse_whole(text: str | float, name: str = "count") -> int:
    """Like `parse_count`, for what comes in whole pieces."""
    value = parse_count(text, name)
    if abs(value - round(value)) > 1e-6 * value:
        raise BadInput(f"{name} is {clean(str(text), 60)!r}", allowed="a whole number above 0")
    return max(1, round(value))


def format_count(value: float, digits: int = 3) -> str:
    """A number in at most `digits` significant digits and a suffix: 1234567 → "1.23M"; from 1e15 up, "1.23e15"."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-2:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{_trim(mantissa)}e{int(exponent)}"
    # Rounding first, so that 999.96k becomes 1M and not 1000k.
    rounded = float(f"{value:.{digits - 1}e}")
    for suffix, scale in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0)):
        if abs(rounded) >= scale or suffix == "":
            scaled = rounded / scale
            decimals = max(0, digits - 1 - (math.floor(math.log10(abs(scaled))) if scaled else 0))
            return _trim(f"{scaled:.{decimals}f}") + suffix
    raise AssertionError("unreachable: the last suffix always fits")


def format_flop_rate(flops: float) -> str:
    """FLOPs a second with the prefix that people use for them: "85.2 GFLOP/s", "989 TFLOP/s"."""
    for prefix, scale in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if flops >= scale:
            return f"{flops / scale:.3g} {prefix}FLOP/s"
    return f"{flops:.3g} FLOP/s"


def parse_duration(text: str | float, name: str = "time") -> float:
    """Seconds from "90", "90s", "5m", "2h05", "1d2h", "2h5m10s" or a number."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return parse_count(text, name)
    match = _DURATION.fullmatch(str(text).strip().lower())
    parts = {key: float(part) for key, part in match.groupdict().items() if part} if match else {}
    seconds = sum(parts.get(key, 0.0) * scale for key, scale in zip("dhms", (86400, 3600, 60, 1), strict=True))
    seconds += parts.get("hm", 0.0) * 60
    if not (parts and math.isfinite(seconds) and seconds > 0):
        raise BadInput(f"{name} is {clean(str(text), 60)!r}", allowed="a time such as 90s, 5m, 2h05 or 1d2h")
    return seconds


AGES = 10_000 * 365.25 * 86_400
"""Seconds beyond which digits say nothing."""


def format_duration(seconds: float) -> str:
    """Seconds in two units at most: "0.4s", "42s", "5m08", "2h05", "3d02h"; beyond all ages in words."""
    if not math.isfinite(seconds):
        return "?"
    if seconds > AGES:
        return "over 10,000 years"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if seconds < 59.5:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return f"{hours}h{minutes:02d}"
    return f"{hours // 24}d{hours % 24:02d}h"


def format_bytes(size: float) -> str:
    """Bytes in decimal units: "812 MB", "3.2 GB"."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            scaled = size / scale
            return f"{scaled:.{1 if scaled < 9.95 else 0}f} {unit}"
    return f"{size:.0f} B"


def value_error(value: float, error: float) -> str:
    """Value ± error, both cut where the error's second significant digit stands (first, when it is 4 or more).

    The one rule for every number with an error: 1.81722 ± 0.0257 → "1.817 ± 0.026"; 477.8 ± 124.5 → "480 ± 120".
    """
    if not math.isfinite(value):
        return str(value)
    if not math.isfinite(error) or error <= 0:
        return f"{value:.4g} ± ?"
    place = math.floor(math.log10(error))
    lead = int(f"{error:.1e}"[0])
    decimals = -place + (1 if lead < 4 else 0)
    if place >= 4 or abs(value) >= 1e6:
        exponent = math.floor(math.log10(abs(value))) if value else place
        scale = 10.0**exponent
        decimals = max(0, min(decimals + exponent, 6))
        return f"({value / scale:.{decimals}f} ± {error / scale:.{decimals}f})e{exponent}"
    if decimals <= 0:
        return f"{round(value, decimals):.0f} ± {round(error, decimals):.0f}"
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def _trim(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
