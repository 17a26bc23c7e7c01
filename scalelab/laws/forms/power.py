"""P = k · N^α · D^β: the law that the lab is named for. Linear in logs, so that its fit and its intervals are exact."""

from __future__ import annotations

from scalelab.laws.forms.form import Form, Inputs, Kind, entry, terms
from scalelab.laws.forms.summed import Summed, Terms


def _prepare(inputs: Inputs) -> Terms:
    return terms(inputs, 3, {"one": 0, "n": 1, "d": 2}, floor=None, sign=1.0)


POWER = Form(
    name="power",
    formula="P = k * N^alpha * D^beta",
    source="log-linear least squares",
    kinds=(Kind.SCALE, Kind.SLOPE, Kind.SLOPE),
    reported=(entry("k", 0, log=True), entry("alpha", 1, log=False), entry("beta", 2, log=False)),
    prepare=_prepare,
    compose=Summed,
    axes=(),
    coefficients=(),
    linear=None,
    pairs=((0, 1, "-n"), (0, 2, "-d")),
    default_objective="least-squares",
)
