"""What is promised, by whom, and where nothing can be: words in place of numbers that nobody could use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws.choice.statement import CHECKED, statement
from scalelab.laws.use.budget import Devices
from scalelab.report import answers, checks, findings, prediction, progress, promise
from scalelab.report.growth import exponents_of
from scalelab.report.known import NOTHING
from scalelab.report.layout import Lines
from scalelab.report.page import page
from scalelab.report.pictures import frontier_of, pictures_of
from scalelab.report.source import Subject
from scalelab.tui import header
from scalelab.tui.views import law_words, question
from scalelab.units import format_count
from tests.laws.simulated import chinchilla_loss, lab
from tests.report.fixed import subject


def text(lines: Lines) -> str:
    """Lines as one, without their breaks."""
    return " ".join(" ".join(line.plain for line in lines).split())


def of(runs: laws.RunTable, **options: object) -> Subject:
    """A subject of these runs."""
    seen = laws.assess(runs, **options)  # type: ignore[arg-type]
    return Subject(name="x", path="x.csv", runs=runs, assessment=seen, exponents=exponents_of(seen, None))


@pytest.fixture(scope="module")
def in_one_ratio() -> Subject:
    """Runs at D = 20 N, as a table rounds them."""
    n = np.array([float(f"{size:.6g}") for size in np.geomspace(1e7, 1e9, 10)])
    d = np.array([float(f"{20 * size:.6g}") for size in np.geomspace(1e7, 1e9, 10)])
    noise = np.exp(3e-3 * np.random.default_rng(0).standard_normal(10))
    return of(laws.run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * noise))


def test_where_n_and_d_moved_together_words_stand_for_numbers(in_one_ratio: Subject) -> None:
    seen = in_one_ratio.assessment
    assert seen.optimum is not None and not promise.tells(seen.optimum)
    said = text(promise.promise(seen, 80))
    assert "The loss at the best N and D is not told by these runs" in said
    assert "best N =" not in said and "e130" not in said
    assert "N and D moved apart, which they do not here" in said
    forecast = prediction.for_run(seen, 1e9, 2e11)
    told = "\n".join(answers.lines(forecast, in_one_ratio))
    assert "not told by these runs" in told and "perplexity" not in told and "e130" not in told
    numbers_kept = prediction.document(forecast, in_one_ratio)["prediction"]
    assert numbers_kept["high"] > 2 * numbers_kept["low"]


def test_along_the_runs_own_ratio_the_loss_is_still_told(in_one_ratio: Subject) -> None:
    said = promise.along(in_one_ratio.assessment)
    value, low, high = map(float, re.findall(r"\d\.\d+", said.partition("the loss is")[2]))
    truth = float(chinchilla_loss(10**9.5, 20 * 10**9.5))
    assert low < truth < high and value == pytest.approx(truth, rel=0.05)


def test_the_law_of_compute_stands_with_its_own_numbers(in_one_ratio: Subject) -> None:
    said = text(findings.the_law(in_one_ratio.assessment, 80))
    assert "The law: compute" in said and "γ" in said
    assert "exponents are withheld" in said and "at its bound" not in said


def test_a_power_law_of_runs_in_one_ratio_keeps_numbers_of_sense(in_one_ratio: Subject) -> None:
    fit = in_one_ratio.assessment.fit("power")
    assert fit.verdict == "withhold"
    assert fit.r2_log > 0.98 and all(abs(fit.params[name]) < 2 for name in ("alpha", "beta"))


def test_who_predicts_and_on_what_it_was_checked_is_said_once() -> None:
    about = subject()
    said = text(promise.promise(about.assessment, 80))
    assert said.count("Predictions: the mean of 4 laws (kaplan, chinchilla-tied, kaplan+E, coupled)") == 1
    assert said.count(CHECKED) == 1
    assert "parameters + choice of law + error on held-back runs" in said
    assert "panel" not in said + text(checks.honest_check(about, 80))
    assert "mean of 4 laws" in text(checks.honest_check(about, 80))


@pytest.mark.parametrize(("options", "words"), [
    ({"laws": ("chinchilla",)}, "chinchilla, leaning on the expensive runs; 95 % interval = parameters + error"),
    ({"laws": ("chinchilla",)}, "not checked on public tables"),
    ({"level": 0.9}, "90 % interval = parameters + choice of law"), ({"level": 0.9}, "not checked at this level"),
])  # fmt: skip
def test_what_was_not_checked_is_not_claimed(options: dict[str, object], words: str) -> None:
    said = statement(laws.assess(lab(25), **options))  # type: ignore[arg-type]
    assert words in said and CHECKED not in said


def test_fewer_runs_than_were_checked_are_told_so() -> None:
    noisy = lab(16, noise=0.02).take(np.arange(12))
    assert statement(laws.assess(noisy)).endswith("never on as few as 12")
    assert statement(laws.assess(noisy.take(np.arange(2)))) == ""


def test_a_page_says_the_same(in_one_ratio: Subject) -> None:
    told = page(in_one_ratio, laws.card(in_one_ratio.assessment, in_one_ratio.runs), [])
    assert "is not told by these runs" in told and "e130" not in told
    assert "At the runs&#x27; own D/N" in told or "At the runs' own D/N" in told


def test_a_live_line_says_it_too(in_one_ratio: Subject) -> None:
    step = progress.law_step(in_one_ratio.assessment)
    assert step is not None and "not told" in promise.loss_words(step)


def test_laws_whose_parameters_are_not_told_apart_are_marked() -> None:
    about = subject()
    doubted = tuple(
        replace(fit, verdict=laws.Verdict.WITHHOLD) if fit.law == "kaplan" else fit for fit in about.assessment.fits
    )
    said = text(findings.laws(replace(about.assessment, fits=doubted), 80))
    assert "? kaplan " in said and "? marks laws whose parameters these runs do not tell apart" in said
    assert "? marks" not in text(findings.laws(about.assessment, 80))


def test_why_a_lower_aicc_lost_who_is_refuted_and_who_has_no_error() -> None:
    about = subject().assessment
    assert about.panel is not None and about.best == "coupled" and findings.rivals(about) == []
    scores = tuple(
        replace(each, aicc={"kaplan": 0.0, about.best: 3.0}.get(each.law, 9.0),
                held_back=None if each.law == "power+E" else each.held_back)
        for each in about.scores
    )  # fmt: skip
    odd = replace(about, scores=scores, panel=replace(about.panel, refuted=("kaplan", "chinchilla-tied")))
    lower, refuted, untested = findings.rivals(odd)
    assert lower.startswith("the lowest AICc is that of kaplan") and lower.endswith("on runs held back decides")
    assert "no part of predictions: kaplan, chinchilla-tied; " in refuted and "more than 6 times as far" in refuted
    assert untested.endswith("when some are held back: power+E")
    few = replace(odd, n_runs=12)
    assert "the first that was asked for is shown, coupled" in findings.rivals(few)[0]
    tied = tuple(replace(each, aicc=3.0 if each.law == "chinchilla" else each.aicc) for each in scores)
    assert "between chinchilla-tied and chinchilla alone" in findings.rivals(
        replace(few, best="chinchilla", scores=tied))[0]  # fmt: skip
    power = tuple(replace(each, aicc=-3.0 if each.law == "power" else each.aicc) for each in scores)
    assert about.curvature is not None and about.curvature.bends
    assert "these runs bend" in findings.rivals(replace(odd, scores=power))[0]
    unsure = [replace(fit, verdict=laws.Verdict.WITHHOLD) if fit.law == "kaplan" else fit for fit in about.fits]
    assert "do not tell its parameters apart" in findings.rivals(replace(odd, fits=tuple(unsure)))[0]
    assert "Refuted, and so" in text(findings.laws(odd, 100)) and "Refuted, and so" in text(law_words.contest(odd, 60))


@pytest.mark.parametrize("odd", [{"bounds_hit": ("A",)}, {"verdict": laws.Verdict.WITHHOLD}])
def test_digits_that_mean_nothing_are_printed_nowhere(odd: dict[str, object]) -> None:
    about = subject()
    assert question.begins_with("n", about, NOTHING) == format_count(about.assessment.optimum.n_params)  # type: ignore[union-attr]
    fits = tuple(replace(fit, **odd) if fit.law == about.assessment.best else fit for fit in about.assessment.fits)  # type: ignore[arg-type]
    doubted = replace(about, assessment=replace(about.assessment, fits=fits))
    assert header.equation(doubted.assessment) == "coupled: its parameters are not told by these runs"
    assert header.equation(about.assessment).startswith("L = ")
    said = findings.the_law(doubted.assessment, 100)
    assert said[1].plain.strip() == "L = E + (A/N^α + B/D^β)^κ: its parameters are not told by these runs"
    assert question.begins_with("n", doubted, NOTHING) == format_count(4 * float(about.runs.n_params.max()))


def test_a_floor_of_zero_is_told_in_digits() -> None:
    seen = subject().assessment
    fits = tuple(replace(fit, bounds_hit=("E",)) for fit in seen.fits)
    assert header.equation(replace(seen, fits=fits)).startswith("L = ")


def test_bounds_second_minima_and_fits_that_did_not_converge_are_told() -> None:
    seen = subject().assessment
    odd = {
        "chinchilla": {"second_objective": 2 * seen.fit("chinchilla").objective_value,
                       "second_theta": (1.5, np.log(300.0), np.log(700.0), 0.4, 0.5)},
        "kaplan": {"converged": False}, "power+E": {"bounds_hit": ("a",)},
    }  # fmt: skip
    fits = tuple(replace(fit, **odd.get(fit.law, {})) for fit in seen.fits)  # type: ignore[arg-type]
    assert findings.how_it_went(replace(seen, fits=fits)) == [
        "chinchilla has a second minimum, 2 times as high: E 1.5, A 300, B 700, α 0.4, β 0.5",
        "did not converge, so that its numbers are rough: kaplan",
        "stopped at a bound: a of power+E",
    ]
    assert findings.how_it_went(seen) == []


def made_of(change: Callable[[np.ndarray], np.ndarray]) -> Subject:
    """A lab whose losses are replaced."""
    runs = lab(25)
    return of(replace(runs, loss=change(runs.loss)))


def test_losses_without_a_law_get_words_and_no_absurd_numbers() -> None:
    about = made_of(lambda loss: 3 + 0.3 * np.random.default_rng(4).standard_normal(len(loss)))
    assert any("explains little of how the losses differ" in each for each in about.assessment.verdicts)
    said = text([*findings.the_law(about.assessment, 80), *findings.laws(about.assessment, 80)])
    assert not re.findall(r"e1[0-9][0-9]\]|\d{8}", said)
    assert not any("explains little" in each for each in laws.assess(lab(25)).verdicts)


def test_losses_that_rise_with_n_and_d_are_told_so() -> None:
    rising = [each for each in made_of(lambda loss: 9 - loss).assessment.verdicts if "rises with" in each]
    assert rising == ["the loss rises with N and with D, which no law allows: look at the columns and their units"]
    assert not any("rises with" in each for each in laws.assess(lab(25)).verdicts)


def test_figures_show_no_frontier_and_no_surface_that_the_runs_do_not_tell(in_one_ratio: Subject) -> None:
    keys = [each.key for each in pictures_of(in_one_ratio)]
    assert "surface" not in keys and {"loss-against-compute", "residuals"} <= set(keys)
    assert frontier_of(in_one_ratio) == [] and frontier_of(subject()) != []
    assert "surface" in [each.key for each in pictures_of(subject())]


@pytest.fixture(scope="module")
def nearly_in_one_ratio() -> Subject:
    """D = 20 N within four per cent: no law is withheld for it, and yet the best split is anybody's guess."""
    rng = np.random.default_rng(0)
    n = np.geomspace(1e7, 1e9, 24)
    d = 20 * n * np.exp(0.037 * rng.standard_normal(24))
    runs = laws.run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * np.exp(3e-3 * rng.standard_normal(24)))
    return of(runs)


