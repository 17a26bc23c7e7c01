"""`predict`: one question at a time of a table or a lab, its answer in every measure, and refusals in one line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scalelab.records import Evaluation, Point, RunKind, RunSpec, RunState
from tests.cli.conftest import Ran, document
from tests.simulated import TOKENS, SimulatedLab, noise, true_loss

Run = Callable[..., Ran]


def true_accuracy(loss: float) -> float:
    """The sigmoid that the lab's accuracies follow."""
    return 1 / (1 + math.exp(-1.5 * (1.9 - loss)))


class Measured(SimulatedLab):
    """A lab whose accuracies follow its losses, and whose seconds are those of 24 GFLOP/s."""

    @staticmethod
    def _point(spec: RunSpec, step: int) -> Point:
        seconds = (step - spec.first_step) * spec.batch_tokens * spec.flops_per_token / 24e9
        return replace(SimulatedLab._point(spec, step), seconds=seconds)

    def finish(self, run: str) -> None:
        spec = self.specs[run]
        self.train(run)
        loss = true_loss(spec.counts.n_params, spec.n_tokens) * noise(run)
        self.writer.write([Evaluation(
            run=run, attempt=1, step=spec.n_steps, n_tokens=spec.n_tokens, flops=spec.flops, loss=loss, loss_se=0.004,
            accuracy=true_accuracy(loss) * noise(run + "accuracy"), bits_per_byte=loss / math.log(2) / 2.4,
            evaluated_tokens=65_536, final=spec.kind is not RunKind.TRUNK,
        )])  # fmt: skip
        self.writer.set_state(run, 1, RunState.DONE)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    lab = Measured(tmp_path_factory.mktemp("measured") / "lab").finish_all()
    lab.close()
    yield lab.folder


def test_a_budget_of_time_is_the_rate_times_the_seconds(scalelab: Run, table: Path) -> None:
    asked = ("predict", str(table), "--time", "2h", "--rate", "1T", "--utilisation", "0.4", "--devices", "2")
    told = document(scalelab(*asked, "--price", "2.5", "--json"))
    assert told["flops"] == pytest.approx(2 * 3600 * 2 * 0.4e12)
    assert (told["seconds"], told["money"]) == (pytest.approx(7200), pytest.approx(10.0))
    assert [each["factor"] for each in told["allocation"]["more"]] == [2, 10]
    losses = [told["prediction"]["loss"], *(each["loss"] for each in told["allocation"]["more"])]
    assert losses == sorted(losses, reverse=True)
    ran = scalelab(*asked, "--price", "2.5")
    assert "takes 2h00 on 2 devices at 400 GFLOP/s, costs 10.00" in ran.out
    assert "within 1 % of the best loss from N = " in ran.out
    assert "more of it" in ran.out


def test_a_budget_of_money_is_the_same_as_its_time(scalelab: Run, table: Path) -> None:
    common = ("predict", str(table), "--rate", "150G", "--price", "2.5", "--devices", "8", "--json")
    paid = document(scalelab(*common, "--money", "500"))
    timed = document(scalelab(*common, "--time", "25h"))
    assert paid["allocation"] == timed["allocation"]
    assert paid["money"] == pytest.approx(500)


