"""A fixed assessment: what the laws said of a simulated tiny lab once, kept as JSON.

So a golden report tests words and layout, not the numerics of the day. `python -m tests.report.fixed` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

from scalelab import laws
from scalelab.report.source import Subject
from tests.simulated import noise, true_loss

KEPT = Path(__file__).with_name("assessment.json")
SIZES = {"12x1": (8028, 57384), "20x1": (15340, 107400), "32x1": (29056, 198912), "48x1": (52752, 353376),
         "80x1": (119120, 776160)}  # fmt: skip
"""Rung → (N, FLOPs a token)."""
BUDGETS = {"150k": 149_504, "300k": 299_520, "600k": 599_552, "1.2M": 1_199_616}


def runs() -> laws.RunTable:
    """The simulated runs, one of them diverged."""
    names = [(f"{rung}-D{budget}-s0", rung, budget) for rung in SIZES for budget in BUDGETS]
    n_params = [float(SIZES[rung][0]) for _, rung, _ in names]
    n_tokens = [float(BUDGETS[budget]) for _, _, budget in names]
    return laws.run_table(
        run_id=[name for name, _, _ in names],
        n_params=n_params,
        n_tokens=n_tokens,
        loss=[true_loss(n, d) * noise(name[0], 0.004) for name, n, d in zip(names, n_params, n_tokens, strict=True)],
        flops=[d * SIZES[rung][1] for (_, rung, _), d in zip(names, n_tokens, strict=True)],
        excluded=[laws.Exclusion(run="80x1-D2.4M-s0", reason="diverged: the loss is NaN at step 312")],
    )


def subject() -> Subject:
    """The runs with the kept assessment."""
    table = runs()
    return Subject(
        name="tiny", path="labs/tiny", runs=table, assessment=laws.Assessment.from_json(KEPT.read_text()),
        rung_names={run: run.partition("-")[0] for run in table.run_id},
        facts=("AMD EPYC, 2 cores", "sotu in 512 bpe tokens", "273k tokens held out"),
    )  # fmt: skip


if __name__ == "__main__":
    KEPT.write_text(laws.assess(runs()).to_json() + "\n")
