"""The registry of laws. To add one: a file here that makes a Form, and its name in ALL."""

from __future__ import annotations

from scalelab.errors import BadInput, did_you_mean
from scalelab.laws.forms.chinchilla import CHINCHILLA, CHINCHILLA_TIED
from scalelab.laws.forms.coupled import COUPLED
from scalelab.laws.forms.data_constrained import DATA_CONSTRAINED
from scalelab.laws.forms.form import Form, Inputs
from scalelab.laws.forms.interaction import INTERACTION
from scalelab.laws.forms.kaplan import KAPLAN, KAPLAN_E
from scalelab.laws.forms.power import POWER
from scalelab.laws.forms.power_e import COMPUTE, POWER_E

ALL = (
    POWER, POWER_E, CHINCHILLA_TIED, CHINCHILLA, KAPLAN, KAPLAN_E, COUPLED, INTERACTION, DATA_CONSTRAINED, COMPUTE,
)  # fmt: skip
FORMS: dict[str, Form] = {form.name: form for form in ALL}

__all__ = ["ALL", "FORMS", "Form", "Inputs", "form_named"]


def form_named(name: str) -> Form:
    """The form of a name; BadInput with the nearest known one otherwise."""
    if name in FORMS:
        return FORMS[name]
    raise BadInput(f"no law is named {name[:60]!r}", allowed=", ".join(FORMS), todo=did_you_mean(name, FORMS))
