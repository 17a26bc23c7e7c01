"""Ways to say ladder and budgets: gone through and come back from, typed anew, taken back a rung at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalelab import preset_files
from scalelab.tui.views.desk import Desk
from scalelab.tui.views.draft import BUDGETS, LADDERS, SHAPES, SPAN, TARGETS
from tests.tui.views.test_desk import desk, field, keys, put


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def typed(made: Desk, key: str, text: str) -> None:
    """While more may come."""
    made.take(key, text, done=False)
    made.plan()


def walk(made: Desk, key: str, kinds: tuple[str, ...]) -> None:
    """All the way round, from the way in which it is said now."""
    at = kinds.index(field(made, key).value)
    for kind in (*kinds[at + 1 :], *kinds[: at + 1]):
        put(made, key, kind)
        assert field(made, key).value == kind


@pytest.mark.parametrize("base", list(preset_files.shipped()))
@pytest.mark.parametrize(("key", "kinds"), [("ladder", tuple(LADDERS)), ("budgets", tuple(BUDGETS))])
def test_a_full_round_ends_where_it_began(base: str, key: str, kinds: tuple[str, ...]) -> None:
    made = desk(base)
    put(made, "hardware.device", "cpu")
    before = made.now.sets
    for _ in range(2):
        walk(made, key, kinds)
        assert made.now.sets == before and not field(made, key).changed


def test_a_full_round_keeps_what_was_typed_and_an_edit_on_the_way_is_said_in_every_way() -> None:
    made = desk("laptop", ("budgets.tokens", "400k, 810k"), ("ladder.shapes[0]", "128x3"))
    before = made.now.sets
    walk(made, "budgets", tuple(BUDGETS))
    walk(made, "ladder", tuple(LADDERS))
    assert made.now.sets == before
    put(made, "budgets", "tokens per N")
    put(made, "budgets.tokens_per_param", "20")
    assert made.now.plan is not None
    middle = made.now.plan.rungs[len(made.now.plan.rungs) // 2]
    put(made, "budgets", "tokens")
    (tokens,) = made.now.preset.budgets.tokens or () if made.now.preset else ()
    assert tokens == pytest.approx(20 * middle.counts.n_params, rel=0.05)
    put(made, "budgets", "tokens per N")
    assert field(made, "budgets.tokens_per_param").value == "20"


def test_budgets_of_another_ladder_are_not_those_that_were_said_before() -> None:
    made = desk("tiny", ("budgets", "tokens per N"))
    put(made, "ladder.shapes[2]", "128x2")
    put(made, "budgets", "tokens")
    assert made.now.preset is not None
    assert min(made.now.preset.budgets.tokens or ()) > 1.5 * 150e3


@pytest.mark.parametrize("kind", list(BUDGETS))
def test_an_empty_budgets_field_stays_the_one_that_is_typed_into(kind: str) -> None:
    made = desk("smoke", ("budgets", kind))
    key = BUDGETS[kind]
    typed(made, key, "")
    assert field(made, "budgets").value == kind
    assert field(made, key).value == "" and "missing" in field(made, key).problem
    typed(made, key, "9")
    assert field(made, key).value == "9"
    typed(made, key, "")
    put(made, key, "")
    assert made.now.sets == () and made.now.problems == {}


@pytest.mark.parametrize(("kind", "text"), [(TARGETS, "30k"), (SHAPES, "32x1")])
def test_the_only_rung_may_be_typed_anew(kind: str, text: str) -> None:
    made, name = desk("tiny", ("ladder", kind)), LADDERS[kind][0]
    for _ in range(4):
        made.remove(f"{name}[0]")
    key = f"{name}[0]"
    before = field(made, key).value
    typed(made, key, "")
    assert field(made, "ladder").value == kind and "missing" in field(made, key).problem
    typed(made, key, text)
    assert f"{name}={text}" in made.now.sets, "and no rung of the preset comes between"
    typed(made, key, "")
    put(made, key, before)  # as escape does
    assert field(made, key).value == before and made.now.problems == {}
    typed(made, key, "")
    put(made, key, "")
    assert made.now.sets == ()


def test_a_span_may_be_emptied_field_by_field() -> None:
    made = desk("tiny", ("ladder", SPAN))
    for key in LADDERS[SPAN][:-1]:
        put(made, key, "")
    typed(made, LADDERS[SPAN][-1], "")
    assert set(LADDERS[SPAN]) <= set(keys(made))
    assert all("a span needs" in field(made, key).problem for key in LADDERS[SPAN])


def test_two_rungs_may_be_empty_at_once() -> None:
    made = desk("tiny", ("ladder", TARGETS))
    for _ in range(3):
        made.remove("ladder.params[0]")
    for place in (0, 1):
        typed(made, f"ladder.params[{place}]", "")
    assert "ladder.params[1]" in keys(made)


def test_a_rung_is_taken_back_alone_and_one_too_many_with_its_ladder() -> None:
    made = desk("tiny", ("ladder.shapes[1]", "32x1"), ("ladder.shapes[3]", "64x1"))
    made.revert("ladder.shapes[3]")
    assert [field(made, f"ladder.shapes[{place}]").value for place in (1, 3)] == ["32x1", "56x1"]
    made.revert("ladder.shapes[1]")
    assert made.now.sets == ()
    put(made, "ladder.shapes[1]", "32x1")
    made.revert(made.add("ladder.shapes[4]"))
    assert made.now.sets == ()
    put(made, "ladder", TARGETS)
    made.revert("ladder.params[1]")
    assert field(made, "ladder").value == SHAPES, "the preset says no targets"


def test_a_field_of_a_presets_own_span_is_taken_back_alone() -> None:
    preset = preset_files.load("tiny", ["ladder.from=20k", "ladder.to=200k", "ladder.rungs=4"])
    Path("span.toml").write_text(preset_files.dumps(preset))
    made = desk("span.toml", ("ladder.to", "100k"), ("ladder.rungs", "3"))
    made.revert("ladder.rungs")
    assert made.now.sets == ("ladder.to=100k",)


@pytest.mark.parametrize(("key", "what"), [("ladder", "sizes"), ("budgets", "budgets")])
def test_why_nothing_is_said_another_way_while_there_is_no_plan(key: str, what: str) -> None:
    made = desk("tiny", ("ladder.shapes[1]", "24y1"))
    made.take(key, {"ladder": TARGETS, "budgets": "FLOPs"}[key], done=True)
    assert made.said.startswith(f"cannot say the {what} as") and "24y1" in made.said
    put(made, "ladder.shapes[1]", "24x1")
    assert made.said == ""
