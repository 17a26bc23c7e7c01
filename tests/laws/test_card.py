"""The card of a fit: what it says, that it goes to JSON and back, and a hash that knows digits and nothing else."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws.card import Card, card, data_hash, flop_formula, searched
from scalelab.laws.forms import FORMS
from scalelab.laws.replay import Origin
from tests.laws.simulated import lab

RUNS = lab(25)
FIT = laws.fit(RUNS, "chinchilla")
ORIGIN = Origin(words=("my runs.csv", "--where", "kind='a b'"), reading="laws.read_runs('my runs.csv')")


def test_it_says_how_the_fit_was_made() -> None:
    made = card(FIT, RUNS, ORIGIN)
    told = dict(made.lines())
    assert told["form"] == "chinchilla: L = E + A/N^alpha + B/D^beta"
    assert "2203.15556" in told["source"]
    assert told["FLOPs"] == "C = 6 N D"
    assert told["runs"] == "25 used, 0 left out"
    assert f"{FIT.delta:.4g}" in told["objective"] and f"{FIT.objective_value:.10g}" in told["objective"]
    assert "Newton" in told["solver"] and "196 sets of exponents" in told["solver"]
    assert told["intervals"].endswith("95 %")
    assert "tokenizer" in told["not told"]
    assert made.theta == FIT.theta
    assert made.parameters == FIT.params


def test_bounds_are_those_of_the_search() -> None:
    made = card(FIT, RUNS)
    lower, upper = FIT.form.bounds(RUNS.loss)
    assert [each.name for each in made.bounds] == ["E", "ln A", "ln B", "alpha", "beta"]
    assert [each.low for each in made.bounds] == lower.tolist()
    assert [each.high for each in made.bounds] == upper.tolist()


@pytest.mark.parametrize("law", sorted(FORMS))
def test_every_form_has_a_name_for_each_parameter(law: str) -> None:
    form = FORMS[law]
    assert len(set(searched(form))) == form.n_free


def test_it_goes_to_json_and_back() -> None:
    excluded = (laws.Exclusion(run="x", reason="diverged", line=7),)
    made = card(FIT, replace(RUNS, excluded=excluded, n_excluded=1, notes=("guessed",)), ORIGIN)
    assert Card.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False))) == made


def test_of_an_assessment_it_tells_the_contest() -> None:
    seen = laws.assess(RUNS)
    made = card(seen, RUNS, ORIGIN)
    assert made.law == seen.best
    assert set(made.chosen_from) == set(laws.OFFERED)
    assert made.reason == seen.reason
    assert ("choice", seen.reason) in made.lines()


def test_of_an_assessment_it_carries_what_predicts_and_its_lines_make_that_again() -> None:
    noisy = lab(25, seed=2, noise=0.02)
    seen = laws.assess(noisy, level=0.9)
    assert seen.panel is not None and len(seen.panel.members) > 1
    made = card(seen, noisy, ORIGIN)
    seats, members = ([(each.law, each.theta) for each in those] for those in (made.predicting, seen.panel.members))
    assert seats == members
    told = dict(made.lines())
    assert told["predicts"].startswith(f"the mean of {len(made.predicting)} laws")
    assert "root of its compute" in told["weights there"]
    assert "--law" not in shlex.split(made.shell) and "--objective" not in made.shell
    scope: dict[str, object] = {"runs": noisy}
    exec(made.python.partition(f"runs = {ORIGIN.reading}; ")[2], {"laws": laws}, scope)
    assert scope["seen"] == seen and scope["fit"] == seen.fit()


def test_a_contest_of_some_laws_under_one_objective_is_asked_for_again() -> None:
    seen = laws.assess(RUNS, laws=("coupled", "chinchilla"), objective="hoffmann")
    words = shlex.split(card(seen, RUNS, ORIGIN).shell)
    assert [words[i + 1] for i, word in enumerate(words) if word == "--law"] == ["coupled", "chinchilla"]
    assert words[words.index("--objective") + 1] == "hoffmann"


def test_of_a_fit_alone_it_says_nothing_of_predictions() -> None:
    made = card(FIT, RUNS)
    assert (made.prediction, made.predicting, made.refuted, made.prediction_weights) == ("", (), (), "")
    assert "predicts" not in dict(made.lines())


def test_fixed_numbers_stand_in_it_and_in_the_lines() -> None:
    held = laws.fit(RUNS, "chinchilla", "hoffmann", fix={"E": 1.75}, level=0.9)
    made = card(held, RUNS, ORIGIN)
    assert ("held fixed", "E = 1.75") in made.lines()
    words = shlex.split(made.shell)
    assert words[words.index("--fix") + 1] == "E=1.75"
    assert words[words.index("--level") + 1] == "0.9"


def test_the_line_for_a_shell_quotes_what_a_shell_would_read() -> None:
    words = shlex.split(card(FIT, RUNS, ORIGIN).shell)
    assert words[:5] == ["scalelab", "fit", "my runs.csv", "--where", "kind='a b'"]
    assert words[words.index("--law") + 1] == "chinchilla"


def test_the_line_of_python_makes_the_fit_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("card") / "runs.csv"
    rows = zip(RUNS.n_params.tolist(), RUNS.n_tokens.tolist(), RUNS.loss.tolist(), strict=True)
    path.write_text("n_params,tokens,loss\n" + "".join(f"{n!r},{d!r},{loss!r}\n" for n, d, loss in rows))
    held = laws.fit(RUNS, "coupled", "hoffmann", fix={"E": 1.8}, level=0.9)
    made = card(held, RUNS, Origin(words=(str(path),), reading=f"laws.read_runs({str(path)!r})"))
    scope: dict[str, object] = {}
    exec(made.python, scope)
    again = scope["fit"]
    assert isinstance(again, laws.Fit)
    assert again.theta == held.theta
    assert again.estimates == held.estimates
    assert data_hash(scope["runs"]) == made.data_hash  # type: ignore[arg-type]


def test_without_an_origin_there_is_no_line() -> None:
    assert (card(FIT, RUNS).shell, card(FIT, RUNS).python) == ("", "")


def test_other_runs_are_refused() -> None:
    with pytest.raises(BadInput, match="25 runs and the table has 9"):
        card(FIT, lab(9))


def test_flops_are_told_as_they_were_counted() -> None:
    dear = replace(RUNS, flops=8.0 * RUNS.n_params * RUNS.n_tokens)
    assert flop_formula(laws.fit(dear, "power"), dear) == "C as the runs give it, 1.33 to 1.33 times 6 N D"


@given(st.permutations(range(25)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_does_not_change_the_hash(order: list[int]) -> None:
    assert data_hash(RUNS.take(np.array(order))) == data_hash(RUNS)


def test_names_do_not_change_the_hash_and_every_digit_does() -> None:
    assert data_hash(replace(RUNS, run_id=tuple(f"other-{i}" for i in range(25)))) == data_hash(RUNS)
    loss = RUNS.loss.copy()
    loss[3] = np.nextafter(loss[3], 9.0)
    assert data_hash(replace(RUNS, loss=loss)) != data_hash(RUNS)
    assert data_hash(replace(RUNS, flops=RUNS.compute)) != data_hash(RUNS)
    assert data_hash(replace(RUNS, weight=np.ones(25))) != data_hash(RUNS)


def test_the_hash_is_the_one_that_was_written_down() -> None:
    table = laws.run_table(n_params=[2.0, 1.0], n_tokens=[3.0, 4.0], loss=[2.5, 1.5])
    import hashlib

    rows = np.array([[1.0, 4.0, 1.5], [2.0, 3.0, 2.5]], dtype="<f8").tobytes()
    assert data_hash(table) == hashlib.sha256(b"n_params,n_tokens,loss\n" + rows).hexdigest()
