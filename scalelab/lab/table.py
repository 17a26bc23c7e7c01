"""The store's finished runs as the table that laws are fitted to: what enters, what does not, and why.

A run that died is not a point; nor is a diverged or stopped one, nor anything that was never annealed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scalelab.records import RunKind, RunState, TokenSet
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow

if TYPE_CHECKING:
    from scalelab.laws import Exclusion, RunTable


def run_table(reader: Reader) -> RunTable:
    """The annealed ends of all runs that are done, branches of one trunk as one cluster, the rest as exclusions."""
    from scalelab import laws

    rows = {row.run: row for row in reader.runs()}
    finals = [final for final in reader.finals() if math.isfinite(final.loss)]
    specs = [rows[final.run].spec for final in finals]
    tokens = reader.meta("tokens")
    unique = TokenSet.from_json(tokens).train_tokens if tokens else None
    return laws.run_table(
        run_id=[final.run for final in finals],
        n_params=[spec.counts.n_params for spec in specs],
        n_tokens=[final.n_tokens for final in finals],
        loss=[final.loss for final in finals],
        flops=[final.flops for final in finals],
        cluster=[spec.parent or spec.run for spec in specs],
        unique_tokens=None if unique is None else [unique] * len(finals),
        counts={
            "n_blocks": [spec.counts.n_blocks for spec in specs],
            "n_total": [spec.counts.n_total for spec in specs],
        },
        excluded=_exclusions(rows, {final.run for final in finals}),
    )


def _exclusions(rows: dict[str, RunRow], used: set[str]) -> list[Exclusion]:
    from scalelab.laws import Exclusion

    return [
        Exclusion(run=name, reason=_reason(row))
        for name, row in rows.items()
        if name not in used
        and row.spec.kind is not RunKind.TRUNK
        and row.state not in {RunState.PLANNED, RunState.RUNNING}
    ]


def _reason(row: RunRow) -> str:
    if row.state is RunState.DONE:
        return "done, without a finite final loss"
    return f"{row.state}: {row.reason}" if row.reason else str(row.state)
