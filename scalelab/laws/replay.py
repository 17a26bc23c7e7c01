"""The lines that make a fit, or a whole assessment and with it its predictions, again: one for a shell, one of Python.

Knows what was asked for from the records alone; how the runs were read the caller says as an `Origin`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from scalelab.laws.choice.assessment import Assessment
from scalelab.laws.choice.judge import OFFERED
from scalelab.laws.fits import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How the runs were read, so that they can be read again."""

    words: tuple[str, ...]
    """What stands after `scalelab fit`: the source and the options that read it, unquoted."""
    reading: str
    """A Python expression that gives the same RunTable."""
    imports: str = ""
    """What that expression needs besides `from scalelab import laws`, as a statement."""


def shell_line(found: Fit | Assessment, origin: Origin) -> str:
    """The line for a shell that makes this fit again, and with an assessment all its laws and predictions."""
    fit = found.fit() if isinstance(found, Assessment) else found
    words = ["scalelab", "fit", *origin.words]
    for law in _laws(found):
        words += ["--law", law]
    if (objective := _objective(found)) is not None:
        words += ["--objective", objective]
    words += ["--interval", fit.interval_method, "--level", f"{fit.level:g}"]
    for name in fit.fixed:
        words += ["--fix", f"{name}={fit.params[name]!r}"]
    return shlex.join(words)


def python_line(found: Fit | Assessment, origin: Origin) -> str:
    """The line of Python that does the same: `fit` is the law, and with an assessment `seen` the whole."""
    fit = found.fit() if isinstance(found, Assessment) else found
    fixed = {name: fit.params[name] for name in fit.fixed}
    given = (f", fix={fixed!r}" if fixed else "") + f", level={fit.level!r}"
    start, made = "", f"laws.fit(runs, {fit.law!r}, {fit.objective!r}{given})"
    if isinstance(found, Assessment):
        asked = "".join(
            f", {name}={value!r}" for name, value in (("laws", _laws(found)), ("objective", _objective(found))) if value
        )
        start, made = f"seen = laws.assess(runs{asked}{given}); ", "seen.fit()"
    if fit.interval_method != "t":
        made = f"laws.intervals_of({made}, runs, {fit.interval_method!r}, level={fit.level!r})"
    imports = f"from scalelab import laws; {origin.imports}; " if origin.imports else "from scalelab import laws; "
    return f"{imports}runs = {origin.reading}; {start}fit = {made}"


def _laws(found: Fit | Assessment) -> tuple[str, ...]:
    """The laws that were asked for; empty where it were those that are always tried."""
    if isinstance(found, Fit):
        return (found.law,)
    tried = found.tried
    return () if set(tried) == set(OFFERED) else tried


def _objective(found: Fit | Assessment) -> str | None:
    """The objective that was asked for; None where each law had its own."""
    if isinstance(found, Fit):
        return found.objective
    return next((fit.objective for fit in found.fits if fit.objective != fit.form.default_objective), None)
