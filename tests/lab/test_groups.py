"""Several texts in one lab: each trained by itself, fitted by itself, and found again by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A trained lab of two groups, the second on a mixture of two texts; for reading."""
    tmp_path = tmp_path_factory.mktemp("groups")
    for number, name in enumerate(("one.txt", "two.txt", "three.txt")):
        mini.write_text(tmp_path / name, seed=number, lines=1100)
    groups = [GROUPS[0], {**GROUPS[1], "source": {str(tmp_path / "two.txt"): 0.7, str(tmp_path / "three.txt"): 0.3}}]
    corpus = {"source": str(tmp_path / "one.txt"), "tokenizer": "bytes", "held_out": 0.4}
    asked = mini.preset(tmp_path / "one.txt", corpus=corpus, groups=groups, budgets={"tokens": [4000, 8000]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALELAB_CACHE", str(tmp_path / "cache"))
        assert control.start(asked, tmp_path / "lab").done == 12
        yield tmp_path / "lab"


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


def test_each_part_of_a_mixture_is_measured_by_itself(lab: Path) -> None:
    two, three = (str(lab.parent / name) for name in ("two.txt", "three.txt"))
    with Reader(lab / "lab.db") as reader:
        mixed = run_table(reader, group="other")
        own = {part: run_table(reader, group="other", part=part) for part in (two, three)}
        measured = {(each.run, each.part): each for each in reader.parts()}
        plain = run_table(reader, part=two)
    assert set(measured) == {(run, part) for run in mixed.run_id for part in (two, three)}
    assert own[two].run_id == own[three].run_id == mixed.run_id
    assert not (own[two].loss == own[three].loss).any()
    np.testing.assert_allclose(own[two].loss, [measured[run, two].loss for run in mixed.run_id])
    # Held out in the mixture's shares, sequences of either: their mean loss is nearly that of the mixture's own text.
    np.testing.assert_allclose(0.7 * own[two].loss + 0.3 * own[three].loss, mixed.loss, rtol=0.05)
    assert all(0 < each.evaluated_tokens <= 1024 and each.bits_per_byte > 0 for each in measured.values())
    assert not len(plain) and "not measured on" in plain.excluded[0].reason, "the first group is no mixture"


def test_a_group_is_asked_for_by_name(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(lab), "--format", "json"]) == 0
    capsys.readouterr()
    for name in ("first", "other"):
        assert main(["fit", str(lab), "--law", "power", "--where", f"group={name}", "--json"]) in {0, 2}
        assert f"{name}.8x1" in (out := capsys.readouterr()).out or "power needs" in out.err
    assert main(["fit", str(lab), "--where", "group=third"]) == 2
    assert "first, other" in capsys.readouterr().err


def test_a_text_of_a_group_that_changed_is_refused(lab: Path) -> None:
    text = lab.parent / "two.txt"
    before = text.read_text()
    mini.write_text(text, seed=7, lines=1100)
    with pytest.raises(BadInput, match=r"two\.txt.* has changed"):
        control.start(None, lab)
    text.write_text(before)


def test_all_groups_of_a_lab_are_extended_alike(lab: Path, tmp_path: Path) -> None:
    shutil.copytree(lab, tmp_path / "lab", symlinks=True)
    told = control.extend(tmp_path / "lab", budgets=["64k"])
    added = {f"{rung}-D64k-s0" for rung in ("8x1", "16x1")}
    assert {*told.runs} == {f"{group}.{run}" for group in ("first", "other") for run in added}
    assert {*told.trunks} == {f"{group}.{rung}-trunk-s0" for group in ("first", "other") for rung in ("8x1", "16x1")}
    assert [note.split(" reads the text of ")[1][:5] for note in told.notes] == ["first", "other"], "64k of 42k bytes"
    grown = plan.make_plan(control.stored_preset(tmp_path / "lab"), mini.DEVICE)
    with Reader(tmp_path / "lab" / "lab.db") as reader:
        rows = {row.run: row for row in reader.runs()}
    assert {run for run in rows} == {spec.run for spec in grown.runs}
    assert {(row.spec.parent, row.spec.group) for run, row in rows.items() if run in told.runs} == {
        (f"{group}.{rung}-trunk-s0", group) for group in ("first", "other") for rung in ("8x1", "16x1")
    }
    assert control.start(None, tmp_path / "lab").done == 16
    with Reader(tmp_path / "lab" / "lab.db") as reader:
        assert len(run_table(reader)) == len(run_table(reader, group="other")) == 6


def test_groups_are_whole_grids_with_names_of_their_own(tmp_path: Path) -> None:
    alone = plan.make_plan(mini.preset(tmp_path / "x"), mini.DEVICE)
    both = plan.make_plan(mini.preset(tmp_path / "x", groups=GROUPS), mini.DEVICE)
    assert len(both.runs) == 2 * len(alone.runs)
    assert {spec.run for spec in both.runs} == {f"{each['name']}.{spec.run}" for each in GROUPS for spec in alone.runs}
    parents = {spec.parent for spec in both.runs if spec.parent}
    assert parents <= {spec.run for spec in both.runs}
    assert both.flops == pytest.approx(2 * alone.flops)
