from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from scalelab.laws import fit_link
from scalelab.report import answers, prediction
from scalelab.report.known import NOTHING, Known
from scalelab.tui.snapshot import Watch
from scalelab.tui.views import question
from scalelab.tui.views.link import UNKNOWN, link_of
from scalelab.tui.views.predict import PredictView
from scalelab.tui.views.question import ASKS, Question, answered
from scalelab.tui.views.sheet import Sheet
from scalelab.tui.views.subject import known_of, subject_of
from tests.lab.curved import CurvedLab
from tests.tui.looks import LOOKS, use
from tests.tui.views.host import Host, golden, kept, piloted, same, screen, settle
from tests.tui.views.shots import hostile, shot

EVIL = "a\x1b[31m [/b] \u202e b\x07"
SEEN = shot(20)
SUBJECT = subject_of(SEEN)
assert SUBJECT is not None


async def _type(pilot: Pilot[None], key: str, text: str) -> None:
    sheet = pilot.app.query_one(Sheet)
    sheet.go(key)
    await pilot.press("enter", *["backspace"] * 12, *text, "enter")
    await settle(pilot)


@pytest.mark.parametrize(("size", "colours"), LOOKS)
@piloted
async def test_predictions_in_every_look(size: tuple[int, int], colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(colours, monkeypatch)
    app = Host(PredictView())
    async with app.run_test(size=size) as pilot:
        app.view.show(SEEN)  # type: ignore[attr-defined]
        app.view.focus()
        shown = await kept(app, pilot, "predict")
        assert "perplexity" in shown and "nats a" in shown and "law by law" in shown
        for ask in list(ASKS)[1:]:
            await pilot.press("l")
            await same(app, pilot, f"predict-{ask.replace(' ', '-')}")
        await pilot.press("v")
        assert "Predicted before they ended" in await kept(app, pilot, "predict-foretold")


@pytest.mark.parametrize("finished", [0, 3, 8, 16])
@piloted
async def test_few_runs(finished: int) -> None:
    app = Host(PredictView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(shot(finished))  # type: ignore[attr-defined]
        app.view.focus()
        await settle(pilot)
        await pilot.press("enter", "j", "v")
        await settle(pilot)
        if finished < 8:
            golden(f"predict-{finished}-80x24", screen(app))
        else:
            assert "What to ask" in screen(app)


@piloted
async def test_typed_n_and_d_are_answered_and_wrong_ones_told() -> None:
    app = Host(PredictView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(SEEN)  # type: ignore[attr-defined]
        app.view.focus()
        await settle(pilot)
        await _type(pilot, "n", "1M")
        assert "N = 1M " in screen(app)
        await _type(pilot, "d", "zz")
        assert "! D is 'zz'" in screen(app) and "No answer" in screen(app)
        await pilot.press("k", "j", "r")
        await settle(pilot)
        assert "! D" not in screen(app)


@piloted
async def test_a_budget_of_money_asks_for_price_and_speed() -> None:
    app = Host(PredictView())
    async with app.run_test(size=(120, 40)) as pilot:
        app.view.show(SEEN)  # type: ignore[attr-defined]
        app.view.focus()
        await pilot.press("l", "j", "h")
        await settle(pilot)
        assert "! is missing: FLOP/s of one device" in screen(app)
        await _type(pilot, "rate", "1G")
        assert "! is missing: of one device, an hour" in screen(app) and "price_per_hour" not in screen(app)
        await _type(pilot, "price", "2")
        shown = screen(app)
        assert "best split: N =" in shown and "costs 10.00" in shown


@piloted
async def test_what_was_foretold_and_came() -> None:
    app = Host(PredictView())
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.show(SEEN)  # type: ignore[attr-defined]
        app.view.focus()
        await settle(pilot)
        await pilot.press("v")
        await settle(pilot)
        shown = screen(app)
        assert "Predicted before they ended, and what came" in shown and "32x1-D150k-s0" in shown


@piloted
async def test_outside_text_is_harmless_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host(PredictView())
    async with app.run_test(size=(120, 40)) as pilot:
        app.view.show(hostile(SEEN, EVIL))  # type: ignore[attr-defined]
        app.view.focus()
        await settle(pilot)
        await pilot.press("v")
        await settle(pilot)
        shown = screen(app)
        assert not set(shown) & {"\x1b", "\x07", "\u202e"} and "[/b]" in shown


@pytest.mark.parametrize("ask", ASKS)
def test_every_question_has_an_answer_before_anything_is_typed(ask: str) -> None:
    found = answered(Question(ask=ask), SUBJECT, NOTHING)
    assert found.forecast is not None, found.problems
    assert prediction.document(found.forecast, SUBJECT)["law"] == "coupled"


def test_the_answers_are_those_of_the_command_line() -> None:
    asked = Question(texts={"n": "1M", "d": "20M"})
    mine, theirs = answered(asked, SUBJECT, NOTHING).forecast, prediction.for_run(SUBJECT.assessment, 1e6, 2e7)
    assert mine is not None and mine.prediction == theirs.prediction
    split = Question(ask=question.SPLIT, texts={"budget": "time", "amount": "2h", "rate": "1G", "devices": "4"})
    found = answered(split, SUBJECT, NOTHING).forecast
    assert found is not None and found.seconds == pytest.approx(7200)


def test_run_a_may_be_any_that_was_measured() -> None:
    texts = {"n": "1M", "d": "20M", "start": "120k,1.2M,2.07"}
    mine = answered(Question(ask=question.RATIO, texts=texts), SUBJECT, NOTHING).forecast
    theirs = prediction.from_run(SUBJECT.assessment, 1e6, 2e7, (120e3, 1.2e6, 2.07))
    assert mine is not None and mine.prediction == theirs.prediction
    named = answered(Question(ask=question.RATIO, texts={**texts, "start": "80x1-D1.2M-s0"}), SUBJECT, NOTHING).forecast
    assert named is not None and named.start is not None and named.start[2] == pytest.approx(2.0655, abs=1e-4)


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        (Question(texts={"n": "-3"}), "n"),
        (Question(ask=question.SPLIT, texts={"budget": "time"}), "rate"),
        (Question(ask=question.SPLIT, texts={"amount": "soon"}), "amount"),
        (Question(ask=question.SPLIT, texts={"budget": "money", "rate": "1G"}), "price"),
        (Question(ask=question.SPLIT, texts={"budget": "money", "rate": "1G", "price": "9e99"}), "price"),
        (
            Question(ask=question.SPLIT, texts={"budget": "money", "rate": "1G", "price": "2", "amount": "9e99"}),
            "amount",
        ),
        (
            Question(ask=question.SPLIT, texts={"budget": "time", "amount": "1h", "rate": "1G", "devices": "2.5"}),
            "devices",
        ),
        (Question(ask=question.LOSS, texts={"loss": "0.01"}), "loss"),
        (Question(ask=question.SIZE, texts={"compute": "x"}), "compute"),
        (Question(ask=question.RATIO, texts={"start": "120k,1.2M"}), "start"),
        (Question(ask=question.RATIO, texts={"start": "120k,x,2.07"}), "start"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(asked: Question, key: str) -> None:
    found = answered(asked, SUBJECT, NOTHING)
    assert found.forecast is None and list(found.problems) == [key]


@pytest.mark.parametrize("ask", [question.RUN, question.SPLIT])
def test_measured_speed_is_told_as_measured_though_its_field_shows_three_digits(ask: str) -> None:
    known = Known(flops_per_second=14.123456789e9)
    for texts, told in (
        ({}, "on one slot at 14.1 GFLOP/s as measured in the lab"),
        ({"rate": "2G"}, "on one device at 2"),
    ):
        found = answered(Question(ask=ask, texts=texts), SUBJECT, known).forecast
        assert found is not None
        if ask == question.SPLIT or not texts:
            assert told in "\n".join(answers.lines(found, SUBJECT))


def test_what_to_beware_of_stands_before_the_list_law_by_law() -> None:
    found = answered(Question(texts={"n": "1e30", "d": "1e30"}), SUBJECT, Known(flops_per_second=1e9)).forecast
    assert found is not None
    said = answers.lines(found, SUBJECT)
    warned = [place for place, line in enumerate(said) if line.startswith("warning: C is ")]
    assert warned and warned[0] < next(place for place, line in enumerate(said) if line.startswith("law by law"))
    assert warned[0] > next(place for place, line in enumerate(said) if line.startswith("loss"))
    assert "takes over 10,000 years on one slot" in "\n".join(said)


def test_speed_and_bytes_come_from_the_lab_and_accuracy_from_a_link() -> None:
    known = known_of(SEEN)
    assert known.bytes_per_token == pytest.approx(650 / 270) and known.flops_per_second is None
    losses = [2.0, 2.2, 2.5, 2.8, 3.0, 3.3, 3.6, 4.0]
    link = fit_link(losses, [0.6 - 0.1 * loss for loss in losses])
    found = answered(Question(), SUBJECT, Known(link=link)).forecast
    assert found is not None and "accuracy" in {each.name for each in found.measures()}
    assert replace(known, link=link).link is link


def test_the_link_is_fitted_by_the_command_line(tmp_path: Path) -> None:
    lab = CurvedLab(tmp_path / "lab")
    for number, spec in enumerate(lab.points):
        lab.finish(spec.run)
        if number == len(lab.points) - 1:
            lab.refit(spec.run)
    lab.close()
    watch = Watch(tmp_path / "lab")
    subject = subject_of(watch.poll() or watch.snapshot)
    assert subject is not None
    link, no_link = link_of(tmp_path / "lab", subject)
    assert link is None and "accuracy does not fall" in no_link  # all simulated runs have one accuracy
    assert link_of(tmp_path / "lab", subject, lambda: True) == (None, UNKNOWN)
    assert link_of(tmp_path / "nowhere", subject) == (None, "")
