"""P = k · N^α · D^β: the law that the lab is named for. Linear in logs, so that its fit and its intervals are exact."""

from __future__ import annotations

from scalelab.laws.forms.form import Form, Inputs, Kind, design, entry
from scalelab.laws.forms.nodes import Affine, Node
from scalelab.laws.runs import Array


def _compose(theta: Array, rows: Array) -> Node:
    return Affine(theta, rows)


def _prepare(inputs: Inputs) -> Array:
    return design(inputs, 3, ones=0, n=1, d=2, sign=1.0)


POWER = Form(
    name="power",
    formula="P = k * N^alpha * D^beta",
    source="log-linear least squares",
    kinds=(Kind.SCALE, Kind.SLOPE, Kind.SLOPE),
    reported=(entry("k", 0, log=True), entry("alpha", 1, log=False), entry("beta", 2, log=False)),
    prepare=_prepare,
    compose=_compose,
    axes=(),
    coefficients=(),
    linear=None,
    pairs=((0, 1, "-n"), (0, 2, "-d")),
    default_objective="least-squares",
)
