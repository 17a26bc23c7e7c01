"""`scalelab compare`: groups of one lab, several labs, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scalelab.records import Evaluation, TokenSet
from scalelab.store.reader import Reader
from tests.cli.conftest import Ran, document
from tests.simulated import LARGER, TOKENS, SimulatedLab, noise, true_loss

WORTH = 2.0


def grouped(folder: Path) -> Path:
    """A lab of two groups, the second of whose tokens are worth two of the first's."""
    lab = SimulatedLab(folder, LARGER + '[[groups]]\nname = "plain"\n[[groups]]\nname = "rich"\n')
    lab.writer.set_meta("groups", json.dumps(["plain", "rich"]))
    lab.writer.set_meta("tokens rich", TOKENS.to_json())
    for spec in lab.points:
        lab.finish(spec.run)
        worth = WORTH if spec.group == "rich" else 1.0
        loss = true_loss(spec.counts.n_params, worth * spec.n_tokens) * noise(spec.run, 0.001)
        with Reader(folder / "lab.db") as reader:
            end = reader.evaluations(spec.run)[-1]
        lab.writer.write([Evaluation.from_dict(end.to_dict() | {"loss": loss})])
    lab.close()
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grouped(tmp_path_factory.mktemp("labs") / "both")


def test_groups_of_a_lab(scalelab: Callable[..., Ran], lab: Path) -> None:
    told = document(scalelab("compare", str(lab), "--json"))
    assert [group["name"] for group in told["groups"]] == ["plain", "rich"]
    worth = told["groups"][1]["overall"]["worth"]
    assert worth["value"] == pytest.approx(WORTH, rel=0.1)
    assert worth["n"] == 20
    ran = scalelab("compare", str(lab))
    assert ran.code == 0
    for words in ("a token of rich is worth", "One law for all", "rich at equal N and D", "the best first"):
        assert words in ran.out


def test_another_baseline_turns_it_round(scalelab: Callable[..., Ran], lab: Path) -> None:
    told = document(scalelab("compare", str(lab), "--baseline", "rich", "--compute", "1e13", "--json"))
    assert [group["name"] for group in told["groups"]] == ["rich", "plain"]
    assert told["groups"][1]["overall"]["worth"]["value"] == pytest.approx(1 / WORTH, rel=0.1)
    assert told["flops"] == 1e13


def test_labs_of_other_texts_compare_in_exponents_alone(scalelab: Callable[..., Ran], tmp_path: Path) -> None:
    for name, bytes_ in (("one", 650_000), ("two", 700_000)):
        lab = SimulatedLab(tmp_path / name, LARGER)
        kept = TokenSet.from_dict(TOKENS.to_dict() | {"held_out_bytes": bytes_})
        lab.writer.set_meta("tokens", kept.to_json())
        lab.finish_all().close()
    ran = scalelab("compare", str(tmp_path / "one"), str(tmp_path / "two"))
    assert ran.code == 0
    assert "only its exponents compare" in " ".join(ran.out.split())
    assert "the best first" not in ran.out


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab of four groups: of the first nothing has finished, of the last one run is under way."""
    names = ("planned", "plain", "rich", "begun")
    folder = tmp_path_factory.mktemp("labs") / "early"
    lab = SimulatedLab(folder, LARGER + "".join(f'[[groups]]\nname = "{name}"\n' for name in names))
    lab.writer.set_meta("groups", json.dumps(names))
    for name in names[1:]:
        lab.writer.set_meta(f"tokens {name}", TOKENS.to_json())
    for spec in lab.points:
        if spec.group in {"plain", "rich"}:
            lab.finish(spec.run)
    lab.train(next(spec.run for spec in lab.points if spec.group == "begun"), 0.5)
    lab.close()
    return folder


def test_groups_without_a_finished_run_are_left_out_and_the_others_compared(
    scalelab: Callable[..., Ran], early: Path
) -> None:
    told = document(scalelab("compare", str(early), "--json"))
    assert [group["name"] for group in told["groups"]] == ["plain", "rich"]
    assert told["groups"][1]["comparable"] and told["groups"][1]["overall"]["worth"]["n"] == 20
    assert told["left_out"] == {
        "planned": "it has no finished run (20 planned)",
        "begun": "it has no finished run (19 planned, 1 running)",
    }
    ran = scalelab("compare", str(early))
    assert ran.code == 0
    words = " ".join(ran.out.split())
    assert "planned is left out: it has no finished run (20 planned)." in words
    assert "a token of rich is worth" in words


def test_one_finished_run_of_a_group_is_compared(scalelab: Callable[..., Ran], tmp_path: Path, finished: Path) -> None:
    lab = SimulatedLab(tmp_path / "one", LARGER)
    lab.finish(lab.points[0].run)
    lab.close()
    ran = scalelab("compare", str(finished), str(tmp_path / "one"))
    assert ran.code == 0, ran.err
    assert "left out" not in ran.out


def test_where_no_two_groups_can_be_compared_each_is_named_with_its_reason(
    scalelab: Callable[..., Ran], early: Path, tmp_path: Path, finished: Path
) -> None:
    SimulatedLab(tmp_path / "new", LARGER).close()
    ran = scalelab("compare", str(finished), str(tmp_path / "new"))
    assert ran.code == 2
    assert "new is left out: it has no finished run (20 planned)" in ran.err
    ran = scalelab("compare", str(early), "--baseline", "planned")
    assert ran.code == 2
    assert "it has no finished run (20 planned)" in ran.err and "plain, rich" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{finished}"], "one group of runs"),
        (["{lab}", "--baseline", "none"], "plain, rich"),
        (["{lab}", "--compute", "-3"], "--compute"),
        (["/nowhere"], "no lab"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(
    scalelab: Callable[..., Ran], lab: Path, finished: Path, arguments: list[str], words: str
) -> None:
    ran = scalelab("compare", *(each.format(lab=lab, finished=finished) for each in arguments))
    assert ran.code == 2
    assert words.lower() in ran.err.lower()
    assert ran.err.count("\n") == 1
