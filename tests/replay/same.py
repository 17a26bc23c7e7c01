"""Whether two snapshots say the same of a lab, wherever it lies and however often it was looked at."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from scalelab.laws import RunTable
from scalelab.tui.snapshot import Snapshot

APART = frozenset({"root", "name", "versions", "recorded"})


def told(shot: Snapshot) -> dict[str, Any]:
    """All that it says, as values that can be compared."""
    found = {field.name: getattr(shot, field.name) for field in fields(shot) if field.name not in APART}
    found["curves"] = {
        run: [[plain(number) for number in getattr(curve, name)] for name in ("step", "n_tokens", "loss", "seconds")]
        + [curve.growing, curve.last]
        for run, curve in shot.curves.items()
    }
    found["evaluations"] = {run: kept for run, kept in shot.evaluations.items() if kept}
    found["assessment"] = shot.assessment.to_json() if shot.assessment else None
    found["runs"] = table(shot.runs) if shot.runs else None
    return found


def plain(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def table(runs: RunTable) -> list[Any]:
    """Rows and exclusions of a table of laws."""
    return [list(runs.run_id), runs.n_params.tolist(), runs.n_tokens.tolist(), runs.loss.tolist(), list(runs.excluded)]
