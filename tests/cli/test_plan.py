"""`plan`, `presets`, `devices`: what would be trained, and on what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, document
from tests.simulated import SMALL

Run = Callable[..., Ran]


def test_plan_shows_every_point_with_its_cost(scalelab: Run, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    ran = scalelab("plan", "--preset", str(tmp_path / "small.toml"))
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines() if line.startswith(("12x1", "24x1", "48x1"))]
    assert len([row for row in rows if row[-1] == "yes"]) == 9
    assert "rung" in ran.out and "memory" in ran.out and "time" in ran.out


def test_plan_says_what_each_group_trains_on_and_how_often_it_is_read(scalelab: Run) -> None:
    ran = scalelab("plan", "--preset", "augment", "--set", 'groups=[{name="a", unique_tokens="100k"}, {name="b", '
                   'source="python", augment=["case-noise=0.1"], copies=4}]')  # fmt: skip
    assert ran.code == 0, ran.err
    rows = [line.split(maxsplit=4) for line in ran.out.splitlines()]
    assert ["a", "100k", "1", "12×", "sotu"] in rows
    assert ["b", "all", "4", "python,", "case-noise=0.1"] in rows


def test_plan_document_has_the_same_points(scalelab: Run) -> None:
    told = document(scalelab("plan", "--preset", "smoke", "--json", "--slots", "1", "--seed", "3", "--seed", "4"))
    assert told["schema"] == "scalelab.plan/1"
    assert len(told["cells"]) == 2 * len(document(scalelab("plan", "--preset", "smoke", "--json"))["cells"])
    assert told["device"]["slots"] == 1
    assert {cell["seed"] for cell in told["cells"]} == {3, 4}
    assert told["preset"]["seeds"] == [3, 4]


def test_plan_warns_of_a_grid_that_cannot_tell_n_from_d(scalelab: Run) -> None:
    ran = scalelab("plan", "--preset", "smoke", "--set", "budgets.tokens_per_param=[20]")
    assert ran.code == 0
    assert "warning:" in ran.out
    assert "not identifiable" in ran.out.replace("\n  ", " ")


@pytest.mark.parametrize(("arguments", "words"), [
    (["--preset", "smok"], "did you mean smoke?"),
    (["--set", "ladder.rungs"], "key=value"),
    (["--set", "ladder.rung=5"], "ladder.rung"),
    (["--device", "tpu"], "tpu"),
    (["--device", "cuda:99"], "cuda:99"),
    (["--slots", "0"], "hardware.slots"),
    (["--slots", "x"], "not a valid integer"),
    (["--seed", "-1"], "seeds"),
    (["--preset", ""], "preset ''"),
    (["--preset", "/nowhere/x.toml"], "cannot be read"),
    (["--preset", "\x1b[2J"], "there is no preset"),
])  # fmt: skip
def test_plan_refuses_in_one_line(scalelab: Run, arguments: list[str], words: str) -> None:
    ran = scalelab("plan", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert "\x1b" not in ran.err


def test_presets_are_listed_shown_and_checked(scalelab: Run, tmp_path: Path) -> None:
    listed = scalelab("presets").out
    assert {line.split()[0] for line in listed.splitlines()} >= {"tiny", "smoke", "laptop", "gpu"}
    assert {each["name"] for each in document(scalelab("presets", "list", "--json"))["presets"]} >= {"tiny", "gpu"}
    mine = tmp_path / "mine.toml"
    mine.write_text(scalelab("presets", "show", "smoke").out)
    assert scalelab("presets", "check", str(mine)).out.startswith(f"{mine} is good: ")
    changed = scalelab("presets", "show", "smoke", "--set", "ladder.shapes=[16x1,32x1]").out
    assert '"16x1"' in changed
    assert document(scalelab("presets", "show", "smoke", "--json"))["preset"]["name"] == "smoke"


def test_devices_end_with_the_cpu(scalelab: Run) -> None:
    assert scalelab("devices").out.splitlines()[-1].startswith("cpu")
    assert document(scalelab("devices", "--json"))["devices"][-1]["name"] == "cpu"
