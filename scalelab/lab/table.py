"""The store's finished runs as the table that laws are fitted to: what enters, what does not, and why.

A run that died is not a point; nor is a diverged or stopped one, nor anything that was never annealed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from scalelab.records import Evaluation, RunKind, RunSpec, RunState, TokenSet
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow

if TYPE_CHECKING:
    from scalelab.laws import Exclusion, RunTable

EVALUATED = "evaluated"
"""The origin of a run that is somebody's finished model."""
USUAL_SCATTER, LEAST_SCATTER = 0.01, 0.002
"""Scatter of finished runs about a law, of ln loss: before a fit says it, and the least that seeds leave."""
UNLIKE = 1.1
"""Ratio of the largest to the smallest variance from which on runs weigh by them: below, weights would move a fit by
less than they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """The end of a run as a row of the table, measured or forecast."""

    spec: RunSpec
    n_tokens: float
    flops: float
    loss: float
    spread: float
    """Standard deviation of ln loss: of its forecast, or of the evaluation that measured it."""


def run_table(
    reader: Reader, *, group: str | None = None, part: str | None = None, unfinished: bool = False
) -> RunTable:
    """The annealed ends of all runs that are done, branches of one trunk as one cluster, the rest as exclusions.

    Runs on different texts have no law in common: of a lab with groups, those of one (None: the first). With `part`,
    losses are those on the held-out text of that part of a mixture.
    With `unfinished`, runs under way enter with the loss that their curves foretell, weighted by 1/variance against
    the finished ones, and the notes say which; those that cannot be foretold yet are exclusions.
    """
    from scalelab import laws

    groups = reader.groups()
    chosen = groups[0] if group is None else group
    rows = {row.run: row for row in reader.runs() if row.spec.group == chosen}
    ends = _measured(reader, rows, part)
    foretold, too_early = _foretold(reader, rows) if unfinished else ([], [])
    every = [*ends, *foretold]
    specs = [end.spec for end in every]
    tokens = reader.meta("tokens") if chosen == groups[0] else reader.meta(f"tokens {chosen}")
    unique = TokenSet.from_json(tokens).train_tokens if tokens else None
    early = {each.run for each in too_early}
    return laws.run_table(
        run_id=[spec.run for spec in specs],
        n_params=[spec.counts.n_params for spec in specs],
        n_tokens=[end.n_tokens for end in every],
        loss=[end.loss for end in every],
        flops=[end.flops for end in every],
        cluster=[spec.parent or spec.run for spec in specs],
        weight=_weights(reader, every, chosen),
        unique_tokens=None if unique is None else [unique] * len(every),
        counts={
            "n_blocks": [spec.counts.n_blocks for spec in specs],
            "n_total": [spec.counts.n_total for spec in specs],
        },
        excluded=[*_exclusions(rows, {spec.run for spec in specs} | early, part), *too_early],
        notes=[*_notes(foretold), *_marks(specs)],
    )


def _measured(reader: Reader, rows: dict[str, RunRow], part: str | None) -> list[_End]:
    finals = [final for final in reader.finals(part) if final.run in rows and math.isfinite(final.loss)]
    errors = _evaluation_errors(finals)
    return [
        _End(
            spec=rows[final.run].spec, n_tokens=final.n_tokens, flops=final.flops, loss=final.loss,
            spread=errors[final.evaluated_tokens],
        )
        for final in finals
    ]  # fmt: skip


def _evaluation_errors(finals: list[Evaluation]) -> dict[int, float]:
    """Standard error of ln loss by the number of tokens evaluated: the median of the runs measured on as many.

    Those saw the same tokens, so that what their own standard errors differ by is no difference in precision.
    """
    errors: dict[int, list[float]] = {}
    for final in finals:
        known = final.loss_se > 0 and final.loss > 0
        errors.setdefault(final.evaluated_tokens, []).append(final.loss_se / final.loss if known else 0.0)
    return {tokens: median(found) for tokens, found in errors.items()}


def _foretold(reader: Reader, rows: dict[str, RunRow]) -> tuple[list[_End], list[Exclusion]]:
    """The ends of runs under way as far as their curves foretell them, and why the others are no points."""
    from scalelab.lab.forecasts import endings
    from scalelab.laws import Exclusion

    ends, too_early = [], []
    for run, found in endings(reader, list(rows.values()), unfinished=True).items():
        told, spec = found.forecast, rows[run].spec
        if not told.believed or told.loss is None or told.sd is None:
            too_early.append(Exclusion(run=run, reason=f"unfinished, too early to foretell: {told.reason}"))
        elif not told.held_out:
            too_early.append(Exclusion(run=run, reason="unfinished, without a held-out loss so far"))
        else:
            spread = told.sd / told.loss
            ends.append(_End(spec=spec, n_tokens=spec.n_tokens, flops=spec.flops, loss=told.loss, spread=spread))
    return ends, too_early


def _weights(reader: Reader, ends: list[_End], group: str) -> list[float] | None:
    """1/(variance between seeds + variance of the measurement or forecast), the largest 1; None where all are alike."""
    if not ends:
        return None
    seeds = _seed_scatter(reader, group, min(end.spread for end in ends))
    variances = [seeds**2 + end.spread**2 for end in ends]
    least = min(variances)
    return [least / variance for variance in variances] if max(variances) > UNLIKE * least else None


def _seed_scatter(reader: Reader, group: str, measured: float) -> float:
    """Scatter of ln loss that seeds alone leave: of replicates, else of the last fit's residuals, less what measuring
    adds to either.
    """
    from scalelab.laws import Assessment

    row = reader.latest_fit(group)
    seen = Assessment.kept(row.json) if row else None
    if seen is None or not seen.best:
        return USUAL_SCATTER
    replicates = seen.diagnosis.noise if seen.diagnosis else None
    scatter = replicates.sigma if replicates else seen.fit().sigma
    return math.sqrt(max(scatter**2 - measured**2, LEAST_SCATTER**2))


def _notes(foretold: list[_End]) -> list[str]:
    if not foretold:
        return []
    told = ", ".join(f"{end.spec.run} ({end.loss:.3f} ± {end.loss * end.spread:.3f})" for end in foretold)
    one = len(foretold) == 1
    return [
        f"{len(foretold)} unfinished {'run enters' if one else 'runs enter'} with a forecast of the final loss: {told}"
    ]


def _marks(specs: list[RunSpec]) -> list[str]:
    """Which points are published models and none of the lab's own."""
    names = [spec.run for spec in specs if spec.origin == EVALUATED]
    if not names:
        return []
    what = "is a finished model" if len(names) == 1 else "are finished models"
    return [f"{', '.join(names)} {what}, evaluated on this text and not trained on it: D is as published or given"]


def _exclusions(rows: dict[str, RunRow], used: set[str], part: str | None) -> list[Exclusion]:
    from scalelab.laws import Exclusion

    return [
        Exclusion(run=name, reason=_reason(row, part))
        for name, row in rows.items()
        if name not in used
        and row.spec.kind is not RunKind.TRUNK
        and row.state not in {RunState.PLANNED, RunState.RUNNING}
    ]


def _reason(row: RunRow, part: str | None) -> str:
    if row.state is RunState.DONE and part is not None:
        return f"done, but not measured on {part}"
    if row.state is RunState.DONE:
        return f"done, but {row.reason}" if row.reason else "done, without a finite final loss"
    return f"{row.state}: {row.reason}" if row.reason else str(row.state)
