"""The device that a run trains on: one small object for cpu, cuda and mps. Knows no model and no run."""

from __future__ import annotations

import contextlib
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scalelab.errors import BadInput
from scalelab.records import DeviceInfo, ModelShape
from scalelab.training.cpu import cpu_label, keep_freed_memory, physical_cores
from scalelab.training.lost import DeviceLost

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Device:
    """One slot of one device, opened for training."""

    def __init__(self, torch_device: torch.device, *, threads: int = 1) -> None:
        self.torch_device = torch_device
        self.name = str(torch_device)
        self.threads = threads
        self._backend: Any = getattr(torch, torch_device.type)
        if torch_device.type == "cpu":
            keep_freed_memory()
            torch.set_num_threads(threads)
        else:
            torch.set_float32_matmul_precision("high")
        if torch_device.type == "cuda":
            # Pinned copies, synchronisation and the cache work on the current card, which would else be the first one.
            torch.cuda.set_device(torch_device)
        self.info = _info(torch_device)

    @property
    def synchronous(self) -> bool:
        """Whether every step looks at its loss: free on a CPU, and needed on MPS, whose fused kernel skips nothing."""
        return self.torch_device.type in {"cpu", "mps"}

    @property
    def compiles(self) -> bool:
        """Whether torch.compile pays here: on the CPU it cost 20–55 s and won nothing."""
        return self.torch_device.type == "cuda"

    def dtype(self, wanted: str) -> torch.dtype:
        """The dtype of the matrix products for a spec's "auto", "float32" or "bfloat16"."""
        if wanted == "auto":
            return DTYPES[self.info.dtype]
        if wanted not in DTYPES:
            raise BadInput(f"dtype {wanted!r} is not known", allowed="auto, float32, bfloat16")
        return DTYPES[wanted]

    def autocast(self, dtype: torch.dtype) -> AbstractContextManager[Any]:
        """Runs matrix products in `dtype`; nothing at all for float32."""
        if dtype is torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.torch_device.type, dtype=dtype)

    def put(self, array: NDArray[np.int64]) -> Tensor:
        """Token ids on the device; on CUDA the copy runs beside the step before it."""
        tensor = torch.from_numpy(array)
        if self.torch_device.type == "cuda":
            return tensor.pin_memory().to(self.torch_device, non_blocking=True)
        return tensor.to(self.torch_device)

    def synchronize(self) -> None:
        """Waits for everything that was started."""
        self._backend.synchronize()

    def answer(self) -> float:
        """A sum that it has done, which one that is gone does not."""
        return float(torch.ones(64, device=self.torch_device).sum())

    def free_unused(self) -> None:
        """Gives cached memory back to the device, after an allocation failed."""
        if self.torch_device.type != "cpu":
            self._backend.empty_cache()

    def memory(self) -> tuple[int, int]:
        """Bytes free and bytes in all."""
        if self.torch_device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.torch_device)
            return int(free), int(total)
        import psutil

        machine = psutil.virtual_memory()
        return int(machine.available), int(machine.total)

    def measure_peak(self, shape: ModelShape | None = None, *, seconds: float = 0.2) -> DeviceInfo:
        """`info` with the FLOP/s of a matrix product, of the model's own sizes where a shape is given.

        What a model can reach at most: a share of it is worth more than a share of a data sheet.
        """
        dtype = DTYPES[self.info.dtype]
        big = 512 if self.torch_device.type == "cpu" else 4096
        rows, inner, columns = (8 * shape.context, shape.d_model, shape.d_ff) if shape else (big, big, big)
        left = torch.randn(rows, inner, device=self.torch_device, dtype=dtype)
        right = torch.randn(inner, columns, device=self.torch_device, dtype=dtype)
        out = left @ right
        best, spent = 0.0, 0.0
        while spent < seconds:
            self.synchronize()
            start = time.perf_counter()
            for _ in range(10):
                torch.mm(left, right, out=out)
            self.synchronize()
            took = time.perf_counter() - start
            best, spent = max(best, 20.0 * rows * inner * columns / took), spent + took
        return replace(self.info, peak_flops=best, peak_source="measured")


def names() -> list[str]:
    """The devices of this machine, the best one first."""
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def open_device(name: str, *, threads: int = 1) -> Device:
    """The device of that name, "auto" for the best one here.

    Raises
    ------
    BadInput
        For a device that this machine does not have; names those it has.
    """
    present = names()
    if name == "auto":
        return Device(torch.device(present[0]), threads=threads)
    known = "cuda:0" if name == "cuda" else name
    if known not in present:
        raise BadInput(f"device {name!r} is not on this machine", allowed=", ".join(["auto", *present]))
    if threads < 1:
        raise BadInput(f"threads {threads} is too small", allowed="1 or more")
    return Device(torch.device(known), threads=threads)


def reopen_device(name: str, *, threads: int = 1) -> Device:
    """A device that was here when the lab was planned.

    Raises
    ------
    DeviceLost
        It is not here any more.
    """
    if name not in (present := names()):
        raise DeviceLost(f"{name} is not on this machine any more", allowed=", ".join(present))
    return open_device(name, threads=threads)


def list_devices() -> list[DeviceInfo]:
    """Every device of this machine, the best one first; peaks are not measured."""
    return [_info(torch.device(name)) for name in names()]


def _info(device: torch.device) -> DeviceInfo:
    kind = device.type
    # Also on a CPU that multiplies bfloat16: the plan counts on float32, and only that has the lean engine.
    label, slots, dtype = cpu_label(), physical_cores(), "float32"
    if kind == "cuda":
        label, slots = torch.cuda.get_device_name(device), 1
        dtype = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
        memory = int(torch.cuda.get_device_properties(device).total_memory)
    else:
        import psutil

        memory = int(psutil.virtual_memory().total)
    if kind == "mps":
        label, slots, dtype = "Apple GPU", 1, "float32"
    return DeviceInfo(
        name=str(device),
        label=label,
        memory_bytes=memory,
        slots=slots,
        peak_flops=0.0,
        peak_source="nominal",
        dtype=dtype,
    )
