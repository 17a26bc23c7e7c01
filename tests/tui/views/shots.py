"""Snapshots without a store: the first so many runs of a fixed simulated lab, and what the laws say of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from scalelab import laws, plan, preset_files
from scalelab.records import Evaluation, RunKind, RunState
from scalelab.store.rows import PredictionRow, RunRow
from scalelab.tui.lawbook import growth_of
from scalelab.tui.snapshot import PastLaw, Snapshot, Versions
from tests.report import fixed
from tests.simulated import CPU, LARGER, TOKENS, noise, true_loss

EVERY = 20
"""Points of the whole grid."""


@cache
def shot(finished: int, *, alive: bool = True, name: str = "tiny") -> Snapshot:
    """With so many of twenty points finished, in the order of the plan."""
    made = plan.make_plan(preset_files.loads(LARGER, "a test"), CPU)
    points = [spec for spec in made.runs if spec.kind is not RunKind.TRUNK]
    done = {spec.run for spec in points[:finished]}
    rows = tuple(
        RunRow(
            spec=spec,
            position=place,
            expected_seconds=made.expected_seconds[spec.run],
            step=spec.n_steps,
            state=RunState.DONE if spec.run in done else RunState.PLANNED,
            attempt=1,
            reason="",
            changed=0.0,
        )
        for place, spec in enumerate(made.runs)
    )
    finals = tuple(
        Evaluation(
            run=spec.run,
            attempt=1,
            step=spec.n_steps,
            n_tokens=spec.n_tokens,
            flops=spec.flops,
            loss=_loss(spec.run),
            loss_se=0.004,
            accuracy=0.3,
            bits_per_byte=1.0,
            evaluated_tokens=65_536,
            final=True,
        )
        for spec in points[:finished]
    )
    history = tuple(_past(count) for count in range(8, finished + 1, 4))
    return Snapshot(
        root=Path("/labs") / name, name=name, state="training" if alive else "stopped", alive=alive, rows=rows,
        finals=finals, runs=_table(finished) if finished else None, assessment=_seen(finished) if finished else None,
        history=history, foretold=_foretold(finished), device=CPU, tokens=TOKENS, preset=made.preset,
        versions=Versions(rows=finished, law=finished),
    )  # fmt: skip


def hostile(shown: Snapshot, text: str) -> Snapshot:
    """The same with this text wherever names and reasons come from outside."""
    assert shown.runs is not None and shown.assessment is not None
    excluded = (laws.Exclusion(run=text, reason=text),)
    seen = replace(shown.assessment, excluded=excluded, n_excluded=1, verdicts=(text,))
    runs = replace(shown.runs, excluded=excluded, n_excluded=1, notes=(text,))
    foretold = tuple(replace(each, run=text) for each in shown.foretold)
    return replace(shown, name=text, runs=runs, assessment=seen, fit_problem=text, foretold=foretold)


@cache
def _specs() -> dict[str, tuple[float, float, float]]:
    made = plan.make_plan(preset_files.loads(LARGER, "a test"), CPU)
    return {
        spec.run: (float(spec.counts.n_params), float(spec.n_tokens), spec.flops)
        for spec in made.runs
        if spec.kind is not RunKind.TRUNK
    }


def _loss(run: str) -> float:
    n_params, n_tokens, _ = _specs()[run]
    return true_loss(n_params, n_tokens) * noise(run, 0.004)


@cache
def _table(finished: int) -> laws.RunTable:
    names = list(_specs())[:finished]
    columns = list(zip(*(_specs()[name] for name in names), strict=True))
    return laws.run_table(
        run_id=names, n_params=columns[0], n_tokens=columns[1], loss=[_loss(name) for name in names], flops=columns[2],
        excluded=[laws.Exclusion(run="88x1-D1.2M-s0", reason="diverged: the loss is NaN at step 312")],
    )  # fmt: skip


@cache
def _seen(finished: int) -> laws.Assessment:
    if finished == EVERY:  # kept, so that goldens show words and layout and not the numerics of the day
        return fixed.subject().assessment
    return laws.Assessment.from_json(laws.assess(_table(finished)).to_json())


def _past(finished: int) -> PastLaw:
    seen = _seen(finished)
    estimates = {each.name: (each.value, each.low, each.high) for each in seen.fit().estimates}
    return PastLaw(n_runs=finished, law=str(seen.best), after_run="", time=0.0, estimates=estimates,
                   growth=growth_of(seen.fit()))  # fmt: skip


def _foretold(finished: int) -> tuple[PredictionRow, ...]:
    if finished < 12:
        return ()
    seen, told = _seen(8), []
    for run in list(_specs())[8:finished]:
        found = seen.predict(*_specs()[run][:2])
        told.append(PredictionRow(run=run, fit=1, time=0.0, loss=found.loss, low=found.low, high=found.high,
                                  observed=_loss(run)))  # fmt: skip
    return tuple(told)
