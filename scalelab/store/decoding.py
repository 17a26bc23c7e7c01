"""Rows of lab.db as records; must not know how they were asked for."""

from __future__ import annotations

import math
from typing import Any

from scalelab.records import Evaluation, PartEvaluation, Point
from scalelab.store.rows import FitRow


def _number(value: float | None) -> float:
    # sqlite stores a NaN as NULL.
    return math.nan if value is None else value


def point(row: tuple[Any, ...]) -> Point:
    """Of the columns that a Point has, in its order."""
    return Point(
        run=row[0],
        attempt=row[1],
        step=row[2],
        n_tokens=row[3],
        loss=_number(row[4]),
        lr=_number(row[5]),
        grad_norm=_number(row[6]),
        tokens_per_second=_number(row[7]),
        seconds=_number(row[8]),
    )


def evaluation(row: tuple[Any, ...]) -> Evaluation:
    """Of the columns that an Evaluation has, in its order."""
    return Evaluation(
        run=row[0],
        attempt=row[1],
        step=row[2],
        n_tokens=row[3],
        flops=row[4],
        loss=_number(row[5]),
        loss_se=_number(row[6]),
        accuracy=_number(row[7]),
        bits_per_byte=_number(row[8]),
        evaluated_tokens=row[9],
        final=bool(row[10]),
    )


def part_evaluation(row: tuple[Any, ...]) -> PartEvaluation:
    """Of the columns that a PartEvaluation has, in its order."""
    return PartEvaluation(
        run=row[0],
        attempt=row[1],
        step=row[2],
        part=row[3],
        loss=_number(row[4]),
        loss_se=_number(row[5]),
        accuracy=_number(row[6]),
        bits_per_byte=_number(row[7]),
        evaluated_tokens=row[8],
    )


def fit(row: tuple[Any, ...]) -> FitRow:
    """Of id, after_run, time and json."""
    return FitRow(id=row[0], after_run=row[1], time=row[2], json=row[3])
