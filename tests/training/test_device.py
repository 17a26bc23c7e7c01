from __future__ import annotations

import numpy as np
import pytest
import torch

from scalelab.errors import BadInput
from scalelab.plan import find_devices
from scalelab.training.cpu import keep_freed_memory, physical_cores
from scalelab.training.device import list_devices, open_device
from tests.training.fake_device import FakeDevice
from tests.training.making import make_shape


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "", "cpu:7", "CPU ", "\x1b[31m"])
def test_a_device_that_is_not_here_is_refused_and_those_here_are_named(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_device(name)
    assert "cpu" in caught.value.allowed and "auto" in caught.value.allowed
    assert "\x1b" not in caught.value.line()


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(threads: int) -> None:
    with pytest.raises(BadInput, match="threads"):
        open_device("cpu", threads=threads)


def test_the_cpu_says_what_it_is() -> None:
    device = open_device("cpu")
    assert device.info == next(info for info in list_devices() if info.name == "cpu")
    assert device.info.slots == physical_cores() >= 1
    free, total = device.memory()
    assert 0 < free < total == device.info.memory_bytes
    assert torch.get_num_threads() == 1
    assert open_device("auto").name == list_devices()[0].name


def test_a_cpu_trains_in_float32_as_planned_unless_asked_otherwise() -> None:
    device = open_device("cpu")
    assert device.dtype("auto") is torch.float32
    assert device.info.dtype == find_devices()[-1].dtype
    assert device.dtype("bfloat16") is torch.bfloat16
    with pytest.raises(BadInput, match="float64"):
        device.dtype("float64")


def test_the_peak_is_measured_with_the_models_own_sizes() -> None:
    device = open_device("cpu")
    for shape in (None, make_shape()):
        measured = device.measure_peak(shape, seconds=0.01)
        assert measured.peak_source == "measured" and measured.peak_flops > 1e8


def test_ids_arrive_as_they_were() -> None:
    ids = np.arange(12, dtype=np.int64).reshape(3, 4)
    assert np.array_equal(open_device("cpu").put(ids).numpy(), ids)


def test_autocast_is_nothing_for_float32() -> None:
    device = open_device("cpu")
    left = torch.ones(2, 2)
    with device.autocast(torch.float32):
        assert (left @ left).dtype is torch.float32
    with device.autocast(torch.bfloat16):
        assert (left @ left).dtype is torch.bfloat16


def test_a_fake_device_has_slots_and_fails_when_told() -> None:
    device = FakeDevice(slots=3, fail_after=1)
    assert device.info.slots == 3
    device.put(np.zeros((1, 2), dtype=np.int64))
    with pytest.raises(RuntimeError, match="bus"):
        device.put(np.zeros((1, 2), dtype=np.int64))


def test_the_allocator_is_told_where_it_listens() -> None:
    import platform

    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
