"""The one JSON document that `--json` prints; its schema is named in it and grows only by new keys.

schema          "scalelab.report/1"
scalelab        version that wrote it
source          name and path of the lab or file
runs            every point of the fit: run, rung, origin ("" of the lab's own, "trainer", "imported" or "evaluated"),
                n_params, n_tokens, flops, loss, its own weight where runs have any, the scores of a task as shares
                from 0 to 1, and the loss on each part of a mixture
per             what losses are nats of: "token", or of a task "target token"
score_links     of a task: the link from the loss to each score, or why there is none
losses          sizes × budgets, and the neighbouring pairs where more did not help
assessment      laws.Assessment: fits with intervals, scores, hold-outs, optimum at 10 × compute, verdicts, excluded
predictions     who predicts, what the interval is and on what it was checked; null before any law
diagnosis       laws.Diagnosis of the shown law: outliers, leverage, noise floor, trends; null before any law
exponents       a and b of N* ∝ C^a, D* ∝ C^b by the laws and by isoFLOP levels, where there are any
card            how the best law was fitted and the lines that fit it again; null before any law
intervals       how the best law's intervals were made, and their level
notes           what a reader of a file guessed, converted or found odd
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scalelab import __version__
from scalelab.report.losses import loss_grid
from scalelab.report.scores import score_links

if TYPE_CHECKING:
    from scalelab.laws.card import Card
    from scalelab.report.source import Subject

SCHEMA = "scalelab.report/1"


def report_document(subject: Subject, card: Card | None = None) -> dict[str, Any]:
    """Everything that the terminal report says, as plain values."""
    from scalelab.laws.choice.statement import statement
    from scalelab.laws.use.optimum import told_by

    runs, seen = subject.runs, subject.assessment
    fit = seen.fit() if seen.best is not None else None
    grid = loss_grid(runs, subject.rung_names)
    scores, parts = (_by_run(each) for each in (
        [(score.run, score.name, score.value) for score in subject.scores],
        [(part.run, part.part, part.loss) for part in subject.parts],
    ))  # fmt: skip
    return {
        "schema": SCHEMA,
        "scalelab": __version__,
        "source": {"name": subject.name, "path": subject.path, "facts": list(subject.facts)},
        "runs": [
            {"run": run, "rung": subject.rung_names.get(run), "origin": subject.origins.get(run, ""),
             "n_params": n_params, "n_tokens": n_tokens, "flops": flops, "loss": loss, "weight": weight,
             "scores": scores.get(run, {}), "parts": parts.get(run, {})}
            for run, n_params, n_tokens, flops, loss, weight in zip(
                runs.run_id, runs.n_params.tolist(), runs.n_tokens.tolist(), runs.compute.tolist(),
                runs.loss.tolist(), [None] * len(runs) if runs.weight is None else runs.weight.tolist(), strict=True)
        ],
        "losses": {"n_params": grid.n_params, "n_tokens": grid.n_tokens, "rungs": grid.rungs,
                   "loss": grid.loss.tolist(), "exceptions": grid.exceptions()},
        "per": subject.target_words,
        "score_links": score_links(subject.links),
        "assessment": seen.to_dict(),
        "predictions": fit and {"by": told_by(seen), "statement": statement(seen)},
        "foretold": [each.to_dict() | {"miss": each.miss, "inside": each.inside} for each in subject.foretold],
        "diagnosis": seen.diagnosis and seen.diagnosis.to_dict(),
        "exponents": {
            "laws": [each.to_dict() for each in subject.exponents],
            "iso_flop": subject.iso_flop and subject.iso_flop.to_dict(),
        },
        "card": card and card.to_dict(),
        "intervals": fit and {"method": fit.interval_method, "level": fit.level},
        "notes": list(runs.notes),
    }  # fmt: skip


def _by_run(measured: list[tuple[str, str, float]]) -> dict[str, dict[str, float]]:
    """Of (run, name, value) the values of each run by their names."""
    found: dict[str, dict[str, float]] = {}
    for run, name, value in measured:
        found.setdefault(run, {})[name] = value
    return found
