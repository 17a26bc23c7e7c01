"""What stands under the cursor of the surface: N, D, C, the predicted loss, the nearest run. Lines, no widget."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from scalelab.gate import clean
from scalelab.report import numbers, prediction
from scalelab.report.known import Known
from scalelab.report.layout import Lines, wrapped
from scalelab.report.promise import loss_words
from scalelab.report.source import Subject
from scalelab.tui.views.subject import warnings_of
from scalelab.units import format_count, format_duration

NEAR = 0.02
"""Relative distance in N and D within which the cursor stands on a run."""


def reading(subject: Subject, known: Known, n_params: float, n_tokens: float, width: int, title: str = "") -> Lines:
    """N and D, what the law says of them, and the run that is nearest."""
    told = prediction.for_run(subject.assessment, n_params, n_tokens, known=known)
    seconds = None if known.flops_per_second is None else told.flops / known.flops_per_second
    cost = f"C = {numbers.flops(told.flops)} FLOPs" + (
        f", {format_duration(seconds)} on one slot as measured here" if seconds is not None else ""
    )
    ratio = f"{n_tokens / n_params:.3g} tokens a parameter"
    point = f"N = {format_count(n_params)}   D = {format_count(n_tokens)}   ({ratio})"
    said = [Text(title)] if title else []
    if len(point) + 3 + len(cost) <= width:
        said.append(Text.assemble((point, "bold"), f"   {cost}"))
    else:
        said += [Text(line.plain, "bold") for line in wrapped(point, width, hang=2)]
        said += wrapped(cost, width, hang=2)
    said.append(Text.assemble("loss ", (loss_words(told.prediction), "bold"), f" by {told.by}"))
    for warning in warnings_of(told, subject):
        said += [Text(line.plain, "color(166)") for line in wrapped(f"warning: {warning}", width, hang=2)]
    return said + wrapped(_nearest(subject, n_params, n_tokens), width, hang=2)


def runs_in_order(subject: Subject) -> list[tuple[float, float]]:
    """(N, D) of every run, sizes rising, budgets rising within a size."""
    return sorted({(float(n), float(d)) for n, d in zip(subject.runs.n_params, subject.runs.n_tokens, strict=True)})


def _nearest(subject: Subject, n_params: float, n_tokens: float) -> str:
    runs = subject.runs
    away = np.hypot(np.log(runs.n_params / n_params), np.log(runs.n_tokens / n_tokens))
    at = int(away.argmin())
    name = clean(runs.run_id[at], 40)
    law = float(subject.assessment.fit().loss(runs.n_params[at], runs.n_tokens[at]))
    loss = float(runs.loss[at])
    side = "above" if loss > law else "below"
    off = f"loss {loss:.4f}, {numbers.percent(abs(loss / law - 1.0))} {side} {subject.assessment.best}"
    if float(away[at]) < NEAR:
        return f"on run {name}: {off}"
    where = f"{_times(n_params / float(runs.n_params[at]))} its N, {_times(n_tokens / float(runs.n_tokens[at]))} its D"
    return f"nearest run {name} ({where}): {off}"


def _times(ratio: float) -> str:
    return f"{ratio:.3g} ×"
