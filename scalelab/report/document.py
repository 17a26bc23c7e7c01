"""The one JSON document that `--json` prints; its schema is named in it and grows only by new keys.

schema          "scalelab.report/1"
scalelab        version that wrote it
source          name and path of the lab or file
runs            every point of the fit: run, rung, n_params, n_tokens, flops, loss
losses          sizes × budgets, and the neighbouring pairs where more did not help
assessment      laws.Assessment: fits with intervals, scores, hold-outs, optimum at 10 × compute, verdicts, excluded
diagnosis       laws.Diagnosis of the best law: outliers, leverage, noise floor, trends; null where nobody looked
exponents       a and b of N* ∝ C^a, D* ∝ C^b by the laws and by isoFLOP levels, where there are any
card            how the best law was fitted and the lines that fit it again; null before any law
intervals       how the best law's intervals were made, and their level
notes           what a reader of a file guessed, converted or found odd
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scalelab import __version__
from scalelab.report.losses import loss_grid

if TYPE_CHECKING:
    from scalelab.laws.card import Card
    from scalelab.report.source import Subject

SCHEMA = "scalelab.report/1"


def report_document(subject: Subject, card: Card | None = None) -> dict[str, Any]:
    """Everything that the terminal report says, as plain values."""
    runs, best = subject.runs, subject.assessment.best
    fit = subject.assessment.fit() if best is not None else None
    grid = loss_grid(runs, subject.rung_names)
    return {
        "schema": SCHEMA,
        "scalelab": __version__,
        "source": {"name": subject.name, "path": subject.path, "facts": list(subject.facts)},
        "runs": [
            {"run": run, "rung": subject.rung_names.get(run), "n_params": n_params, "n_tokens": n_tokens,
             "flops": flops, "loss": loss}
            for run, n_params, n_tokens, flops, loss in zip(
                runs.run_id, runs.n_params.tolist(), runs.n_tokens.tolist(), runs.compute.tolist(),
                runs.loss.tolist(), strict=True)
        ],
        "losses": {"n_params": grid.n_params, "n_tokens": grid.n_tokens, "rungs": grid.rungs,
                   "loss": grid.loss.tolist(), "exceptions": grid.exceptions()},
        "assessment": subject.assessment.to_dict(),
        "foretold": [each.to_dict() | {"miss": each.miss, "inside": each.inside} for each in subject.foretold],
        "diagnosis": subject.diagnosis and subject.diagnosis.to_dict(),
        "exponents": {
            "laws": [each.to_dict() for each in subject.exponents],
            "iso_flop": subject.iso_flop and subject.iso_flop.to_dict(),
        },
        "card": card and card.to_dict(),
        "intervals": fit and {"method": fit.interval_method, "level": fit.level},
        "notes": list(runs.notes),
    }  # fmt: skip