def test_where_the_best_split_is_not_told_nothing_is_made_of_it(nearly_in_one_ratio: Subject) -> None:
    about, seen = nearly_in_one_ratio, nearly_in_one_ratio.assessment
    assert seen.compute_law is None and not promise.splits(seen.optimum)  # type: ignore[arg-type]
    assert about.exponents == () and "optimal" not in [each.key for each in pictures_of(about)]
    told = answers.lines(prediction.for_budget(seen, {"compute": 1e21}, Devices()), about)
    assert told[0].endswith("not told by these runs") and "N = " not in told[0]
    assert "best N and D are not told by these runs" in text(promise.promise(seen, 80))
    assert "best N and D are not told" in page(about, laws.card(seen, about.runs), [])


def test_a_law_at_a_bound_has_no_exponents_to_show() -> None:
    seen = subject().assessment
    stopped = tuple(replace(fit, bounds_hit=("alpha",)) if fit.law == "coupled" else fit for fit in seen.fits)
    names = [[each.law for each in exponents_of(replace(seen, fits=fits), None)] for fits in (seen.fits, stopped)]
    assert "coupled" in names[0] and names[1] == [law for law in names[0] if law != "coupled"]


def test_one_law_asked_for_by_name_claims_nothing_of_the_others() -> None:
    about = subject()
    alone, together = (
        "\n".join(answers.lines(prediction.for_run(about.assessment, 1e6, 1e7, law), about))
        for law in ("coupled", None)
    )
    assert "Prediction: coupled alone, and its interval is that of its parameters alone" in alone
    said = [prediction.document(prediction.for_run(about.assessment, 1e6, 1e7, law), about)["statement"]
            for law in ("coupled", None)]  # fmt: skip
    assert said[0] is None and CHECKED in said[1]
    assert "Predictions: the mean of 4 laws" not in alone and "Predictions: the mean of 4 laws" in together
