"""A law's numbers as rows of a table: value ± standard error by one rule, and the interval beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scalelab.report import numbers
from scalelab.report.promise import NO_EQUATION, untold
from scalelab.units import value_error

if TYPE_CHECKING:
    from scalelab.laws import Estimate, Fit


EXACT = 1e-6
"""A number whose standard error is a smaller share of it comes of losses that a law made; the error is left out."""


def parameter_rows(fit: Fit) -> list[list[str]]:
    """Name, value ± standard error, interval; the first row is the head."""
    head = ["parameter", "value ± s.e.", f"{100 * fit.level:g} % interval"]
    return [head, *([numbers.greek(each.name), *_cells(fit, each)] for each in fit.estimates)]


def _cells(fit: Fit, found: Estimate) -> list[str]:
    if found.name in fit.fixed:
        return [f"{found.value:g}", "held fixed"]
    if found.at_bound:
        return ["0" if found.name == "E" else numbers.number(found.value, abs(found.value) / 10), "at its bound"]
    if not numbers.told(found.low, found.high):
        return [numbers.signed(f"{found.value:.2g}"), numbers.UNTOLD]
    written = numbers.interval(found.value, found.low, found.high)
    exact = found.se < EXACT * abs(found.value)
    value = f"{found.value:.6g}" if exact else value_error(found.value, found.se)
    return [numbers.signed(value), written[written.index("[") :]]


def law_line(fit: Fit) -> str:
    """The law in one line with its numbers in it, in the signs of the field; where they mean nothing, its form."""
    if untold(fit):
        return f"{numbers.greek(fit.form.formula)}: {NO_EQUATION}"
    plain = re.sub(r"e\+0*(?=\d)", "e", fit.equation(4))
    return numbers.signed(numbers.greek(plain))


def method_words(fit: Fit) -> str:
    """How the intervals were made."""
    from scalelab.laws.intervals.method import METHODS

    return METHODS[fit.interval_method]
