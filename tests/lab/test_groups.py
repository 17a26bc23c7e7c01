"""Several texts in one lab: each trained by itself, fitted by itself, and found again by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scalelab import plan
from scalelab.cli.main import main
from scalelab.errors import BadInput
from scalelab.lab import control, resume
from scalelab.lab.paths import lab_paths
from scalelab.lab.table import run_table
from scalelab.store.reader import Reader
from tests.lab import mini

GROUPS = [{"name": "first"}, {"name": "other"}]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained lab of two groups."""
    monkeypatch.setenv("SCALELAB_CACHE", str(tmp_path / "cache"))
    for number, name in enumerate(("one.txt", "two.txt")):
        mini.write_text(tmp_path / name, seed=number)
    groups = [GROUPS[0], {**GROUPS[1], "source": str(tmp_path / "two.txt")}]
    asked = mini.preset(tmp_path / "one.txt", groups=groups, budgets={"tokens": [4000, 8000]})
    assert control.start(asked, tmp_path / "lab").done == 12
    return tmp_path / "lab"


def test_each_group_is_trained_on_its_text_and_fitted_alone(lab: Path) -> None:
    with Reader(lab / "lab.db") as reader:
        assert reader.groups() == ("first", "other")
        tables = {name: run_table(reader, group=name) for name in reader.groups()}
        fits = {name: reader.fits(name) for name in reader.groups()}
        assert reader.latest_fit() == fits["first"][-1]
    assert {name: len(table) for name, table in tables.items()} == {"first": 4, "other": 4}
    np.testing.assert_array_equal(tables["first"].n_params, tables["other"].n_params)
    assert not (tables["first"].loss == tables["other"].loss).any()
    assert all(run.startswith("other.") for run in tables["other"].run_id)
    assert all(json.loads(rows[-1].json)["n_runs"] == 4 for rows in fits.values())
    kept = resume.load(lab_paths(lab))
    assert kept.tokens_of("other").key != kept.tokens_of("first").key == kept.tokens.key


def test_a_group_is_asked_for_by_name(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(lab), "--format", "json"]) == 0
    capsys.readouterr()
    for name in ("first", "other"):
        assert main(["fit", str(lab), "--law", "power", "--where", f"group={name}", "--json"]) in {0, 2}
        assert f"{name}.8x1" in (out := capsys.readouterr()).out or "power needs" in out.err
    assert main(["fit", str(lab), "--where", "group=third"]) == 2
    assert "first, other" in capsys.readouterr().err


def test_a_text_of_a_group_that_changed_is_refused(lab: Path) -> None:
    mini.write_text(lab.parent / "two.txt", seed=7)
    with pytest.raises(BadInput, match=r"two\.txt.* has changed"):
        control.start(None, lab)


def test_a_lab_of_groups_is_not_extended(lab: Path) -> None:
    with pytest.raises(BadInput, match="several groups"):
        control.extend(lab, budgets=["16000"])


def test_groups_are_whole_grids_with_names_of_their_own(tmp_path: Path) -> None:
    alone = plan.make_plan(mini.preset(tmp_path / "x"), mini.DEVICE)
    both = plan.make_plan(mini.preset(tmp_path / "x", groups=GROUPS), mini.DEVICE)
    assert len(both.runs) == 2 * len(alone.runs)
    assert {spec.run for spec in both.runs} == {f"{each['name']}.{spec.run}" for each in GROUPS for spec in alone.runs}
    parents = {spec.parent for spec in both.runs if spec.parent}
    assert parents <= {spec.run for spec in both.runs}
    assert both.flops == pytest.approx(2 * alone.flops)
