"""Devices that vanish under a run. The device is a fake: it fails in the words of CUDA, NVML and Metal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scalelab.records import RunState
from scalelab.training.device import reopen_device
from scalelab.training.lost import DeviceLost, is_lost
from tests.training.fake_device import FakeDevice
from tests.training.making import make_spec, make_tokens, run

WORDS = (
    "CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be asynchronously reported",
    "CUDA error: unspecified launch failure",
    "CUDA error: no CUDA-capable device is detected",
    "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
    "CUDA error: invalid device ordinal",
    "Unable to determine the device handle for GPU0: GPU is lost. Reboot the system to recover this GPU",
    "Caused GPU Hang Error (00000003:kIOGPUCommandBufferCallbackErrorHang)",
)


@pytest.mark.parametrize("words", WORDS, ids=lambda each: each[:30])
def test_row_17_a_driver_that_has_lost_its_card_is_understood(words: str) -> None:
    assert is_lost(RuntimeError(words)) and is_lost(torch.AcceleratorError(words))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"), RuntimeError("CUDA error: out of memory"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("device lost"), OSError("device lost"),
    ],
)  # fmt: skip
def test_row_17_a_mistake_of_a_run_is_not_laid_at_the_devices_door(error: Exception) -> None:
    assert not is_lost(error)


def test_row_17_a_run_says_which_device_it_lost(tmp_path: Path) -> None:
    outcome, _ = run(make_spec(), make_tokens(tmp_path), tmp_path / "run", device=FakeDevice(fail_after=6))
    assert (outcome.state, outcome.lost) == (RunState.FAILED, "fake:0") and outcome.step > 0


def test_row_17_a_device_that_was_there_when_the_lab_was_planned_is_lost_and_not_a_mistake_of_the_user() -> None:
    with pytest.raises(DeviceLost, match="cuda:99 is not on this machine any more"):
        reopen_device("cuda:99")
    assert reopen_device("cpu").answer() == 64.0
