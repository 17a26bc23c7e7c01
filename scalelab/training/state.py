"""The whole state of a run between two steps, as named tensors: weights and both moments. Knows no files."""

from __future__ import annotations

import torch
from torch import Tensor

from scalelab.training.flat import FlatParameters
from scalelab.training.optimizer import FlatAdamW

PARTS = ("weights", "exp_avg", "exp_avg_sq")


def _buffers(flat: FlatParameters, optimizer: FlatAdamW) -> dict[str, Tensor]:
    return dict(zip(PARTS, (flat.weights, optimizer.exp_avg, optimizer.exp_avg_sq), strict=True))


def gather(flat: FlatParameters, optimizer: FlatAdamW) -> dict[str, Tensor]:
    """Views named "weights/…", "exp_avg/…", "exp_avg_sq/…"."""
    return {
        f"{part}/{name}": view
        for part, buffer in _buffers(flat, optimizer).items()
        for name, view in flat.views(buffer).items()
    }


def take_beside(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove from a checkpoint's tensors all that is not the model's or its optimizer's, and return it."""
    names = [name for name in tensors if name.partition("/")[0] not in PARTS]
    return {name: tensors.pop(name) for name in names}


@torch.no_grad()
def restore(flat: FlatParameters, optimizer: FlatAdamW, tensors: dict[str, Tensor]) -> None:
    """Puts a gathered state back.

    Raises
    ------
    ValueError
        Where names or shapes are not this model's.
    """
    views = gather(flat, optimizer)
    if views.keys() != tensors.keys():
        strange = sorted(views.keys() ^ tensors.keys())[0]
        raise ValueError(f"the checkpoint is of another model: {strange}")
    for name, view in views.items():
        if view.shape != tensors[name].shape or view.dtype != tensors[name].dtype:
            raise ValueError(f"the checkpoint is of another model: {name} is {tuple(tensors[name].shape)}")
        view.copy_(tensors[name])
