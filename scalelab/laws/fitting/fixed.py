"""Parameters that the caller gives a value, by the names that a reader sees: {"E": 1.69} → entries of θ.

Knows forms as data; nothing of runs but their losses, which set the bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from scalelab.errors import BadInput, did_you_mean
from scalelab.laws.forms import Form
from scalelab.laws.forms.form import Reported
from scalelab.laws.runs import Array


def fixed_entries(form: Form, fix: Mapping[str, float] | None, loss: Array) -> dict[int, float]:
    """Index in θ → value there, for reported names with values on their own scale.

    Raises
    ------
    BadInput
        A name that the law does not have, a number made of several parameters, a value outside its bounds.
    """
    if not fix:
        return {}
    return dict(_entry(form, name, value, loss) for name, value in fix.items())


def fixable(form: Form) -> tuple[str, ...]:
    """Names of the reported numbers that are parameters themselves."""
    return tuple(item.name for item in form.reported if len(item.needs) == 1)


def _entry(form: Form, name: str, value: float, loss: Array) -> tuple[int, float]:
    known = fixable(form)
    item = next((item for item in form.reported if item.name == name), None)
    if item is None:
        raise BadInput(
            f"{form.name} has no {name[:60]!r} to fix", allowed=", ".join(known), todo=did_you_mean(name, known)
        )
    if name not in known:
        raise BadInput(
            f"{name} of {form.name} is made of several fitted parameters and cannot be fixed", allowed=", ".join(known)
        )
    return item.needs[0], _within(form, item, value, loss)


def _within(form: Form, item: Reported, value: float, loss: Array) -> float:
    """The value as θ has it, inside the bounds that a fit would keep."""
    lower, upper = (float(bound[item.needs[0]]) for bound in form.bounds(loss))
    inner = float(value) if not item.log else (math.log(value) if value > 0 else -math.inf)
    if np.isfinite(inner) and lower <= inner <= upper:
        return inner
    ends = [math.exp(bound) if item.log else bound for bound in (lower, upper)]
    raise BadInput(
        f"{item.name} of {form.name} is fixed at {value:g}", allowed=f"{ends[0]:.3g} to {ends[1]:.3g} for these runs"
    )
