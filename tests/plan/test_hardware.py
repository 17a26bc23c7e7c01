"""Devices without torch: what is asked for is found or refused with what there is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scalelab.errors import BadInput
from scalelab.plan import choose_device, find_devices, hardware
from scalelab.preset import HardwareSpec
from scalelab.records import DeviceInfo


def _spec(**fields: object) -> HardwareSpec:
    return HardwareSpec.model_validate(fields)


@pytest.fixture
def two_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose driver tool reports two cards; the tool is a script, so the real parsing runs."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559'\necho 'Tesla V100-SXM2-16GB, 16384'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(hardware, "_torch_is_cpu_only", lambda: False)


def test_the_cpu_is_always_there_with_a_measured_order_of_speed() -> None:
    device = find_devices()[-1]
    assert device.name == "cpu"
    assert 1 <= device.slots <= (os.cpu_count() or 1)
    assert 1e8 < device.peak_flops < 1e14
    assert device.memory_bytes > 10**8


@pytest.mark.parametrize("name", ["cuda:99", "tpu", " ", "cpu:1", "\x1b[2J"])
def test_a_device_that_is_not_here_is_refused_with_what_is(name: str, cpu: DeviceInfo) -> None:
    with pytest.raises(BadInput, match="allowed: auto, cpu"):
        choose_device(_spec(device=name), [cpu])


def test_auto_takes_the_best(cpu: DeviceInfo) -> None:
    assert choose_device(_spec(), [cpu]) == cpu


def test_more_slots_than_cores_share_the_cores(cpu: DeviceInfo) -> None:
    shared = choose_device(_spec(slots=8), [cpu])
    assert shared.slots == 8
    assert shared.peak_flops * 8 == pytest.approx(cpu.peak_flops * 2)


@pytest.mark.usefixtures("two_cards")
def test_cards_are_read_from_the_driver() -> None:
    first, second, last = find_devices()
    assert (first.name, second.name, last.name) == ("cuda:0", "cuda:1", "cpu")
    assert first.peak_flops == 989e12
    assert (first.dtype, second.dtype) == ("bfloat16", "float32")
    assert first.memory_bytes == 81559 * 2**20


@pytest.mark.usefixtures("two_cards")
def test_cuda_without_a_number_means_every_card() -> None:
    device = choose_device(_spec(device="cuda"))
    assert device.slots == 2
    assert device.members == ("cuda:0", "cuda:1")
    assert device.memory_bytes == 16384 * 2**20


@pytest.mark.usefixtures("two_cards")
def test_hidden_cards_stay_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [device.label for device in find_devices()[:-1]] == ["Tesla V100-SXM2-16GB"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert [device.name for device in find_devices()] == ["cpu"]
