from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from scalelab.errors import ScalelabError
from scalelab.records import RunState
from scalelab.training import checkpoint
from scalelab.training.checkpoint import MANIFEST, STATE, Damaged, Manifest
from tests.training.making import make_spec, make_tokens, run


def _tensors(value: float = 1.0) -> dict[str, torch.Tensor]:
    return {"weights/a": torch.full((40, 30), value), "weights/b": torch.arange(7.0)}


def _save(run_dir: Path, step: int, *, for_branch: bool = False) -> Path:
    manifest = Manifest(
        run="r", step=step, sha256="", for_branch=for_branch, seed=0, micro_sequences=8, device="cpu", threads=1,
        dtype="float32",
    )  # fmt: skip
    return checkpoint.save(run_dir, _tensors(float(step)), manifest)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    folder = _save(tmp_path, 12)
    tensors, manifest = checkpoint.load_checkpoint(folder)
    assert (manifest.step, manifest.run, len(manifest.sha256)) == (12, "r", 64)
    assert folder == checkpoint.folder_of(tmp_path, 12)
    for name, expected in _tensors(12.0).items():
        assert torch.equal(tensors[name], expected)


@pytest.mark.parametrize("file", [STATE, MANIFEST])
def test_no_flipped_bit_is_loaded_silently(tmp_path: Path, file: str) -> None:
    path = _save(tmp_path, 12) / file
    sound, chance = path.read_bytes(), random.Random(3)
    silent = []
    for place in [0, 1, 7, 8, len(sound) - 1, *(chance.randrange(len(sound)) for _ in range(95))]:
        torn = bytearray(sound)
        torn[place] ^= 1 << chance.randrange(8)
        path.write_bytes(torn)
        try:
            checkpoint.load_checkpoint(path.parent)
        except Damaged:
            continue
        silent.append(place)
    assert silent == []


@pytest.mark.parametrize("left", [0, 5, 100, 4_000])
def test_a_torn_file_is_refused(tmp_path: Path, left: int) -> None:
    path = _save(tmp_path, 12) / STATE
    os.truncate(path, left)
    with pytest.raises(Damaged):
        checkpoint.load_checkpoint(path.parent)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    folder = _save(tmp_path, 12)
    torch.save(_tensors(), folder / STATE)
    with pytest.raises(Damaged, match="SHA-256"):
        checkpoint.load_checkpoint(folder)


def _sign(folder: Path) -> None:
    """Let the manifest vouch for whatever lies there now."""
    values = json.loads((folder / MANIFEST).read_text())
    vouched = replace(Manifest(**values), sha256=checkpoint.sha256_of(folder / STATE))
    (folder / MANIFEST).write_text(json.dumps(asdict(replace(vouched, own_sha256=vouched.digest()))))


@pytest.mark.parametrize("header", [2**63, 2**40, 100_000_001, 0])
def test_a_header_that_claims_to_be_huge_is_refused_and_not_made_room_for(tmp_path: Path, header: int) -> None:
    folder = _save(tmp_path, 12)
    content = (folder / STATE).read_bytes()
    (folder / STATE).write_bytes(header.to_bytes(8, "little") + content[8:])
    _sign(folder)
    with pytest.raises(Damaged, match="cannot be read"):
        checkpoint.load_checkpoint(folder)


def test_tensors_of_other_shapes_are_refused_in_words(tmp_path: Path) -> None:
    tokens, spec = make_tokens(tmp_path), make_spec()
    run(spec, tokens, tmp_path / "run", stop_after=20)
    folder = checkpoint.latest(tmp_path / "run")
    assert folder is not None
    tensors, _ = checkpoint.load_checkpoint(folder)
    save_file({name: torch.zeros(tensor.numel() + 1) for name, tensor in tensors.items()}, folder / STATE)
    _sign(folder)
    again, _ = run(spec, tokens, tmp_path / "run", resume_from=folder)
    assert again.state is RunState.FAILED and f"does not fit {spec.run}" in again.reason


def test_the_newest_sound_one_is_the_latest_and_those_passed_over_are_named(tmp_path: Path) -> None:
    for step in (1, 2):
        _save(tmp_path, step)
    _save(tmp_path, 3, for_branch=True)
    (checkpoint.folder_of(tmp_path, 3) / MANIFEST).write_text("{")
    os.truncate(checkpoint.folder_of(tmp_path, 2) / STATE, 10)
    said: list[str] = []
    assert checkpoint.latest(tmp_path, say=said.append) == checkpoint.folder_of(tmp_path, 1)
    assert len(said) == 2 and "0000000003" in said[0] and "0000000002" in said[1]


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path) is None
    shutil.rmtree(_save(tmp_path, 1))
    assert checkpoint.latest(tmp_path) is None


def test_the_two_newest_stay_and_all_that_a_branch_needs(tmp_path: Path) -> None:
    for step in range(1, 7):
        _save(tmp_path, step, for_branch=step in (2, 4))
    kept = sorted(int(folder.name) for folder in (tmp_path / "checkpoint").iterdir())
    assert kept == [2, 4, 5, 6]
    checkpoint.discard_timed(tmp_path)
    assert sorted(int(folder.name) for folder in (tmp_path / "checkpoint").iterdir()) == [2, 4]


def test_a_step_passed_again_is_kept_although_later_ones_are_there(tmp_path: Path) -> None:
    for step in (8, 9):
        _save(tmp_path, step)
    assert checkpoint.latest(tmp_path, before=8) is None
    assert checkpoint.load_checkpoint(_save(tmp_path, 3))[1].step == 3
    assert checkpoint.latest(tmp_path, before=8) == checkpoint.folder_of(tmp_path, 3)


@pytest.mark.parametrize("fails", ["save_file", "os.fsync", "os.rename"])
def test_a_disk_that_fails_leaves_the_one_before_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    before = _save(tmp_path, 1)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"scalelab.training.checkpoint.{fails}", full)
    with pytest.raises(ScalelabError, match=r"was not saved.*No space left"):
        _save(tmp_path, 2)
    monkeypatch.undo()
    assert checkpoint.latest(tmp_path) == before
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["0000000001"]


def test_a_disk_that_gives_back_other_bytes_is_noticed_before_the_one_before_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    for step in (1, 2):
        _save(tmp_path, step)

    def lying(tensors: dict[str, torch.Tensor], path: Path) -> None:
        save_file({name: tensor + 1 for name, tensor in tensors.items()}, path)

    monkeypatch.setattr("scalelab.training.checkpoint.save_file", lying)
    with pytest.raises(ScalelabError, match="reads back with other bytes"):
        _save(tmp_path, 3)
    assert sorted(folder.name for folder in (tmp_path / "checkpoint").iterdir()) == ["0000000001", "0000000002"]
