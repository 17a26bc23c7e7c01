"""Every device trains a little, beside textbook steps in float64 on the CPU; a worker of its own does it.

This is how somebody proves a GPU that nobody here has had: the same steps that runs take, a run that is cut and goes
on, a compiled step, an allocation that cannot be.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata

from scalelab.doctor.line import Line, fail, ok, warn
from scalelab.errors import ScalelabError
from scalelab.lab import control
from scalelab.lab.control import Proof
from scalelab.records import DeviceInfo
from scalelab.units import format_flop_rate

LIMITS = {"float32": (1e-4, 1e-4), "tf32": (5e-3, 5e-4), "bfloat16": (0.05, 5e-3)}
"""Errors of gradient and loss that are rounding; measured on a CPU: 7e-7 and 2e-7 in float32, 0.008 and 9e-5 in
bfloat16. CUDA cards multiply float32 as TF32, which has eight times bfloat16's steps."""
BUSY_SHARE = 0.1
"""Of a card's memory: more than this taken by others is told."""


def look(
    devices: list[DeviceInfo], prove: Callable[[str], Proof] = control.prove, cards: Callable[[], str] | None = None
) -> Iterator[Line]:
    """The lines of every device, best first; what this machine has and torch cannot use comes before them."""
    listed = (cards or _nvidia)()
    if listed and not any(device.name.startswith("cuda") for device in devices):
        yield _unusable(listed)
    for device in devices:
        if device.name.startswith("cuda"):
            yield from _shared(device.name, listed)
        yield from _proven(device, prove)


def _proven(device: DeviceInfo, prove: Callable[[str], Proof]) -> Iterator[Line]:
    try:
        found = prove(device.name)
    except ScalelabError as problem:
        yield fail(device.name, f"{device.label}: {problem.line()}", _remedy(device.name))
        return
    yield _steps(device, found)
    if not found.resumes:
        yield warn(device.name, "a run that went on ended with other bits", "none: such runs are labelled not exact")
    elif not found.repeats:
        yield warn(device.name, "the same steps gave other bits", "none: such runs are labelled not exact")
    else:
        yield ok(device.name, "the same steps give the same bits, and so does a run that was stopped and went on")
    if found.compiles:
        yield warn(device.name, f"torch.compile: {found.compiles}", "leave hardware.compile at false")
    if found.refuses is False:
        said = "an allocation beyond its memory is not told as such"
        yield warn(device.name, said, "a run that is too large fails there instead of taking smaller micro-batches")


def _steps(device: DeviceInfo, found: Proof) -> Line:
    kind = "tf32" if device.name.startswith("cuda") and found.dtype == "float32" else found.dtype
    gradient, loss = LIMITS[kind]
    speed = f"{format_flop_rate(found.peak_flops)} a slot in {found.dtype}"
    errors = f"gradient {found.gradient_error:.1g} and losses {found.loss_error:.1g} off float64"
    said = f"{device.label}: {speed}; {errors}"
    # Written so that NaN fails too.
    if found.gradient_error <= gradient and found.loss_error <= loss:
        return ok(device.name, said)
    return fail(device.name, f"{said}: more than rounding ({gradient:g}, {loss:g})", _remedy(device.name))


def _remedy(name: str) -> str:
    if name.startswith("cuda"):
        return "nvidia-smi shows driver and card; `python -c 'import torch; print(torch.cuda.is_available())'`"
    return "update torch" if name == "mps" else "reinstall torch"


def _nvidia() -> str:
    """What nvidia-smi lists, a card a line: number, name, MiB used, MiB in all; empty where there is none."""
    if (tool := shutil.which("nvidia-smi")) is None:
        return ""
    query = [tool, "--query-gpu=index,name,memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _unusable(listed: str) -> Line:
    cards = [line.split(",")[1].strip() for line in listed.splitlines() if line.count(",") >= 3]
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        version = "missing"
    said = f"{', '.join(cards)} here, and torch {version} does not use it"
    return warn("cuda", said, "install a CUDA build of torch, or see CUDA_VISIBLE_DEVICES")


def _shared(name: str, listed: str) -> Iterator[Line]:
    for line in listed.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if f"cuda:{parts[0]}" == name and len(parts) == 4 and parts[2].isdigit() and parts[3].isdigit():
            share = int(parts[2]) / max(int(parts[3]), 1)
            if share > BUSY_SHARE:
                yield warn(name, f"others use {share:.0%} of its memory", "`nvidia-smi` says who")
