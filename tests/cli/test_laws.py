"""`fit` and `predict`: the laws of a CSV or a lab, in words and as a document, and refusals in one line."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from scalelab.report import numbers
from scalelab.store.reader import Reader
from tests.cli.conftest import Ran, document
from tests.simulated import SimulatedLab

Run = Callable[..., Ran]


def test_fit_of_a_csv(scalelab: Run, table: Path) -> None:
    ran = scalelab("fit", str(table))
    assert ran.code == 0
    assert "16 runs" in ran.out
    assert "▸" in ran.out
    assert "⣀" in ran.out or "⠤" in ran.out
    assert "⠒" not in scalelab("fit", str(table), "--no-plot").out


def test_fit_of_a_lab_leaves_the_diverged_run_out_by_name(scalelab: Run, finished: Path) -> None:
    told = document(scalelab("fit", str(finished), "--json"))
    assert told["schema"] == "scalelab.report/1"
    assert len(told["runs"]) == 8
    assert told["runs"][0]["rung"] == "12x1"
    assert told["assessment"]["excluded"] == [
        {"run": "24x1-D80k-s0", "reason": "diverged: the loss is NaN at step 312", "line": None}
    ]
    assert "24x1-D80k-s0: diverged" in scalelab("fit", str(finished), "--no-plot").out


def test_fit_takes_the_laws_that_were_named(scalelab: Run, table: Path) -> None:
    told = document(scalelab("fit", str(table), "--law", "chinchilla", "--objective", "hoffmann", "--json"))
    assert [(fit["law"], fit["objective"]) for fit in told["assessment"]["fits"]] == [("chinchilla", "hoffmann")]


def test_fit_reads_other_headings(scalelab: Run, table: Path, tmp_path: Path) -> None:
    rows = list(csv.reader(table.open()))
    odd = tmp_path / "odd.csv"
    odd.write_text("big,seen,nats,kind\n" + "\n".join(",".join([*row, "a"]) for row in rows[1:]) + "\n1,1,9,b\n")
    columns = ("--column", "n_params=big", "--column", "n_tokens=seen", "--column", "loss=nats", "--where", "kind=a")
    ran = scalelab("fit", str(odd), *columns, "--json")
    assert len(document(ran)["runs"]) == 16


@pytest.mark.parametrize(("arguments", "words"), [
    (["/nowhere"], "there is no lab and no file"),
    (["TABLE", "--law", "nope"], "nope"),
    (["TABLE", "--objective", "nope"], "nope"),
    (["TABLE", "--column", "x"], "NAME=VALUE"),
    (["FOLDER"], "is not a lab"),
    (["LAB", "--where", "a=b"], "for CSV files"),
    (["\x1b[2J"], "there is no lab"),
    ([""], "SOURCE is empty"),
    (["x" * 300], "too long"),
    (["FEW"], "no law yet from 1 run: the only run has n_params = 10k"),
    (["FEW"], "1 left out, the first in line 3: loss is '0'"),
])  # fmt: skip
def test_fit_refuses_in_one_line(
    scalelab: Run, table: Path, finished: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    few = tmp_path / "few.csv"
    few.write_text("n_params,tokens,loss\n1e4,1e6,3\n2e4,1e6,0\n")
    known = {"TABLE": str(table), "FOLDER": str(tmp_path), "LAB": str(finished), "FEW": str(few)}
    ran = scalelab("fit", *(known.get(each, each) for each in arguments))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert "\x1b" not in ran.err


def test_predict_says_the_loss_and_how_sure(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--params", "500k", "--tokens", "10M", "--json"))
    there = told["prediction"]
    assert there["low"] < there["loss"] < there["high"]
    assert there["loss"] == pytest.approx(1.2 + (40 / 5e5**0.45 + 900 / 1e7**0.52) ** 0.8, rel=0.02)
    assert there["perplexity"] == pytest.approx(math.exp(there["loss"]))
    assert told["flops"] == pytest.approx(6 * 5e5 * 1e7)
    ran = scalelab("predict", str(table), "--params", "500k", "--tokens", "10M")
    assert f"loss        {numbers.interval(there['loss'], there['low'], there['high'])} nats" in ran.out


def test_predict_finds_the_best_split_of_a_budget(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--compute", "1e14", "--json"))
    there = told["prediction"]
    assert 6 * there["n_params"] * there["n_tokens"] == pytest.approx(1e14, rel=1e-6)
    assert told["optimal_split"] and told["interior"]


def test_predict_from_a_measured_run(scalelab: Run, table: Path) -> None:
    told = document(
        scalelab("predict", str(table), "--params", "20k", "--tokens", "1.2M", "--from", "20k,1.2M,2.5", "--json")
    )
    assert told["prediction"]["loss"] == pytest.approx(2.5)
    assert told["from"] == {"n_params": 20e3, "n_tokens": 1.2e6, "loss": 2.5}


def test_predict_warns_far_beyond_the_runs(scalelab: Run, table: Path) -> None:
    ran = scalelab("predict", str(table), "--compute", "1e20")
    assert "is a guess" in ran.out
    assert "is a guess" not in scalelab("predict", str(table), "--params", "500k", "--tokens", "10M").out


def test_predict_warns_of_runs_that_cannot_tell_n_from_d(scalelab: Run, tmp_path: Path) -> None:
    line = tmp_path / "line.csv"
    sizes = [1e4 * 2**i for i in range(12)]
    line.write_text(
        "n_params,tokens,loss\n"
        + "".join(f"{n},{20 * n},{1.5 + 30 * n**-0.35 * (1 + 0.001 * (-1) ** i)}\n" for i, n in enumerate(sizes))
    )
    assert "these runs cannot tell N from D" in scalelab("predict", str(line), "--compute", "1e15").out


def test_a_fit_that_takes_long_is_announced(scalelab: Run, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scalelab("fit", str(table), "--no-plot").err == ""
    monkeypatch.setattr("scalelab.cli.sources.MANY", 10)
    monkeypatch.setattr("scalelab.cli.sources.RUNS_A_SECOND", 0.1)
    assert scalelab("fit", str(table), "--no-plot").err == "16 runs: their laws take about 2m40\n"


def test_predict_from_a_lab_needs_no_new_fit(scalelab: Run, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("scalelab.laws.assess", refuse)
    assert scalelab("predict", str(finished), "--params", "100k", "--tokens", "1M").code == 0


def test_rows_of_no_sensible_size_are_left_out_in_words(scalelab: Run, table: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text(table.read_text() + "1e300,1e300,2\n1e-300,1e-300,2\n")
    ran = scalelab("fit", str(odd), "--no-plot")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("no sensible number of FLOPs") == 2


@pytest.mark.parametrize(("arguments", "words"), [
    ([], "predict what?"),
    (["--params", "1M"], "predict what?"),
    (["--params", "1M", "--tokens", "1M", "--compute", "1e15"], "both given"),
    (["--compute", "1e15", "--from", "1,1,1"], "--from needs"),
    (["--params", "-5", "--tokens", "1M"], "--params"),
    (["--params", "nan", "--tokens", "1M"], "--params"),
    (["--compute", "0"], "--compute"),
    (["--compute", "1e300"], "below 1e+60"),
    (["--params", "1M", "--tokens", "1M", "--from", "1,2"], "N,D,LOSS"),
    (["--params", "1M", "--tokens", "1M", "--law", "nope"], "nope"),
])  # fmt: skip
def test_predict_refuses_in_one_line(scalelab: Run, table: Path, arguments: list[str], words: str) -> None:
    ran = scalelab("predict", str(table), *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err


@pytest.mark.parametrize("size", ["1e-5", "1e12", "1e28"])
def test_predict_survives_any_size(scalelab: Run, table: Path, size: str) -> None:
    for asked in (["--params", size, "--tokens", size], ["--compute", size]):
        ran = scalelab("predict", str(table), *asked)
        assert ran.code == 0
        assert max(map(len, ran.out.splitlines())) < 120
        document(scalelab("predict", str(table), *asked, "--json"))


def test_a_stored_fit_that_reads_otherwise_now_is_made_anew(scalelab: Run, tmp_path: Path) -> None:
    lab = SimulatedLab(tmp_path / "old").finish_all()
    with Reader(lab.folder / "lab.db") as reader:
        row = reader.latest_fit()
    assert row is not None
    old = json.loads(row.json)
    for fit in old["fits"]:
        fit["theta"] = [value + 0.1 for value in fit["theta"]]
    asked = ("predict", str(lab.folder), "--params", "100k", "--tokens", "1M", "--json")
    before = document(scalelab(*asked))["prediction"]["loss"]
    lab.writer.add_fit(json.dumps(old), row.after_run)
    lab.close()
    assert document(scalelab(*asked))["prediction"]["loss"] == pytest.approx(before)
