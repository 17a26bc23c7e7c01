"""The automatic choice on public tables: laws fitted to the smaller runs, against the larger ones that they never saw.

For each split, the mean of |predicted/observed − 1| over the runs held out, for what `assess` predicts and for single
laws; and how much of them its 95 % interval holds, with its half-width. The splits are those that the tables' notes
define. Point SCALELAB_SHARED_DATA at the folder of the tables.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scalelab import laws
from scalelab.laws import RunTable
from scalelab.laws.runs import Array, Mask

DATA = Path(os.environ.get("SCALELAB_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SINGLE = ("power", "chinchilla", "coupled", "kaplan+E")


@dataclass(frozen=True)
class Split:
    """Runs to fit and larger ones to be told."""

    name: str
    fitted: RunTable
    held: RunTable


@dataclass(frozen=True)
class Outcome:
    """What came of a split."""

    split: Split
    errors: dict[str, float]
    """Mean |miss| by law; "choice" is what assess predicts."""
    inside: Array
    """Whether each run held out lies inside its interval."""
    half: Array
    """Half-width of each interval, in ln."""


def table(name: str, where: str | None = None, keep: Callable[[RunTable], Mask] | None = None) -> RunTable:
    """A public table, its rows by an expression over columns or by a test of runs."""
    runs = laws.read_runs(DATA / f"{name}.csv", where=where)
    return runs if keep is None else runs.take(keep(runs))


def by_compute(name: str, runs: RunTable, fit_to: float, hold_from: float | None = None) -> Split:
    """Runs with C = 6·N·D below a limit against those from it, or from a second one, on."""
    flops = 6.0 * runs.n_params * runs.n_tokens
    return Split(name, runs.take(flops < fit_to), runs.take(flops >= (fit_to if hold_from is None else hold_from)))


def sane(runs: RunTable) -> Mask:
    """What Muennighoff et al.'s table calls so: at most 60 epochs, no loss above 5.5, no more than 3 N for a token."""
    assert runs.unique_tokens is not None
    epochs = runs.n_tokens / runs.unique_tokens
    chosen: Mask = (epochs <= 60) & (runs.loss < 5.5) & (runs.n_params / runs.unique_tokens <= 3)
    return chosen


def once(runs: RunTable) -> Mask:
    """Runs that repeat nothing."""
    assert runs.unique_tokens is not None
    chosen: Mask = runs.n_tokens <= 1.0001 * runs.unique_tokens
    return chosen


def splits() -> Iterator[Split]:
    """All of them."""
    chinchilla = table("chinchilla_epoch", "outlier=0")
    yield by_compute("chinchilla_epoch:1e21", chinchilla, 1e21)
    yield by_compute("chinchilla_epoch:hard", chinchilla, 1.2e20 * 1.0001, 5e20)
    hot = table("gemstones", "series=hot")
    yield by_compute("gemstones:hot", hot, 2e20)
    yield Split("gemstones:hot->120b+", hot, table("gemstones", "series='hot_120b+_only'"))
    yield by_compute("gemstones:cool_end", table("gemstones", "series=cool_end"), 2e20)
    yield by_compute("muennighoff:1-epoch", table("muennighoff", keep=once), 1e21)
    yield by_compute("muennighoff:all", table("muennighoff"), 1e21)
    yield by_compute("muennighoff:sane", table("muennighoff", keep=sane), 1e21)
    ladder = table("olmo_ladder", "series=ladder")
    yield Split("olmo_ladder:7B,13B", ladder, table("olmo_ladder", "series=target"))
    three = "run_id in ('3B-1xC', '3B-2xC', '3B-5xC', '3B-10xC')"
    yield Split("olmo_ladder:3B", ladder, table("olmo_ladder", three))
    for series in ("rw-tuned-short-const", "owt2-tuned-short-const", "rw-base-short-chinchilla",
                   "owt2-base-short-chinchilla"):  # fmt: skip
        yield _porian(f"porian:{series}", table("porian", f"series='{series}-standard-val'"))
    for series in ("rw-tuned-short-const", "rw-base-short-chinchilla"):
        usual = table("porian", f"series='{series}-standard-val' and tokens/n_params between 1 and 500")
        yield _porian(f"porian+DN:{series}", usual)


def _porian(name: str, runs: RunTable) -> Split:
    return by_compute(name, runs, 1.6e18 * 1.001, 6.4e18 * 0.999)


def outcome(split: Split) -> Outcome:
    """Fit the one part, tell the other."""
    seen = laws.assess(split.fitted)
    held = split.held
    unique = [None] * len(held) if held.unique_tokens is None else held.unique_tokens.tolist()
    told = [seen.predict(float(n), float(d), u) for n, d, u in zip(held.n_params, held.n_tokens, unique, strict=True)]
    errors = {"choice": error(np.array([each.loss for each in told]), held)}
    for law in SINGLE:
        errors[law] = error(laws.fit(split.fitted, law).loss(held.n_params, held.n_tokens), held)
    low, high = (np.array([getattr(each, side) for each in told]) for side in ("low", "high"))
    inside = (low <= held.loss) & (held.loss <= high)
    return Outcome(split, errors, inside, np.log(high / low) / 2)


def error(loss: Array, held: RunTable) -> float:
    """Mean of |predicted/observed − 1|."""
    return float(np.abs(loss / held.loss - 1.0).mean())


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks splits", description=__doc__)
    parser.parse_args(arguments)
    if not DATA.is_dir():
        print("skipped: the public tables are not here; set SCALELAB_SHARED_DATA to their folder")
        return
    heads = ("choice", *SINGLE)
    print(f"{'split':36} {'fit/hold':>9} {'':>5}" + "".join(f"{head:>11}" for head in heads) + "   inside  ±half")
    outcomes = []
    for split in splits():
        found = outcome(split)
        outcomes.append(found)
        further = split.held.compute.max() / split.fitted.compute.max()
        print(
            f"{split.name:36} {len(split.fitted):4}/{len(split.held):<4} {further:4.0f}×"
            + "".join(f"{100 * found.errors[head]:10.2f}%" for head in heads)
            + f"   {found.inside.mean():6.2f} {100 * np.median(found.half):5.2f}%"
        )
    means = (100 * np.mean([each.errors[head] for each in outcomes]) for head in heads)
    print(f"{'mean over the splits':36} {'':9} {'':5}" + "".join(f"{value:10.2f}%" for value in means))
    medians = (100 * np.median([each.errors[head] for each in outcomes]) for head in heads)
    inside, half = (np.concatenate([getattr(each, name) for each in outcomes]) for name in ("inside", "half"))
    print(
        f"{'median over the splits':36} {'':9} {'':5}" + "".join(f"{value:10.2f}%" for value in medians)
        + f"   {np.mean([each.inside.mean() for each in outcomes]):6.2f} "
        f"{100 * np.median([np.median(each.half) for each in outcomes]):5.2f}%"
    )  # fmt: skip
    print(f"all {len(inside)} runs held out: {inside.mean():.3f} inside, half-width {100 * np.median(half):.2f} %")
