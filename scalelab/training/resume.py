"""Where a run goes on from: its first weights, its own checkpoint, or its trunk's. Says so when it is not exact."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from scalelab.errors import ScalelabError
from scalelab.records import RunKind, RunSpec
from scalelab.training import checkpoint
from scalelab.training.checkpoint import Damaged, Manifest
from scalelab.training.device import Device
from scalelab.training.flat import FlatParameters
from scalelab.training.optimizer import FlatAdamW
from scalelab.training.state import restore, take_beside


def manifest_of(spec: RunSpec, device: Device, *, step: int, micro_sequences: int, for_branch: bool) -> Manifest:
    """What a checkpoint of this run says now; the hash comes when it is written."""
    import transformers

    return Manifest(
        run=spec.run,
        step=step,
        sha256="",
        for_branch=for_branch,
        seed=spec.seed,
        micro_sequences=micro_sequences,
        device=device.info.label if device.synchronous else f"{device.torch_device.type} {device.info.label}",
        threads=device.threads,
        dtype=str(device.dtype(spec.dtype)),
        versions={
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
    )


def restore_from(
    folder: Path | None,
    spec: RunSpec,
    run_dir: Path,
    flat: FlatParameters,
    optimizer: FlatAdamW,
    here: Manifest,
    say: Callable[[str], None],
) -> tuple[int, str, dict[str, Tensor]]:
    """Puts the state of a checkpoint back; its step, why the run is not exact from there on, empty where it is, and
    what the checkpoint holds beside the state of the model, where it is the run's own.

    Step 0 and the first weights where there is no checkpoint.

    A damaged checkpoint of the run itself is passed over for the one before it, down to the beginning.

    Raises
    ------
    ScalelabError
        Where a branch has no sound checkpoint of its trunk to start from, or the checkpoint is of another run.
    """
    if folder is None:
        if spec.kind is RunKind.BRANCH:
            raise ScalelabError(f"branch {spec.run} has no checkpoint of {spec.parent} to start from")
        return 0, "", {}
    own = folder.parent.parent.resolve() == run_dir.resolve()
    while True:
        try:
            tensors, manifest = checkpoint.load_checkpoint(folder)
            break
        except Damaged as error:
            say(error.line())
            before = checkpoint.latest(run_dir, say=say, before=int(folder.name)) if own else None
            if before is None and (not own or spec.kind is RunKind.BRANCH):
                raise
            if before is None:
                say("no sound checkpoint is left: starting again")
                return 0, "", {}
            folder = before
    _check(manifest, spec)
    try:
        beside = take_beside(tensors)
        restore(flat, optimizer, tensors)
    except ValueError as error:
        raise ScalelabError(f"checkpoint {folder} does not fit {spec.run}: {error}") from error
    return manifest.step, _differences(manifest, here), beside if manifest.run == spec.run else {}


def _differences(then: Manifest, now: Manifest) -> str:
    """What changed of all that the last bits depend on, in words."""
    if then.same_arithmetic(now):
        return ""
    pairs = [
        ("device", then.device, now.device),
        ("threads", then.threads, now.threads),
        ("dtype", then.dtype, now.dtype),
        ("sequences at a time", then.micro_sequences, now.micro_sequences),
        *((name, then.versions.get(name, "none"), version) for name, version in now.versions.items()),
    ]
    told = ", ".join(f"{name} {before} → {after}" for name, before, after in pairs if before != after)
    return f"its checkpoint at step {then.step} was made otherwise: {told or 'versions'}"


def _check(manifest: Manifest, spec: RunSpec) -> None:
    from_trunk = manifest.run == spec.parent and manifest.step == spec.first_step
    if not (manifest.run == spec.run or from_trunk) or manifest.seed != spec.seed or manifest.step > spec.n_steps:
        raise ScalelabError(
            f"a checkpoint of {manifest.run}, seed {manifest.seed}, step {manifest.step} does not continue {spec.run}",
            allowed=f"{spec.run}, or {spec.parent} at step {spec.first_step}" if spec.parent else spec.run,
        )