def test_each_law_says_its_own_split_of_a_budget(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--compute", "1e14", "--json"))
    alone = document(scalelab("predict", str(table), "--compute", "1e14", "--law", "chinchilla", "--json"))
    n = told["splits"]["chinchilla"]["n_params"]
    assert n["value"] == pytest.approx(alone["prediction"]["n_params"], rel=1e-3)
    assert n["low"] < n["value"] < n["high"]
    assert told["splits"]["power"] is None
    rows = [line.split() for line in scalelab("predict", str(table), "--compute", "1e14").out.splitlines() if line]
    assert next(row for row in rows if row[0] == "power")[-3:] == ["no", "best", "N"]
    assert "best" in next(row for row in rows if row[0] == "chinchilla")


def test_limits_are_kept_and_named(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--compute", "1e14", "--max-params", "100k", "--json"))
    assert told["allocation"]["limited_by"] == "max_params"
    assert told["prediction"]["n_params"] == pytest.approx(1e5)
    ran = scalelab("predict", str(table), "--compute", "1e14", "--max-tokens", "5M", "--law", "chinchilla")
    assert ran.out.startswith("best with those tokens: ")
    assert "there are 5M tokens and no more" in ran.out
    assert "% of the budget on them" in ran.out.replace("\n    ", " ")
    repeated = scalelab("predict", str(table), "--compute", "1e14", "--max-tokens", "5M")
    assert "passes over the 5M tokens there are: each further pass is worth less" in repeated.out
    assert "law by law" not in repeated.out  # a law of fresh tokens knows nothing of passes


def test_params_with_a_budget_is_the_cost_of_that_n(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--params", "30k", "--compute", "1e12", "--json"))
    off = told["off_frontier"]
    assert off["n_params"] == 30e3
    assert off["extra_loss"] == pytest.approx(told["prediction"]["loss"] - off["best_loss"], abs=1e-9)
    assert off["overhead"] is None or off["overhead"] > 1
    ran = scalelab("predict", str(table), "--params", "30k", "--time", "1s", "--rate", "1T")
    assert "nats against the best N = " in ran.out
    assert "of this compute at the best N" in ran.out


def test_loss_asks_for_what_it_takes(scalelab: Run, table: Path) -> None:
    told = document(scalelab("predict", str(table), "--loss", "1.6", "--json"))
    assert told["prediction"]["loss"] == pytest.approx(1.6, rel=1e-5)
    needed = told["needed"]
    assert needed["flops_low"] < needed["flops"] < needed["flops_high"]
    there = document(scalelab("predict", str(table), "--compute", f"{needed['flops']}", "--json"))
    assert there["prediction"]["loss"] == pytest.approx(1.6, rel=1e-4)
    ran = scalelab("predict", str(table), "--loss", "1.6", "--rate", "1T")
    assert ran.out.startswith("cheapest way to a loss of 1.6: N = ")
    assert "compute it may take, 95 %: " in ran.out
    assert "on one device at 1 TFLOP/s" in ran.out


def test_a_lab_tells_every_measure(scalelab: Run, measured: Path) -> None:
    told = document(scalelab("predict", str(measured), "--params", "15k", "--tokens", "100k", "--json"))
    loss, measures = told["prediction"]["loss"], told["measures"]
    assert measures["perplexity"]["value"] == pytest.approx(math.exp(loss))
    size = TOKENS.held_out_bytes / TOKENS.held_out_tokens
    assert measures["bits_per_byte"]["value"] == pytest.approx(loss / math.log(2) / size)
    assert measures["accuracy"]["value"] == pytest.approx(true_accuracy(loss), rel=0.02)
    for each in measures.values():
        assert each["low"] < each["value"] < each["high"]
    out = scalelab("predict", str(measured), "--params", "15k", "--tokens", "100k").out
    starts = [line[:12].strip() for line in out.splitlines() if "[" in line][:4]
    assert starts == ["loss", "perplexity", "bits a byte", "accuracy"]


def test_a_lab_without_a_link_tells_no_accuracy(scalelab: Run, finished: Path) -> None:
    told = document(scalelab("predict", str(finished), "--params", "15k", "--tokens", "100k", "--json"))
    assert set(told["measures"]) == {"loss", "perplexity", "bits_per_token", "bits_per_byte"}
    assert told["link"] is None
    assert told["no_link"] == "accuracy does not fall as loss rises (the same everywhere): no link"


def test_time_in_a_lab_is_at_the_speed_that_it_measured(scalelab: Run, measured: Path) -> None:
    told = document(scalelab("predict", str(measured), "--time", "1m", "--json"))
    assert told["flops"] == pytest.approx(60 * 24e9)
    assert "24 GFLOP/s as measured in the lab" in scalelab("predict", str(measured), "--time", "1m").out
    faster = document(scalelab("predict", str(measured), "--time", "1m", "--rate", "1T", "--json"))
    assert faster["flops"] == pytest.approx(60e12)


def test_more_tokens_than_the_lab_has_are_warned_of(scalelab: Run, measured: Path) -> None:
    twice = f"{2 * TOKENS.train_tokens}"
    said = scalelab("predict", str(measured), "--params", "15k", "--tokens", twice).out
    assert "D is 2 times the most unique tokens" in said
    assert "unique tokens" not in scalelab("predict", str(measured), "--params", "15k", "--tokens", "1M").out
    counted = scalelab("predict", str(measured), "--compute", "1e13", "--max-tokens", "1M").out
    assert "unique tokens" not in counted


def test_who_answers_is_told(scalelab: Run, table: Path) -> None:
    asked = ("predict", str(table), "--compute", "1e14")
    assert "95 %, by the mean of " in scalelab(*asked).out
    assert "95 %, by chinchilla\n" in scalelab(*asked, "--law", "chinchilla").out


def test_power_law_alone_has_no_best_split(scalelab: Run, table: Path) -> None:
    ran = scalelab("predict", str(table), "--compute", "1e14", "--law", "power")
    assert ran.code == 0
    assert ran.out.startswith("no best split; an edge of the search: ")
    assert "more of it" not in ran.out
    assert max(map(len, ran.out.splitlines())) < 120


@pytest.mark.parametrize(("arguments", "words"), [
    (["--compute", "1e14", "--time", "2h"], "--compute and --time were both given"),
    (["--loss", "2", "--params", "1M"], "--loss and --params were both given"),
    (["--loss", "2", "--money", "5"], "--loss and --money were both given"),
    (["--time", "2h"], "--time needs --rate"),
    (["--time", "soon", "--rate", "1T"], "--time is 'soon'"),
    (["--time", "2h", "--tokens", "1M", "--rate", "1T"], "--time and --tokens were both given"),
    (["--money", "5", "--rate", "1T"], "--money needs --price"),
    (["--money", "5", "--price", "2"], "--money needs --rate"),
    (["--params", "1M", "--time", "2h"], "--time needs --rate"),
    (["--compute", "1e14", "--devices", "1.5"], "--devices is '1.5'"),
    (["--compute", "1e14", "--utilisation", "0.5"], "--utilisation is a share of --rate"),
    (["--compute", "1e14", "--rate", "1T", "--utilisation", "40"], "utilisation is 40"),
    (["--loss", "1.0", "--law", "chinchilla"], "never reaches a loss of 1"),
    (["--loss", "2", "--max-tokens", "1M"], "limit the best split"),
    (["--params", "1M", "--compute", "1e14", "--law", "power"], "power has no best split"),
    (["--max-tokens", "1M"], "predict what?"),
])  # fmt: skip
def test_what_is_no_single_question_is_told_in_one_line(
    scalelab: Run, table: Path, arguments: list[str], words: str
) -> None:
    ran = scalelab("predict", str(table), *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
