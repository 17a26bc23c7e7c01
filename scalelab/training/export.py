"""Leaves a trained model behind in the layout that everything can load, with its hashes. Knows no run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file

from scalelab.errors import ScalelabError
from scalelab.training.disk import failed, need_room, sha256_of, sync

SUMS = "SHA256SUMS"
"""What `sha256sum -c` reads: safetensors itself loads a flipped bit without a word."""


def write_model(model: Any, folder: Path) -> None:
    """config.json and model.safetensors, whole or not at all; a tied head is stored once.

    Written here and not by `save_pretrained`, which draws a progress bar into a worker's log.

    Raises
    ------
    NoRoom
        Where the disk is full.
    ScalelabError
        Where the folder cannot be written.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    # Clones: the parameters are views into one buffer, and a file must not say that they share memory.
    weights = {name: weight.detach().cpu().clone() for name, weight in model.named_parameters()}
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        need_room(folder.parent, sum(weight.nbytes for weight in weights.values()), f"model {folder}")
        temporary.mkdir()
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(temporary)
        model.generation_config.save_pretrained(temporary)
        save_file(weights, temporary / "model.safetensors", metadata={"format": "pt"})
        names = sorted(path.name for path in temporary.iterdir())
        (temporary / SUMS).write_text("".join(f"{sha256_of(temporary / name)}  {name}\n" for name in names))
        for path in (*temporary.iterdir(), temporary):
            sync(path)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(temporary, folder)
        sync(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise failed(f"model {folder}", error) from error


def check_model(folder: Path) -> None:
    """Raise ScalelabError where a file of the model is not the one that was written."""
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        if sha256_of(folder / Path(name).name) != expected:
            raise ScalelabError(
                f"{name} at {folder} is not what was written there: its hash differs",
                todo="train that run again, or sample another",
            )
