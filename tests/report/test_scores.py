"""Scores beside losses: the table, the link in words, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from scalelab.laws.fits import Prediction
from scalelab.records import Evaluation, Score
from scalelab.report.beside import print_beside
from scalelab.report.scores import links

LOSSES = np.linspace(1.0, 3.0, 9)


def _finals() -> list[Evaluation]:
    return [
        Evaluation(run=f"r{n}", attempt=1, step=1, n_tokens=1, flops=1.0, loss=float(loss), loss_se=0.0, accuracy=0.5,
                   bits_per_byte=1.0, evaluated_tokens=1, final=True)
        for n, loss in enumerate(LOSSES)
    ]  # fmt: skip


def _scores(values: np.ndarray, name: str = "chrf") -> list[Score]:
    return [
        Score(run=f"r{n}", attempt=1, step=1, name=name, value=float(value), n=50) for n, value in enumerate(values)
    ]


def test_a_link_says_how_a_score_follows_from_the_loss() -> None:
    (found,) = links(_finals(), _scores(1 / (1 + np.exp(-2 * (1.5 - LOSSES)))))
    assert found.link is not None
    assert (found.link.k, found.link.middle) == (pytest.approx(2, abs=0.01), pytest.approx(1.5, abs=0.01))
    assert found.sentence().startswith("chrF = 100 % · σ(2·(1.5 − loss)), by the link of 9 runs")


def test_where_there_is_no_link_it_says_why() -> None:
    few, rising = links(_finals(), _scores(LOSSES[:3] / 10)), links(_finals(), _scores(LOSSES / 4, "f1"))
    assert few[0].sentence().startswith("chrF: no link to the loss: 3 points of loss and chrF")
    assert rising[0].sentence().startswith("F1: no link to the loss: F1 does not fall as loss rises")


def test_far_outside_the_runs_a_score_is_refused_in_words() -> None:
    (found,) = links(_finals(), _scores(1 / (1 + np.exp(-2 * (1.5 - LOSSES)))))
    near = Prediction(n_params=1, n_tokens=1, loss=1.4, low=1.3, high=1.5, parameters=0.0)
    told = found.predict(near)
    assert told is not None and told.name == "chrf" and told.low < told.value < told.high
    far = replace(near, loss=-5.0, low=-5.1, high=-4.9)
    assert found.predict(far) is None and found.refusal(far).startswith("a loss of -5 is far outside the runs' own")


def test_texts_stand_side_by_side_where_there_is_room_and_below_each_other_where_not() -> None:
    texts = [("one", "first text"), ("two", "[bold]second"), ("three", "third")]
    wide, narrow = (Console(width=width, record=True, file=open("/dev/null", "w"), markup=False)  # noqa: SIM115
                    for width in (100, 50))  # fmt: skip
    print_beside(texts, wide)
    print_beside(texts, narrow)
    lines = wide.export_text().splitlines()
    assert lines[0].split() == ["one", "two", "three"] and "[bold]second" in lines[1] and "third" in lines[1]
    assert narrow.export_text().splitlines() == ["one", "first text", "", "two", "[bold]second", "", "three", "third"]
