"""A lab's tables for other programs: CSV, Parquet, JSON. It writes bytes to a stream and opens no file itself."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO

from scalelab.gate import clean
from scalelab.records import Evaluation, RunKind

if TYPE_CHECKING:
    from scalelab.store.reader import Reader

Row = Mapping[str, Any]


class Format(StrEnum):
    """How the table is written."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"


class Table(StrEnum):
    """Which table of a lab."""

    RUNS = "runs"
    """One row a run; those that are done carry their final loss and enter a fit."""
    CURVES = "curves"
    """One row a point of training loss."""
    EVALUATIONS = "evaluations"
    """One row a held-out measurement."""


def rows_of(reader: Reader, table: Table) -> list[Row]:
    """The table's rows in the order of the plan."""
    match table:
        case Table.RUNS:
            finals = {final.run: final for final in reader.finals()}
            scores = {(each.run, each.name): each.value for each in reader.scores()}
            measured = scores | {(each.run, f"loss on {each.part}"): each.loss for each in reader.parts()}
            names = tuple(dict.fromkeys(name for _, name in measured))
            return [
                {**_run_row(row, finals.get(row.run)), **{name: measured.get((row.run, name)) for name in names}}
                for row in reader.runs() if row.spec.kind is not RunKind.TRUNK
            ]  # fmt: skip
        case Table.CURVES:
            return [point.to_dict() for row in reader.runs() for point in reader.points(row.run)]
        case Table.EVALUATIONS:
            return [each.to_dict() | {"perplexity": each.perplexity} for each in reader.evaluations()]


def _run_row(row: Any, final: Evaluation | None) -> Row:
    spec = row.spec
    measured = {
        "loss": final and final.loss, "loss_se": final and final.loss_se, "perplexity": final and final.perplexity,
        "bits_per_byte": final and final.bits_per_byte, "accuracy": final and final.accuracy,
    }  # fmt: skip
    # `tokens` and `flops` are what the loop counted where it ended, else what was planned.
    return {
        "run": spec.run, "rung": spec.rung, "origin": spec.origin, "seed": spec.seed, "state": str(row.state),
        "reason": row.reason,
        "n_params": spec.counts.n_params, "n_blocks": spec.counts.n_blocks, "n_total": spec.counts.n_total,
        "tokens": final.n_tokens if final else spec.n_tokens, "flops": final.flops if final else spec.flops, **measured,
        "trunk": spec.parent, "attempts": row.attempt, "steps": row.step, "batch_tokens": spec.batch_tokens,
        "learning_rate": spec.schedule.peak, "architecture": spec.shape.architecture, "n_layer": spec.shape.n_layer,
        "d_model": spec.shape.d_model, "n_head": spec.shape.n_head, "context": spec.shape.context,
        "vocab_size": spec.shape.vocab_size,
    }  # fmt: skip


def write(rows: Sequence[Row], form: Format, stream: BinaryIO, table: Table = Table.RUNS) -> None:
    """The rows in a format onto a binary stream."""
    match form:
        case Format.CSV:
            for piece in _csv(rows):
                stream.write(piece.encode())
        case Format.PARQUET:
            _parquet(rows, stream)
        case Format.JSON:
            document = {"schema": f"scalelab.{table}/1", str(table): [_finite(row) for row in rows]}
            stream.write(json.dumps(document, allow_nan=False).encode() + b"\n")


def guarded(cell: Any) -> Any:
    """A text cell that a spreadsheet would take for a formula gets an apostrophe before it; NaN is an empty cell."""
    if isinstance(cell, str):
        shown = clean(cell)
        # What stands first once blanks are gone, and what stood first before: a spreadsheet sees one or the other.
        return f"'{shown}" if {shown[:1], cell[:1]} & {"=", "+", "-", "@", "\t", "\r"} else shown
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    return repr(cell) if isinstance(cell, float) else cell


def _csv(rows: Sequence[Row]) -> Iterable[str]:
    if not rows:
        return
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([guarded(cell) for cell in row.values()])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _parquet(rows: Sequence[Row], stream: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(rows[0]) if rows else []
    pq.write_table(pa.table({name: [row[name] for row in rows] for name in names}), stream)


def _finite(row: Row) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
