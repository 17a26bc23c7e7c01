"""Every run of a fit with what the law says of it, as rows of a table for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scalelab.report.source import Subject


def point_rows(subject: Subject) -> list[dict[str, Any]]:
    """One row a run: N, D, C, loss, the law there, ln(observed) − ln(law), and how much the fit leans on it.

    `leverage` and `studentised` are empty for tables above 5,000 runs.
    """
    runs, seen = subject.runs, subject.assessment.diagnosis
    law = law_at_runs(subject)
    empty = [None] * len(runs)
    return [
        {"run": run, "n_params": n, "n_tokens": d, "flops": c, "loss": loss, "law": said,
         "residual": float(np.log(loss) - np.log(said)), "leverage": hat, "studentised": t}
        for run, n, d, c, loss, said, hat, t in zip(
            runs.run_id, runs.n_params.tolist(), runs.n_tokens.tolist(), runs.compute.tolist(), runs.loss.tolist(),
            law.tolist(), (seen.leverage if seen else ()) or empty, (seen.studentised if seen else ()) or empty,
            strict=True)
    ]  # fmt: skip


def law_at_runs(subject: Subject) -> np.ndarray:
    """The best law's loss at every run, repeated data counted as such by a law that knows them."""
    fit, runs = subject.assessment.fit(), subject.runs
    unique = runs.unique_tokens if "unique_tokens" in fit.form.variables else None
    with np.errstate(all="ignore"):
        return fit.loss(runs.n_params, runs.n_tokens, unique_tokens=unique)
