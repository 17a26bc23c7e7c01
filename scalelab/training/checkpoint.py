"""Checkpoints that are either whole or not there: safetensors and a manifest with a SHA-256. No pickle, ever.

A folder is written under another name, read back and compared, synced, and only then renamed; the one before it stays
until then. A checkpoint whose bytes changed since is refused by its hash and the one before it serves.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor

from scalelab.errors import ScalelabError
from scalelab.training.disk import failed, need_room, sha256_of, sync

FORMAT = 1
STATE, MANIFEST = "state.safetensors", "manifest.json"
KEPT = 2
"""Timed checkpoints that stay: the newest, and the one before it in case the newest is damaged later."""


class Damaged(ScalelabError):
    """A checkpoint that is not what was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a checkpoint says about itself."""

    run: str
    step: int
    """Finished steps."""
    sha256: str
    """Of the state file."""
    for_branch: bool
    seed: int
    micro_sequences: int
    device: str
    threads: int
    dtype: str
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT
    own_sha256: str = ""
    """Of all fields above: a changed seed is as bad as a changed weight."""

    def digest(self) -> str:
        """What own_sha256 has to be."""
        fields = {**asdict(self), "own_sha256": ""}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def same_arithmetic(self, other: Manifest) -> bool:
        """Whether both were made where results agree bit for bit."""
        names = ("device", "threads", "dtype", "micro_sequences", "versions")
        return all(getattr(self, name) == getattr(other, name) for name in names)


def folder_of(run_dir: Path, step: int) -> Path:
    """Where a run's checkpoint of that step lies."""
    return run_dir / "checkpoint" / f"{step:010d}"


def save(run_dir: Path, tensors: dict[str, Tensor], manifest: Manifest) -> Path:
    """Writes a checkpoint, verifies it, and lets go of the timed ones before the previous one.

    Raises
    ------
    NoRoom
        Where the disk is full: nothing was written, or nothing of it stays.
    ScalelabError
        Where it is not writable, fails, or gives back other bytes: nothing half-written stays.
    """
    folder = folder_of(run_dir, manifest.step)
    temporary = folder.with_name(f".{folder.name}.tmp")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        need_room(folder.parent, sum(tensor.nbytes for tensor in tensors.values()), f"checkpoint {folder}")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        save_file({name: tensor.detach().cpu() for name, tensor in tensors.items()}, temporary / STATE)
        digest = _sync_and_hash(temporary / STATE)
        _compare(temporary / STATE, tensors)
        signed = replace(manifest, sha256=digest)
        signed = replace(signed, own_sha256=signed.digest())
        (temporary / MANIFEST).write_text(json.dumps(asdict(signed), indent=1), encoding="utf-8")
        sync(temporary / MANIFEST)
        sync(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(temporary, folder)
        sync(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise failed(f"checkpoint {folder}", error) from error
    _prune(run_dir, newest=manifest.step)
    return folder


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], Manifest]:
    """The tensors, on the CPU, and the manifest.

    Raises
    ------
    Damaged
        For anything that is not exactly what was written.
    """
    try:
        blob = (folder / STATE).read_bytes()
        manifest = read_manifest(folder)
        if hashlib.sha256(blob).hexdigest() != manifest.sha256:
            raise Damaged(f"checkpoint {folder} is damaged: its SHA-256 is not the one in its manifest")
        return load(blob), manifest
    except (OSError, SafetensorError) as error:
        raise Damaged(f"checkpoint {folder} cannot be read: {error}") from error


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone.

    Raises
    ------
    Damaged
        Where it is missing, not JSON, or of another format.
    """
    try:
        values: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        manifest = Manifest(**values)
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(f"checkpoint {folder} has no readable manifest: {error}") from error
    if manifest.own_sha256 != manifest.digest():
        raise Damaged(f"checkpoint {folder} is damaged: its manifest is not the one that was written")
    if manifest.format != FORMAT or manifest.step != int(folder.name):
        raise Damaged(f"checkpoint {folder} says format {manifest.format}, step {manifest.step}")
    return manifest


def latest(run_dir: Path, *, say: Callable[[str], None] | None = None, before: int | None = None) -> Path | None:
    """The newest checkpoint of a run whose bytes are the ones written; `say` hears of each one passed over."""
    for folder in sorted(_folders(run_dir), reverse=True):
        if before is not None and int(folder.name) >= before:
            continue
        try:
            manifest = read_manifest(folder)
            if sha256_of(folder / STATE) == manifest.sha256:
                return folder
            problem = f"checkpoint {folder} is damaged: its SHA-256 is not the one in its manifest"
        except (Damaged, OSError) as error:
            problem = str(error)
        if say:
            say(f"{problem}; using the one before it")
    return None


def tidy(run_dir: Path) -> None:
    """Remove what a process left that was killed while it wrote."""
    for left in (*(run_dir / "checkpoint").glob(".*.tmp"), *run_dir.glob(".*.tmp")):
        shutil.rmtree(left, ignore_errors=True)


def discard_timed(run_dir: Path) -> None:
    """Lets go of all that no branch needs, once a run is done."""
    _prune(run_dir, keep=0)


def _prune(run_dir: Path, keep: int = KEPT, newest: int = -1) -> None:
    """Keep the timed checkpoints of the last steps, and `newest`, which may come before them: a trunk that makes a
    lost checkpoint again passes steps whose checkpoints are there.
    """
    timed = []
    for folder in sorted(_folders(run_dir), reverse=True):
        try:
            if not read_manifest(folder).for_branch:
                timed.append(folder)
        except Damaged:
            continue
    for folder in [folder for folder in timed[keep:] if int(folder.name) != newest]:
        shutil.rmtree(folder, ignore_errors=True)


def _folders(run_dir: Path) -> list[Path]:
    parent = run_dir / "checkpoint"
    return [path for path in parent.iterdir() if path.name.isdigit()] if parent.is_dir() else []


def _compare(path: Path, tensors: dict[str, Tensor]) -> None:
    with safe_open(path, framework="pt") as written:
        for name, tensor in tensors.items():
            if not torch.equal(written.get_tensor(name), tensor.detach().cpu()):
                raise OSError(f"{name} reads back with other bytes")


def _sync_and_hash(path: Path) -> str:
    sync(path)
    return sha256_of(path)
