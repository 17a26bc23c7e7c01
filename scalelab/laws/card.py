"""The card that a fit leaves: everything that another person needs to repeat it, and one line that does.

It answers the checklist of Li et al. 2025 (arXiv 2502.18969) as far as a table of runs can, and names the questions
that only whoever trained the runs can answer. Knows fits and tables; not where the runs came from: the caller says
that as an `Origin`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from scalelab import __version__
from scalelab.errors import BadInput
from scalelab.laws.choice.assessment import Assessment
from scalelab.laws.choice.contest import REFUTED
from scalelab.laws.choice.statement import WEIGHTS, statement
from scalelab.laws.fits import Fit
from scalelab.laws.forms import Form
from scalelab.laws.intervals.method import DETAILS
from scalelab.laws.replay import Origin, python_line, shell_line
from scalelab.laws.runs import Exclusion, RunTable

HASHED = ("n_params", "n_tokens", "loss", "flops", "weight", "unique_tokens")
"""Columns that a fit looks at, in the order in which they are hashed."""
SHOWN_RUNS = 5_000
SHOWN_EXCLUSIONS = 100
MISSED = (
    f"missed the runs held back more than {REFUTED:g} times as far as the best that may predict, and so do not predict"
)
"""What becomes of a law that is refuted."""
UNANSWERED = (
    "corpus, its deduplication and mixture", "tokenizer and vocabulary", "held-out set that the loss was measured on",
    "architecture and how its shape grows with N", "learning rate, batch size and how they follow N and D",
    "schedule of each run, and whether it was cooled down", "precision, hardware and training code",
)  # fmt: skip
"""Questions of the checklist that no table of N, D and loss answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where the search for one parameter ended on either side."""

    name: str
    """"E", or "ln A" where the logarithm is what was searched."""
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One of the laws that predict."""

    law: str
    theta: tuple[float, ...]
    """As searched, at full precision: what a replay must give again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """How one fit was made."""

    law: str
    formula: str
    citation: str
    variables: tuple[str, ...]
    """Columns that the law reads."""
    parameters: Mapping[str, float]
    """The law's numbers by name."""
    theta: tuple[float, ...]
    """The same as they were searched, at full precision: what a replay must give again."""
    fixed: tuple[str, ...]
    """Numbers that were given and not fitted."""
    chosen_from: tuple[str, ...]
    """Laws that were tried; the fitted one alone where there was no contest."""
    reason: str
    """Why this one of them; empty without a contest."""
    prediction: str
    """Who predicts, what the interval is and on what it was checked; empty where the card is of a fit alone."""
    predicting: tuple[Seat, ...]
    """The laws whose mean predicts, fitted with other weights than the one that is shown."""
    refuted: tuple[str, ...]
    """Laws that would predict too, had they not missed the runs held back by far more."""
    prediction_weights: str
    """How the runs weigh in those fits."""
    count_name: str
    """Which count of N."""
    flop_formula: str
    n_runs: int
    runs: tuple[str, ...]
    """Names of the runs used; empty above 5,000."""
    n_excluded: int
    excluded: tuple[Exclusion, ...]
    """The first hundred left out, each with its reason."""
    notes: tuple[str, ...]
    """What the reader guessed, converted or found odd."""
    objective: str
    delta: float | None
    """Where Huber's loss of ln(observed) − ln(law) turns straight; None for least squares."""
    objective_value: float
    weighted: bool
    """Whether runs weighed differently."""
    solver: str
    starts: int
    bounds: tuple[Bound, ...]
    bounds_hit: tuple[str, ...]
    converged: bool
    interval_method: str
    level: float
    version: str
    """Of scalelab."""
    data_hash: str
    """SHA-256 of the numeric table, rows sorted: the same for the same runs in any order and under any names."""
    shell: str
    """One line for a shell that makes the fit again; empty where the origin is not known."""
    python: str
    """The same in Python."""
    unanswered: tuple[str, ...]
    """Questions of the checklist that the table does not answer."""

    def lines(self) -> list[tuple[str, str]]:
        """(Question, answer) in the order of the checklist, for people."""
        return [
            ("form", f"{self.law}: {self.formula}"),
            ("source", self.citation),
            ("variables", f"{', '.join(self.variables)}; N is {self.count_name}"),
            ("FLOPs", self.flop_formula),
            ("laws tried", ", ".join(self.chosen_from)),
            *([("choice", self.reason)] if self.reason else []),
            *([("predicts", self.prediction), ("weights there", self.prediction_weights)] if self.prediction else []),
            *([("refuted", f"{', '.join(self.refuted)}: {MISSED}")] if self.refuted else []),
            *([("held fixed", ", ".join(f"{name} = {self.parameters[name]:g}" for name in self.fixed))]
              if self.fixed else []),
            ("runs", f"{self.n_runs} used, {self.n_excluded} left out"),
            ("objective", self._objective()),
            ("solver", self.solver + ("" if self.converged else "; it did not converge")),
            ("bounds", ", ".join(f"{each.name} {each.low:.3g} to {each.high:.3g}" for each in self.bounds)),
            ("stopped at", ", ".join(self.bounds_hit) or "no bound"),
            ("intervals", f"{DETAILS[self.interval_method]}, {100 * self.level:g} %"),
            ("code", f"scalelab {self.version}"),
            ("data", f"SHA-256 {self.data_hash}"),
            ("not told", "; ".join(self.unanswered) or "nothing: where the runs are from, the rest is kept"),
        ]  # fmt: skip

    def _objective(self) -> str:
        kind = "half the sum of squares" if self.delta is None else f"the sum of Huber's loss, δ = {self.delta:.4g}"
        weight = ", weighted by run" if self.weighted else ""
        return f"{self.objective}: {kind}, of ln observed − ln law{weight}; at the minimum {self.objective_value:.10g}"

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self) | {"parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From plain values."""
        parts: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        parts["excluded"] = tuple(Exclusion(**each) for each in values["excluded"])
        parts["predicting"] = tuple(Seat(law=each["law"], theta=tuple(each["theta"])) for each in values["predicting"])
        parts["bounds"] = tuple(Bound(**each) for each in values["bounds"])
        return cls(**parts)


def card(
    found: Fit | Assessment, runs: RunTable, origin: Origin | None = None, *, answered: Sequence[str] = ()
) -> Card:
    """The card of a fit, or of the law that an assessment chose.

    Parameters
    ----------
    found : Fit or Assessment
        What was fitted to `runs`.
    runs : RunTable
        The same runs, for what a fit does not keep: bounds, notes, the hash.
    origin : Origin, optional
        How they were read; without it there is no replay line.
    answered : sequence of str
        Entries of `UNANSWERED` that are known after all, because a lab trained the runs itself.

    Raises
    ------
    BadInput
        An assessment in which no law could be fitted, or a fit of another number of runs.
    """
    seen = found if isinstance(found, Assessment) else None
    fit = found.fit() if isinstance(found, Assessment) else found
    if fit.n_runs != len(runs):
        raise BadInput(
            f"the fit is of {fit.n_runs} runs and the table has {len(runs)}", todo="give the runs of the fit"
        )
    form = fit.form
    panel = seen and seen.panel
    tried = seen.tried if seen else (fit.law,)
    lower, upper = fit.bounds(runs.loss)
    return Card(
        law=fit.law, formula=form.formula, citation=form.source,
        variables=("n_params", "n_tokens", "loss", *form.variables),
        parameters=fit.params, theta=fit.theta, fixed=fit.fixed,
        chosen_from=tried, reason=seen.reason if seen and len(tried) > 1 else "",
        prediction=statement(seen) if seen else "", prediction_weights=WEIGHTS if panel else "",
        predicting=tuple(Seat(law=each.law, theta=each.theta) for each in panel.members) if panel else (),
        refuted=panel.refuted if panel else (),
        count_name=fit.count_name, flop_formula=flop_formula(fit, runs),
        n_runs=fit.n_runs, runs=runs.run_id if len(runs) <= SHOWN_RUNS else (),
        n_excluded=runs.n_excluded, excluded=runs.excluded[:SHOWN_EXCLUSIONS], notes=runs.notes,
        objective=fit.objective, delta=fit.delta, objective_value=fit.objective_value, weighted=runs.weight is not None,
        solver=_solver(fit), starts=fit.starts,
        bounds=tuple(Bound(name=name, low=float(low), high=float(high))
                     for name, low, high in zip(searched(form), lower, upper, strict=True)),
        bounds_hit=fit.bounds_hit, converged=fit.converged, interval_method=fit.interval_method, level=fit.level,
        version=__version__, data_hash=data_hash(runs),
        shell=shell_line(found, origin) if origin else "", python=python_line(found, origin) if origin else "",
        unanswered=tuple(each for each in UNANSWERED if each not in answered),
    )  # fmt: skip


def data_hash(runs: RunTable) -> str:
    """SHA-256, in hexadecimal, of the columns that a fit looks at, rows sorted.

    Numbers enter as little-endian float64, after a line that names the columns present; names and order of the rows
    do not matter, every digit does.
    """
    columns = [(name, getattr(runs, name)) for name in HASHED if getattr(runs, name) is not None]
    table = np.column_stack([np.asarray(column, dtype="<f8") for _, column in columns])
    table = table[np.lexsort(table.T[::-1])]
    digest = hashlib.sha256(",".join(name for name, _ in columns).encode() + b"\n")
    digest.update(np.ascontiguousarray(table, dtype="<f8").tobytes())
    return digest.hexdigest()


def flop_formula(fit: Fit, runs: RunTable) -> str:
    """How C was counted, in words."""
    if not fit.flops_table:
        return "C = 6 N D" if runs.flops is None else "C as the runs give it, which is 6 N D"
    ratios = [per_token / (6.0 * n) for n, per_token in fit.flops_table]
    return f"C as the runs give it, {min(ratios):.3g} to {max(ratios):.3g} times 6 N D"


def searched(form: Form) -> tuple[str, ...]:
    """Name of each entry of θ: "E", "ln A", or its place where no reported number is that entry alone."""
    names = [f"θ{index}" for index in range(form.n_free)]
    for number in form.reported:
        if len(number.needs) == 1:
            names[number.needs[0]] = f"ln {number.name}" if number.log else number.name
    return tuple(names)


def _solver(fit: Fit) -> str:
    if fit.starts == 0:
        return "closed form: linear least squares on logs"
    # Where a number is fixed the grid is another one, finer in what is left.
    cells = math.prod(len(axis.values) for axis in fit.form.axes)
    grid = "a grid of exponents" if fit.fixed else f"a grid of {cells} sets of exponents"
    return (
        f"variable projection on {grid}, then damped Newton with exact derivatives from "
        f"{fit.starts} start{'s' * (fit.starts != 1)}, {fit.iterations} iterations"
    )
