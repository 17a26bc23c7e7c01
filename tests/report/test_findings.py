"""What the laws found, in words: exponents side by side, what to run next, and a line that a shell reads back."""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab import laws
from scalelab.report import findings, replay, shares
from scalelab.report.growth import exponents_of, iso_flop_of, optima_of
from scalelab.report.parameters import law_line, parameter_rows
from scalelab.report.points import point_rows
from scalelab.report.source import Subject
from tests.laws.simulated import TRUTH, chinchilla_loss, lab
from tests.report.fixed import subject


def of(runs: laws.RunTable, **options: object) -> Subject:
    """A subject of these runs, looked at as `fit` does."""
    seen = laws.assess(runs, **options)  # type: ignore[arg-type]
    found = iso_flop_of(runs)
    return Subject(name="x", path="x", runs=runs, assessment=seen, iso_flop=found, exponents=exponents_of(seen, found))


def levels() -> laws.RunTable:
    """Five levels of compute, seven sizes each, of the known law with a little noise."""
    c = np.repeat(np.geomspace(1e18, 1e20, 5), 7)
    n = np.sqrt(c / 6) / 4.5 * np.tile(np.geomspace(0.25, 4, 7), 5)
    noise = np.exp(5e-4 * np.random.default_rng(1).standard_normal(len(c)))
    return laws.run_table(n_params=n, n_tokens=c / 6 / n, loss=chinchilla_loss(n, c / 6 / n) * noise)


def test_both_approaches_find_the_true_exponent_and_stand_side_by_side() -> None:
    about = of(levels(), laws=("chinchilla", "chinchilla-tied"))
    truth = TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"])
    assert about.iso_flop is not None
    law = next(each for each in about.exponents if each.law == "chinchilla")
    assert law.a.low < truth < law.a.high
    assert about.iso_flop.a.value == pytest.approx(truth, abs=0.03)
    rows = shares.exponent_rows(about)
    assert [row[0] for row in rows[1:]] == ["isoFLOP minima, 5 levels", "chinchilla", "chinchilla-tied"]
    assert rows[-1][1:] == ["0.500 by form", "0.500 by form"]


def test_a_tied_law_has_its_exponents_by_form_whatever_flops_cost() -> None:
    dear = levels()
    dear = replace(dear, flops=dear.compute * (1 + 0.3 * (dear.n_params / 1e8) ** -0.3))
    rows = {row[0]: row[1:] for row in shares.exponent_rows(of(dear, laws=("chinchilla", "chinchilla-tied")))}
    assert all(words.endswith("by form") for words in rows["chinchilla-tied"])
    assert not any("by form" in words for words in rows["chinchilla"])


def test_the_best_split_lies_in_its_band_and_grows() -> None:
    found = optima_of(laws.assess(lab(25), laws=("chinchilla",)), [1e19, 1e20, 1e21])
    sizes = [each.n_params.value for each in found]
    assert sizes == sorted(sizes)
    assert all(each.n_params.low < each.n_params.value < each.n_params.high for each in found)


def test_without_levels_the_laws_alone_are_told_and_without_a_split_nothing() -> None:
    n, d = np.exp(np.random.default_rng(2).uniform(np.log(1e7), np.log(1e10), (2, 20)))
    scattered = laws.run_table(n_params=n, n_tokens=20 * d, loss=chinchilla_loss(n, 20 * d))
    assert [row[0] for row in shares.exponent_rows(of(scattered, laws=("chinchilla",)))] == ["from", "chinchilla"]
    assert shares.exponent_rows(of(scattered, laws=("power",))) == []


def test_what_to_run_next_is_the_run_that_mends() -> None:
    seen = subject().assessment
    mend = laws.Mend(n_params=1e6, n_tokens=2e7, condition=33.0)
    fits = tuple(replace(fit, mend=mend, condition=120.0) if fit.law == seen.best else fit for fit in seen.fits)
    said = findings.next_runs(replace(seen, fits=fits, missing=()))
    assert said == ["N = 1M on D = 20M tokens: the condition number falls from 120 to 33"]
    waiting = laws.Missing(law="interaction", reason="few", runs_needed=2)
    assert findings.next_runs(replace(seen, fits=fits, missing=(waiting,)))[-1] == (
        "2 more runs: then interaction can be fitted too"
    )


def test_the_law_in_one_line_is_the_law() -> None:
    fit = laws.fit(lab(25), "chinchilla")
    line = law_line(fit).replace("−", "-").partition("= ")[2].replace("^", "**")
    value = eval(line, {"N": 1e8, "D": 1e9})
    assert value == pytest.approx(float(fit.loss(1e8, 1e9)), rel=2e-3)


def test_numbers_that_were_not_fitted_say_so() -> None:
    held = laws.fit(lab(25), "chinchilla", fix={"E": 1.75})
    assert parameter_rows(held)[1] == ["E", "1.75", "held fixed"]


def test_a_number_without_an_error_and_one_that_is_not_told_are_written_plainly() -> None:
    fit = laws.fit(lab(25), "chinchilla")
    exact = replace(fit.estimates[0], value=1.69, low=1.69, high=1.69, se=2e-15)
    wild = replace(fit.estimates[1], value=0.1234, low=-2.4e7, high=2.4e7, se=1e7)
    rows = parameter_rows(replace(fit, estimates=(exact, wild)))
    assert rows[1][1] == "1.69" and rows[2][1:] == ["0.12", "not told"]


def test_points_carry_what_the_fit_says_of_each_run() -> None:
    about = of(lab(25), laws=("chinchilla",))
    fit = about.assessment.fit()
    rows = point_rows(about)
    assert [row["residual"] for row in rows] == pytest.approx(fit.residuals)
    assert sum(row["leverage"] for row in rows) == pytest.approx(fit.n_free)
    nobody = replace(about, assessment=replace(about.assessment, diagnosis=None))
    assert {row["leverage"] for row in point_rows(nobody)} == {None}


WORDS = st.lists(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12))


@given(WORDS, st.integers(20, 90))
def test_a_continued_line_is_read_back_by_a_shell(words: list[str], width: int) -> None:
    # Spaces at the ends of a word and runs of them are made one where text is cleaned: no path of sense has them.
    words = [" ".join(word.split()) or "x" for word in words]
    given_ = ["scalelab", "fit", *words, "--law", "chinchilla"]
    lines = replay.continued(shlex.join(given_), width)
    assert shlex.split("\n".join(lines).replace("\\\n", " ")) == given_
