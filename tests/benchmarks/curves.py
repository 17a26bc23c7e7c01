"""Forecasts of final losses beside what came: simulated curves, and the finished runs of labs given as arguments.

A run of a lab is cut at a share of its steps and forecast from what was there: its own points, its trunk's past, and
what other trunks and its own trunk's shorter branches had gained by annealing. Beside it the same fit without annealing
(a power law in the area under the rate, as if the rate stayed), and the loss as it stood.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scalelab.lab.forecasts import curve_of, family_curves, finished_families
from scalelab.laws.curves import MEMORIES, Curve, Prior, annealing_seen, forecast_curve
from scalelab.records import RunSpec
from scalelab.store.reader import Reader
from tests.laws.curves.simulated import simulate

SHARES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Case:
    """One run as it stood at a share of its steps, and what it came to."""

    run: str
    share: float
    curve: Curve
    end: float
    prior: Prior | None = None


def cut(curve: Curve, share: float) -> Curve:
    """What had been seen of a curve at a share of its length."""
    shown, held = curve.positions <= share * curve.until, curve.held_out_positions <= share * curve.until
    spans = None if curve.spans is None else curve.spans[shown]
    return replace(
        curve, positions=curve.positions[shown], losses=curve.losses[shown], spans=spans,
        held_out_positions=curve.held_out_positions[held], held_out_losses=curve.held_out_losses[held],
    )  # fmt: skip


def simulated(kind: str, runs: int) -> Iterator[Case]:
    """Curves by the law, with noise that neighbours share."""
    for seed in range(runs):
        truth = simulate(seed, kind)
        whole = Curve.of(truth.steps, truth.losses, truth.rates, until=len(truth.rates))
        for share in SHARES:
            yield Case(f"{kind}-{seed}", share, cut(whole, share), truth.end)


def trained(folder: Path) -> Iterator[Case]:
    """The finished runs of a lab."""
    with Reader(folder / "lab.db") as reader:
        rows = reader.runs()
        memories = MEMORIES * max(row.spec.n_steps for row in rows)
        finals = {each.run: each.loss for each in reader.finals()}
        families = list(finished_families(rows).values())
        for family in families:
            others = [family_curves(reader, other) for other in families if other is not family]
            for number, spec in enumerate(family):
                shorter: Sequence[RunSpec] = family[number + 1 :]
                known = [*others, family_curves(reader, shorter)] if shorter else others
                prior, whole = annealing_seen(known, memories), curve_of(reader, spec)
                for share in SHARES:
                    yield Case(spec.run, share, cut(whole, share), finals[spec.run], prior)


def without_annealing(curve: Curve) -> float | None:
    """The end as a power law of the area sees it that takes the rate to stay."""
    return forecast_curve(replace(curve, rates=np.ones(16))).loss


def standing(curve: Curve) -> float:
    """The mean loss over the last twentieth of what was seen."""
    late = curve.positions >= 0.95 * curve.seen
    return float(curve.losses[late].mean())


def table(title: str, cases: Iterable[Case], *, each: bool) -> None:
    """Print how near the forecasts came, by share of the run that was seen."""
    print(title)
    every = list(cases)
    for share in SHARES:
        rows = [row for case in every if case.share == share and (row := _row(case, each))]
        if not rows:
            continue
        inside, miss, half, ms, plain, last, believed = (np.array(column) for column in zip(*rows, strict=True))
        print(
            f"  {share:4.0%} seen: {inside.mean():4.0%} of {len(rows)} inside; miss {_middle(miss)} "
            f"(no annealing {_middle(plain)}, as it stood {_middle(last)}), half-width {np.median(half):5.2%}, "
            f"{believed.mean():4.0%} worth showing, {np.median(ms):.1f} ms"
        )


def _row(case: Case, each: bool) -> tuple[float, ...] | None:
    began = time.process_time()
    told = forecast_curve(case.curve, prior=case.prior)
    ms = 1000 * (time.process_time() - began)
    if told.loss is None or told.low is None or told.high is None or told.half is None:
        return None
    miss = told.loss / case.end - 1
    if each:
        print(
            f"    {case.run:16} {case.share:4.0%}  {told.loss:.3f} ± {told.half:.3f}, came {case.end:.3f} ({miss:+.2%})"
        )
    plain = without_annealing(case.curve)
    return (
        float(told.low <= case.end <= told.high), miss, told.half / case.end, ms,
        np.nan if plain is None else plain / case.end - 1, standing(case.curve) / case.end - 1, float(told.believed),
    )  # fmt: skip


def _middle(miss: np.ndarray) -> str:
    return f"{np.nanmedian(np.abs(miss)):.2%}"


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks curves", description=__doc__)
    parser.add_argument("labs", nargs="*", type=Path, help="labs whose finished runs are forecast in hindsight")
    parser.add_argument("--runs", type=int, default=100, help="simulated runs of each schedule")
    parser.add_argument("--each", action="store_true", help="print every forecast")
    options = parser.parse_args(arguments)
    for kind in ("wsd", "cosine", "constant") if options.runs else ():
        table(f"simulated, {kind}", simulated(kind, options.runs), each=options.each)
    for folder in options.labs:
        table(str(folder), trained(folder), each=options.each)
