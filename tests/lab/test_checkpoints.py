"""What of a lab's checkpoints stays on disk, without training anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scalelab.lab import checkpoints
from scalelab.lab.paths import LabPaths
from scalelab.lab.schedule import Standing
from scalelab.records import RunState
from tests.lab.samples import family, manifest_of

TRUNK = "16x1-trunk-s0"


def _runs(trunk: RunState, *branches: RunState) -> dict[str, Standing]:
    specs = family(steps=(10, 20))
    return {
        spec.run: Standing(spec=spec, state=state, expected_seconds=1.0, step=0)
        for spec, state in zip(specs, (trunk, *branches), strict=True)
    }


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    """The trunk has both branch points and a timed checkpoint; the first branch a timed one."""
    paths = LabPaths(tmp_path)
    for run, steps in ((TRUNK, (10, 15, 20)), ("16x1-D10-s0", (12,))):
        for step in steps:
            folder = checkpoints.folder(paths, run, step)
            folder.mkdir(parents=True)
            (folder / "state.safetensors").write_bytes(b"weights")
            (folder / "manifest.json").write_text(manifest_of(b"weights"))
    return paths


def _left(paths: LabPaths) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for folder in sorted(paths.runs.glob("*/checkpoint/*")):
        found.setdefault(folder.parent.parent.name, []).append(int(folder.name))
    return found


P, R, D, F, S, X = (
    RunState.PLANNED, RunState.RUNNING, RunState.DONE, RunState.FAILED, RunState.STOPPED, RunState.DIVERGED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("states", "trunk", "branch"),
    [
        ((R, P, P), [10, 15, 20], [12]),
        ((R, R, P), [10, 15, 20], [12]),
        ((R, D, P), [15, 20], []),
        ((R, D, D), [15, 20], []),  # the newest is where the trunk itself would go on from
        ((D, D, D), [20], []),  # from there the trunk goes on if the lab is extended
        ((D, D, X), [20], []),
        ((D, D, R), [15, 20], []),
        ((D, F, D), [10, 15, 20], [12]),
        ((D, S, D), [10, 15, 20], [12]),
        ((F, D, D), [15, 20], []),
        ((X, R, F), [10, 15, 20], [12]),
    ],
)
def test_nothing_is_removed_that_a_run_or_a_branch_may_go_on_from(
    paths: LabPaths, states: tuple[RunState, RunState, RunState], trunk: list[int], branch: list[int]
) -> None:
    runs = _runs(*states)
    before = _left(paths)
    removed = checkpoints.prune(paths, runs)
    left = _left(paths)
    assert (left.get(TRUNK, []), left.get("16x1-D10-s0", [])) == (trunk, branch)
    assert {run: sorted([*left.get(run, []), *removed.get(run, [])]) for run in before} == before
    assert checkpoints.prune(paths, runs) == {}


def test_branch_points_are_known_from_the_disk_once_they_are_whole(paths: LabPaths) -> None:
    runs = _runs(R, P, P)
    assert checkpoints.on_disk(paths, runs) == {(TRUNK, 10), (TRUNK, 20)}
    (checkpoints.folder(paths, TRUNK, 20) / "manifest.json").unlink()
    assert checkpoints.on_disk(paths, runs) == {(TRUNK, 10)}
    alone = {name: replace(run, spec=replace(run.spec, parent=None)) for name, run in runs.items()}
    assert checkpoints.on_disk(paths, alone) == set()


@pytest.mark.parametrize("damage", ["a flipped bit", "no state", "no manifest", "a manifest of nonsense", "no hash"])
def test_a_damaged_checkpoint_is_removed_and_a_sound_one_is_not(paths: LabPaths, damage: str) -> None:
    folder = checkpoints.folder(paths, TRUNK, 10)
    assert not checkpoints.remove_damaged(paths, TRUNK, 10) and folder.is_dir()
    match damage:
        case "a flipped bit":
            (folder / "state.safetensors").write_bytes(b"weighty")
        case "no state":
            (folder / "state.safetensors").unlink()
        case "no manifest":
            (folder / "manifest.json").unlink()
        case "a manifest of nonsense":
            (folder / "manifest.json").write_bytes(b"\xff{")
        case _:
            (folder / "manifest.json").write_text("{}")
    assert checkpoints.remove_damaged(paths, TRUNK, 10)
    assert not folder.exists() and _left(paths)[TRUNK] == [15, 20]
    assert checkpoints.remove_damaged(paths, TRUNK, 10), "what is gone is as good as damaged"


@pytest.mark.parametrize("name", ["state.safetensors", "manifest.json"])
def test_a_flipped_bit_anywhere_in_a_checkpoint_makes_it_go_and_a_sound_one_stays(paths: LabPaths, name: str) -> None:
    """A worker refuses a torn manifest too: left where it is it would be refused in every session to come."""
    assert not checkpoints.remove_damaged(paths, TRUNK, 10)
    file = checkpoints.folder(paths, TRUNK, 10) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 2
    file.write_bytes(bytes(content))
    assert checkpoints.remove_damaged(paths, TRUNK, 10)
    assert _left(paths)[TRUNK] == [15, 20]
