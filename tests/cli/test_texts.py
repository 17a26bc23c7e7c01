"""A lab with several texts: groups with scores of a task, a mixture with losses on its parts; each asked by name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab.cli.sources import open_subject
from scalelab.records import PairCounts, PartEvaluation, Score, TokenPart
from scalelab.store.reader import Reader
from tests.cli.conftest import Ran, document
from tests.simulated import LARGER, TOKENS, SimulatedLab

Run = Callable[..., Ran]
GROUPS = '[[groups]]\nname = "first"\n[[groups]]\nname = "other"\n'
MIDDLE = {"first": 1.5, "other": 2.5}
"""Loss at which half of what is translated is right, by group."""
PAIRS = PairCounts(
    task="translation", context=64, train_pairs=9000, held_out_pairs=500, train_targets=2_000_000,
    held_out_targets=100_000, held_out_target_bytes=300_000, longest_target=20,
)  # fmt: skip
SHARES = {"wikitext-103": 0.7, "python": 0.3}


def share_right(loss: float, group: str) -> float:
    return 1 / (1 + math.exp(-3 * (MIDDLE[group] - loss)))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two groups that translate, one much better than the other at the same loss."""
    made = SimulatedLab(tmp_path_factory.mktemp("texts") / "tasks", LARGER + GROUPS)
    tokens = replace(TOKENS, corpus="conlang", pairs=PAIRS).to_json()
    for key, value in (("groups", json.dumps(list(MIDDLE))), ("tokens", tokens), ("tokens other", tokens)):
        made.writer.set_meta(key, value)
    made.finish_all()
    with Reader(made.folder / "lab.db") as reader:
        losses = {each.run: each.loss for each in reader.finals()}
    made.writer.write([
        Score(run=run, attempt=1, step=1, name="chrf", value=share_right(loss, run.partition(".")[0]), n=200)
        for run, loss in losses.items()
    ])  # fmt: skip
    made.close()
    return made.folder


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One text of two parts, the second easier than the first."""
    made = SimulatedLab(tmp_path_factory.mktemp("texts") / "mixed", LARGER)
    parts = tuple(
        TokenPart(corpus=name, revision="", share=share, train_tokens=1, unique_tokens=1, held_out_tokens=1000,
                  held_out_bytes=3000) for name, share in SHARES.items()
    )  # fmt: skip
    made.writer.set_meta("tokens", replace(TOKENS, corpus=" + ".join(SHARES), parts=parts).to_json())
    made.finish_all()
    with Reader(made.folder / "lab.db") as reader:
        ends = reader.finals()
    made.writer.write([
        PartEvaluation(run=end.run, attempt=1, step=end.step, part=part, loss=factor * end.loss, loss_se=0.004,
                       accuracy=0.3, bits_per_byte=1.0, evaluated_tokens=1000)
        for end in ends for part, factor in (("wikitext-103", 1.1), ("python", 0.7))
    ])  # fmt: skip
    made.close()
    return made.folder


@pytest.mark.parametrize("group", ["first", "other"])
def test_the_link_of_a_score_is_that_of_the_group_that_is_shown(scalelab: Run, tasks: Path, group: str) -> None:
    where = ("--where", f"group={group}")
    told = document(scalelab("predict", str(tasks), "--params", "500k", "--tokens", "4M", *where, "--json"))
    assert told["score_links"]["chrf"]["link"]["n_points"] == 20
    loss = told["prediction"]["loss"]
    assert told["measures"]["chrf"]["value"] == pytest.approx(share_right(loss, group), rel=1e-3)
    fitted = document(scalelab("fit", str(tasks), *where, "--json"))
    assert fitted["score_links"] == told["score_links"]
    assert fitted["runs"][0]["scores"]["chrf"] == pytest.approx(share_right(fitted["runs"][0]["loss"], group))


def test_shares_are_printed_in_per_cent_and_losses_by_target_tokens(scalelab: Run, tasks: Path) -> None:
    lines = scalelab("predict", str(tasks), "--params", "500k", "--tokens", "4M").out.splitlines()
    (said,) = (line.split() for line in lines if line.startswith("chrF"))
    assert said[4] == "%" and 1 < float(said[1]) < 100
    report = scalelab("fit", str(tasks)).out
    assert "chrF of 200 held-out prompts, %, by N and D" in report
    assert "Loss, nats a target token, against compute" in report and "nats a target token, 95 %" in report
    assert "nats a token" not in report


def test_the_page_has_scores_and_parts_beside_each_run(
    scalelab: Run, tasks: Path, mixture: Path, tmp_path: Path
) -> None:
    for lab, words in ((tasks, ("chrF, %", "by the link of 20 runs", "nats a target token")),
                       (mixture, ("loss on python", "loss on wikitext-103"))):  # fmt: skip
        assert scalelab("report", str(lab), "-o", str(tmp_path / "page.html"), "--force").code == 0
        page = (tmp_path / "page.html").read_text()
        assert all(each in page for each in words)


def test_the_losses_on_one_part_of_a_mixture_are_fitted_by_name(scalelab: Run, mixture: Path) -> None:
    mixed = open_subject(str(mixture), stored=True)
    own = open_subject(str(mixture), where=("part=python",), stored=True)
    np.testing.assert_allclose(own.runs.loss, 0.7 * mixed.runs.loss)
    assert own.name.endswith("on python") and own.assessment.best == mixed.assessment.best
    asked = ("predict", str(mixture), "--params", "500k", "--tokens", "4M", "--json")
    whole, part = (document(scalelab(*asked, *where)) for where in ((), ("--where", "part='python'")))
    assert part["prediction"]["loss"] == pytest.approx(0.7 * whole["prediction"]["loss"], rel=0.01)
    bits = {name: told["measures"]["bits_per_byte"]["value"] / told["prediction"]["loss"] * math.log(2)
            for name, told in (("whole", whole), ("part", part))}  # fmt: skip
    assert bits == {"whole": pytest.approx(1 / TOKENS.bytes_per_token), "part": pytest.approx(1 / 3)}


def test_the_parts_stand_beside_the_mixture(scalelab: Run, mixture: Path) -> None:
    report = scalelab("fit", str(mixture)).out
    assert "Held-out loss of wikitext-103 alone, nats a token, by N and D" in report
    assert "parts wikitext-103, python: `--where part=NAME`" in " ".join(report.split())
    told = document(scalelab("fit", str(mixture), "--json"))
    assert all(each["parts"]["python"] == pytest.approx(0.7 * each["loss"]) for each in told["runs"])
    best = min(told["runs"], key=lambda each: each["loss"])
    words = f"loss on python {0.7 * best['loss']:.4f} by {best['run']}"
    assert words in " ".join(scalelab("status", str(mixture)).out.split())
    status = {each["run"]: each for each in document(scalelab("status", str(mixture), "--json"))["runs"]}
    assert status[best["run"]]["parts"]["python"] == pytest.approx(0.7 * best["loss"])
    rows = document(scalelab("export", str(mixture), "--format", "json"))["runs"]
    assert {each["run"]: each["loss on python"] for each in rows}[best["run"]] == pytest.approx(0.7 * best["loss"])


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (("part=pyhton",), "part pyhton (allowed: wikitext-103, python): did you mean python?"),
        (("part=python", "part=wikitext-103"), "part wikitext-103 (allowed: wikitext-103, python)"),
        (("group=first",), "group first (allowed: none: the lab has one text)"),
    ],
)
def test_a_text_that_is_not_there_is_refused_with_those_that_are(
    scalelab: Run, mixture: Path, where: tuple[str, ...], told: str
) -> None:
    ran = scalelab("fit", str(mixture), *(word for each in where for word in ("--where", each)))
    assert ran.code == 2 and told in ran.err and ran.err.count("\n") == 1


def test_curves_do_not_foretell_a_part(scalelab: Run, mixture: Path) -> None:
    ran = scalelab("fit", str(mixture), "--where", "part=python", "--unfinished")
    assert ran.code == 2 and "curves foretell the mixture's loss" in ran.err
