"""Scaling laws from runs: read, fit, judge, predict. `from scalelab import laws`.

    runs = laws.read_runs("runs.csv")            or Parquet, JSON lines, Trainer or TensorBoard folders, W&B exports
    seen = laws.assess(runs)                     all laws, the choice, the checks, verdicts in words
    seen.predict(1.2e9, 2.4e10)                  the loss there, with an interval of three parts
    seen.frontier(1e21)                          the best N and D for a compute
    law = laws.fit(runs, "chinchilla")           one law; .predict, .loss, .estimate("alpha"), .to_json
    laws.fit(runs, "chinchilla", "hoffmann")     with the objective of the published fits
    laws.predict_ratio(law, loss_a=…, …)         P_B from P_A
    laws.allocate(seen, money=500, …)            the best N and D of a budget of compute, time or money
    laws.compute_for(seen, 2.5)                  the cheapest N, D and C for a wanted loss
    laws.off_frontier(seen, 7e9, 1e21)           what another N costs at that compute
    laws.intervals_of(law, runs, "profile")      the same law, its numbers' intervals by profile or "bootstrap"
    laws.exponents(law), laws.optimum_interval   a and b of N* ∝ C^a, D* ∝ C^b; the best N and D with intervals
    laws.iso_flop(runs)                          the best N of each level of compute, without a law of N and D
    laws.diagnose(runs, law).sentences()         wrong runs by name, noise, leverage, repeated data, what leans
    laws.compare_counts(runs, "chinchilla")      the counts of N side by side
    laws.compare({"plain": runs, "noisy": …})    groups beside each other: what a token of each is worth, who wins
    laws.forecast(steps, losses, lr, until=…)    where a running curve will end, with an interval

What to use when: `assess` for an answer, `fit` for one law's numbers, `hold_out` to check a law by hand. Evaluating a
stored Fit or Assessment needs numpy only; scipy is loaded when something is fitted.
"""

from __future__ import annotations

from scalelab.laws.card import Card, card, data_hash
from scalelab.laws.choice.assessment import Assessment, Missing
from scalelab.laws.choice.contest import Score
from scalelab.laws.choice.holdout import Held, HoldOut, hold_out
from scalelab.laws.choice.judge import OFFERED, assess
from scalelab.laws.curves import CurveForecast, annealing_seen, forecast
from scalelab.laws.diagnose.counts import Counts, CountScore, compare_counts
from scalelab.laws.diagnose.curvature import Curvature, curvature_test, floor_seen
from scalelab.laws.diagnose.diagnosis import Diagnosis
from scalelab.laws.diagnose.examine import diagnose
from scalelab.laws.fits import Estimate, Fit, Mend, Prediction, Verdict
from scalelab.laws.fitting.fitter import fit
from scalelab.laws.fitting.objective import Objective
from scalelab.laws.flops import FlopsPerToken, flops_per_token, flops_table
from scalelab.laws.forms import FORMS
from scalelab.laws.intervals.bootstrap import Bootstrap, bootstrap
from scalelab.laws.intervals.cluster import cluster_prediction
from scalelab.laws.intervals.exponents import Exponents, OptimumInterval, exponents, optimum_interval
from scalelab.laws.intervals.method import intervals_of
from scalelab.laws.intervals.profile import Profile, profile, profile_prediction
from scalelab.laws.reading.read import read_runs
from scalelab.laws.replay import Origin
from scalelab.laws.runs import Exclusion, RunTable, run_table
from scalelab.laws.use.allocate import Allocation, allocate
from scalelab.laws.use.compare import compare
from scalelab.laws.use.comparison import Comparison
from scalelab.laws.use.iso_flop import IsoFlop, iso_flop
from scalelab.laws.use.link import Link, fit_link
from scalelab.laws.use.measures import Measured, bits_per_byte, bits_per_token, measures, perplexity
from scalelab.laws.use.off_frontier import Needed, OffFrontier, compute_for, off_frontier
from scalelab.laws.use.optimum import Optimum, frontier, predict_ratio

__all__ = [
    "FORMS", "OFFERED", "Allocation", "Assessment", "Bootstrap", "Card", "Comparison", "CountScore", "Counts",
    "Curvature", "CurveForecast", "Diagnosis", "Estimate", "Exclusion", "Exponents", "Fit", "FlopsPerToken", "Held",
    "HoldOut", "IsoFlop", "Link", "Measured", "Mend", "Missing", "Needed", "Objective", "OffFrontier", "Optimum",
    "OptimumInterval", "Origin", "Prediction", "Profile", "RunTable", "Score", "Verdict", "allocate",
    "annealing_seen", "assess", "bits_per_byte", "bits_per_token", "bootstrap", "card", "cluster_prediction",
    "compare", "compare_counts", "compute_for", "curvature_test", "data_hash", "diagnose", "exponents", "fit",
    "fit_link", "floor_seen", "flops_per_token", "flops_table", "forecast", "frontier", "hold_out", "intervals_of",
    "iso_flop", "measures", "off_frontier", "optimum_interval", "perplexity", "predict_ratio", "profile",
    "profile_prediction", "read_runs", "run_table",
]  # fmt: skip
