"""Finished runs of elsewhere into a lab of recorded runs: what `laws.read_runs` reads, and the curves that lie beside.

Every way to read runs is the laws'; here a row of their table becomes a run with an end. Must not know a trainer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.lab.recording import Recorder, final, safe_name
from scalelab.records import (
    AdamW,
    Decay,
    Evaluation,
    ModelShape,
    ParameterCount,
    Point,
    RunKind,
    RunSpec,
    Schedule,
)
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import RunTable

ORIGIN = "imported"
MOST_RUNS = 20_000
"""Runs that a lab may take at once: a table of more is for `scalelab fit`, which keeps no curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came into a lab."""

    lab: str
    runs: tuple[str, ...]
    """Their names there."""
    n_excluded: int
    """Rows of the source that are no runs."""
    notes: tuple[str, ...]
    """What was guessed or converted."""
    fit_problem: str
    """Why there is no law yet; empty where there is one."""


def import_runs(table: RunTable, source: str | Path, folder: str | Path) -> Imported:
    """Put the runs of a table, read from a source, into the lab of recorded runs in a folder, and fit.

    A run of the same name, N, D and loss is there already and is not taken twice.

    Raises
    ------
    BadInput
        The folder is no place for them, the source holds no run that is not there yet, or too many.
    """
    if len(table) > MOST_RUNS:
        raise BadInput(
            f"{len(table)} runs are too many for a lab",
            allowed=f"up to {MOST_RUNS:,}",
            todo="`scalelab fit` reads a table as it is",
        )
    with Recorder(folder) as recorder:
        there = recorder.ends()
        new = [each for each in runs_of(table, Path(source)) if not _there(each, there)]
        if not new:
            raise BadInput(f"{clean(str(source), 200)} holds no run that {clean(str(folder), 200)} has not")
        names = recorder.add(new)
        problem = recorder.refit(names[-1])
        return Imported(
            lab=str(recorder.paths.root), runs=names, n_excluded=table.n_excluded, notes=table.notes,
            fit_problem=problem,
        )  # fmt: skip


def runs_of(table: RunTable, source: Path) -> Iterator[tuple[RunSpec, list[Point | Evaluation]]]:
    """Each row of a table as a run with its end, and the curve where its folder tells one."""
    blocks, total = (table.counts.get(name) for name in ("n_blocks", "n_total"))
    shared = Counter(table.cluster or ())
    for i, name in enumerate(table.run_id):
        n_params, n_tokens = max(round(table.n_params[i]), 1), max(round(table.n_tokens[i]), 1)
        counts = ParameterCount(
            n_params=n_params,
            n_blocks=n_params if blocks is None else round(blocks[i]),
            n_total=n_params if total is None else round(total[i]),
        )
        trunk = table.cluster[i] if table.cluster is not None else ""
        spec = _spec(safe_name(name), counts, n_tokens, safe_name(trunk) if shared[trunk] > 1 else None)
        end = final(
            spec.run, spec, n_tokens=n_tokens, loss=float(table.loss[i]),
            flops=float(table.flops[i]) if table.flops is not None else None,
        )  # fmt: skip
        yield spec, [*_curve(source / name, spec, n_tokens), end]


def _spec(run: str, counts: ParameterCount, n_tokens: int, trunk: str | None) -> RunSpec:
    """A run of which no more is known than its size and its tokens: one sequence a step, of one token."""
    shape = ModelShape(
        architecture="unknown", n_layer=0, d_model=0, n_head=0, d_ff=0, context=1, vocab_size=0, activation="unknown"
    )
    return RunSpec(
        run=run, kind=RunKind.SINGLE, rung=f"N{format_count(float(counts.n_params))}", seed=0, shape=shape,
        counts=counts, batch_sequences=1, micro_sequences=1, first_step=0,
        schedule=Schedule(peak=0.0, warmup_steps=0, decay=Decay.COOLDOWN, decay_start=0, n_steps=n_tokens),
        optimizer=AdamW(), parent=trunk, origin=ORIGIN,
    )  # fmt: skip


def _curve(folder: Path, spec: RunSpec, n_tokens: int) -> list[Point | Evaluation]:
    """The curve in a run's trainer_state.json, its steps as tokens; [] where there is none."""
    from scalelab.laws.reading.trainer_states import newest_state

    state = newest_state(folder) if folder.is_dir() else None
    steps = _number((state or {}).get("global_step"))
    if state is None or not steps > 0:
        return []
    found: list[Point | Evaluation] = []
    for entry in state.get("log_history") or ():
        if isinstance(entry, Mapping) and "loss" in entry and 0 < _number(entry.get("step")) <= steps:
            tokens = round(n_tokens * _number(entry["step"]) / steps)
            found.append(
                Point(
                    run=spec.run, attempt=1, step=tokens, n_tokens=tokens, loss=_number(entry["loss"]),
                    lr=_number(entry.get("learning_rate")), grad_norm=_number(entry.get("grad_norm")),
                    tokens_per_second=math.nan, seconds=math.nan,
                )
            )  # fmt: skip
    return found


def _there(run: tuple[RunSpec, Sequence[Point | Evaluation]], there: Sequence[tuple[str, int, int, float]]) -> bool:
    """Whether this very run is in the lab, so that a source that has grown can be imported again."""
    spec, measured = run
    this = (spec.counts.n_params, spec.n_tokens, measured[-1].loss)
    return any(known.startswith(spec.run) and rest == this for known, *same in there for rest in (tuple(same),))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)
