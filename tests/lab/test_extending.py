"""A lab that was extended ends as one that was planned so from the start, bit for bit, and trains nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scalelab.errors import BadInput, ScalelabError
from scalelab.lab import control, lock
from scalelab.lab.hooks import Hooks
from scalelab.lab.lock import Owned
from scalelab.lab.paths import LabPaths
from scalelab.records import RunKind, RunState
from scalelab.store.reader import Reader
from tests.lab import mini

SMALL: dict[str, Any] = {"ladder": {"shapes": ["8x1"]}, "budgets": {"tokens": [8_000, 16_000]}}
LARGE: dict[str, Any] = {"ladder": {"shapes": ["8x1"]}, "budgets": {"tokens": [8_000, 16_000, 32_000]}, "seeds": [0, 1]}


@pytest.fixture(scope="module")
def small(text: Path, tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """Trained to its end; to be copied before it is changed."""
    paths = mini.make(tmp_path_factory.mktemp("small") / "lab", text, **SMALL)
    assert control.start(None, paths.root).done == 3
    return paths


def _copy(small: LabPaths, folder: Path) -> LabPaths:
    import shutil

    shutil.copytree(small.root, folder, symlinks=True)
    return LabPaths(folder)


def _finals(paths: LabPaths) -> dict[str, float]:
    with Reader(paths.store) as reader:
        return {final.run: final.loss for final in reader.finals()}


def test_every_loss_and_weight_is_that_of_a_lab_planned_so_from_the_start(
    small: LabPaths, text: Path, tmp_path: Path
) -> None:
    whole = mini.make(tmp_path / "whole", text, **LARGE)
    assert control.start(None, whole.root).left == 0
    paths = _copy(small, tmp_path / "lab")
    told = control.extend(paths.root, budgets=["32k"], seeds=2)
    assert (told.runs[0], told.trunks, told.notes) == ("8x1-D32k-s0", ("8x1-trunk-s0",), ())
    assert control.status(paths.root).states == {"done": 2, "planned": 6}
    # The trunk ended at 0.8 of 16k and now ends at 0.8 of 32k; the branch trains a fifth of 32k; seed 1 all of its own.
    with Reader(paths.store) as reader:
        trunk = next(row.spec for row in reader.runs() if row.spec.kind is RunKind.TRUNK)
    tokens = 0.8 * 16_000 + 0.2 * 32_000 + 0.8 * 32_000 + 0.2 * (8_000 + 16_000 + 32_000)
    assert told.flops == pytest.approx(tokens * trunk.flops_per_token, rel=0.01)
    watch = mini.Watch()
    assert control.start(None, paths.root, hooks=Hooks(on_event=watch.event)).left == 0
    assert not {"8x1-D8k-s0", "8x1-D16k-s0"} & {*watch.runs}, "what was done is not trained again"
    log = (paths.run_dir(trunk.run) / "log.txt").read_text()
    assert f"attempt 2 on cpu: from step {trunk.n_steps // 2} to {trunk.n_steps}" in log
    assert mini.results(paths)["finals"] == mini.results(whole)["finals"]
    assert mini.results(paths)["weights"] == mini.results(whole)["weights"] != {}
    preset = control.stored_preset(paths.root)
    assert (preset.budgets.tokens, preset.seeds) == ([8_000, 16_000, 32_000], [0, 1])
    assert "32000" in paths.preset.read_text()


def test_what_is_added_is_predicted_before_any_of_it_ends(text: Path, tmp_path: Path) -> None:
    """The last one to be trained is the largest: predicted by the law of the runs before it, or never checked."""
    shapes = {"ladder": {"shapes": ["8x1", "16x1", "24x1"]}}
    paths = mini.make(tmp_path / "lab", text, **SMALL | shapes)
    assert control.start(None, paths.root).left == 0
    told = control.extend(paths.root, budgets=["64k"])
    assert control.start(None, paths.root).left == 0
    with Reader(paths.store) as reader:
        ended = {each.run: each.time for each in reader.states() if each.state is RunState.DONE}
        fits = {fit.id: fit.after_run for fit in reader.fits()}
        first = min(ended[run] for run in told.runs)
        for run in told.runs:
            early = reader.predictions(run)[0]
            assert early.time < first and fits[early.fit] not in told.runs and early.observed is not None


def test_a_budget_between_two_has_its_trunk_trained_again_to_the_same_losses(
    small: LabPaths, text: Path, tmp_path: Path
) -> None:
    whole = mini.make(tmp_path / "whole", text, **SMALL | {"budgets": {"tokens": [8_000, 12_000, 16_000]}})
    assert control.start(None, whole.root).left == 0
    paths = _copy(small, tmp_path / "lab")
    told = control.extend(paths.root, budgets=["12k"])
    assert any("trains again from step 0" in note for note in told.notes)
    assert control.start(None, paths.root).left == 0
    assert _finals(paths) == _finals(whole) and len(_finals(whole)) == 3


def test_the_grown_plan_has_the_runs_of_one_made_so_from_the_start(small: LabPaths, text: Path, tmp_path: Path) -> None:
    paths = _copy(small, tmp_path / "lab")
    told = control.extend(paths.root, shapes=["16x1"], seeds=2)
    planned = mini.planned(text, **SMALL | {"ladder": {"shapes": ["8x1", "16x1"]}, "seeds": [0, 1]})
    with Reader(paths.store) as reader:
        rows = reader.runs()
    assert {row.spec for row in rows} == {*planned.runs}
    assert [row.position for row in rows] == list(range(12)) and len(told.runs) == 9
    assert told.seconds > 0 and told.trunks == ()


def test_a_batch_that_the_larger_grid_would_not_have_is_kept_and_said(text: Path, tmp_path: Path) -> None:
    changes = SMALL | {"batch": {}, "budgets": {"tokens": [16_000, 32_000]}}
    paths = mini.make(tmp_path / "lab", text, **changes)
    with Reader(paths.store) as reader:
        before = {row.spec.batch_sequences for row in reader.runs()}
    told = control.extend(paths.root, budgets=["6k"])
    assert any("keeps a batch of" in note and "planned so from the start" in note for note in told.notes)
    with Reader(paths.store) as reader:
        assert {row.spec.batch_sequences for row in reader.runs()} == before
    assert {control.stored_preset(paths.root).batch.sequences} == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "nothing to extend"),
        ({"budgets": ["16k"]}, "budget 16k is in the lab"),
        ({"budgets": ["nan"]}, "budget in tokens"),
        ({"budgets": ["7"]}, "under one batch"),
        ({"budgets": ["16001"]}, "come out as"),
        ({"shapes": ["8x1"]}, "rung 8x1 is in the lab"),
        ({"shapes": ["x"]}, "d_model x n_layer"),
        ({"seeds": 1}, "more than the 1"),
        ({"seeds": 0}, "more than the 1"),
        ({"seeds": 1000}, "seeds"),
    ],
)
def test_what_cannot_be_added_is_refused_and_the_lab_stays_as_it_was(
    small: LabPaths, changes: dict[str, Any], words: str
) -> None:
    before = small.store.read_bytes()
    with pytest.raises(BadInput, match=words):
        control.extend(small.root, **changes)
    assert small.store.read_bytes() == before
    assert lock.holder(small.lock) is None


def test_a_lab_that_is_trained_is_not_extended(small: LabPaths) -> None:
    with lock.acquire(small.lock), pytest.raises(Owned) as refused:
        control.extend(small.root, budgets=["64k"])
    assert "scalelab stop" in refused.value.line()


def test_what_a_full_disk_does_not_take_leaves_the_plan_as_it_was(
    small: LabPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    paths = _copy(small, tmp_path / "lab")
    foreign = sqlite3.connect(paths.store, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(ScalelabError):
        control.extend(paths.root, budgets=["64k"])
    foreign.execute("ROLLBACK")
    foreign.close()
    with Reader(paths.store) as reader:
        assert {row.state for row in reader.runs()} == {RunState.DONE} and len(reader.runs()) == 3
