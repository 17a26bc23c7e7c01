from __future__ import annotations

from dataclasses import replace

import pytest

from scalelab.plan import cost, shapes
from scalelab.plan.ladder import Rung
from scalelab.preset import ModelSpec
from scalelab.records import DeviceInfo


def _rung(name: str = "128x4", context: int = 128, vocab_size: int = 2048) -> Rung:
    shape = shapes.make_shape(name, ModelSpec(context=context), vocab_size)
    return Rung(name=name, shape=shape, counts=shapes.count(shape))


@pytest.mark.parametrize(("share", "verdict"), [(0.5, "fits"), (0.69, "fits"), (0.8, "tight"), (0.97, "no"), (2, "no")])
def test_the_verdict_follows_the_share_of_a_slots_memory(cpu: DeviceInfo, share: float, verdict: str) -> None:
    assert cost.verdict(int(share * cost.slot_bytes(cpu)), cpu) == verdict


def test_slots_of_one_box_share_its_memory_and_cards_do_not(cpu: DeviceInfo) -> None:
    assert cost.slot_bytes(replace(cpu, slots=4)) == cpu.memory_bytes // 4
    cards = replace(cpu, name="cuda", slots=4, members=("cuda:0", "cuda:1"))
    assert cost.slot_bytes(cards) == cpu.memory_bytes // 2
    assert cost.slot_bytes(replace(cards, slots=1)) == cpu.memory_bytes


# Peaks of a real worker above its libraries, in MB: one thread, float32, the steps of an optimizer.
@pytest.mark.parametrize(
    ("name", "context", "vocab_size", "sequences", "measured"),
    [
        ("128x4", 128, 2048, 16, 159),
        ("256x4", 128, 2048, 16, 287),
        ("256x4", 128, 1024, 8, 181),
        ("64x2", 128, 1024, 32, 98),
        ("256x4", 512, 2048, 8, 453),
    ],
)
def test_memory_is_near_what_was_measured(
    cpu: DeviceInfo, name: str, context: int, vocab_size: int, sequences: int, measured: int
) -> None:
    needed = cost.memory_bytes(_rung(name, context, vocab_size), sequences, cpu) - cost.base_bytes(cpu)
    assert needed / 2**20 == pytest.approx(measured, rel=0.2)


@pytest.mark.parametrize("sequences", [1, 7, 48, 64])
@pytest.mark.parametrize("asked", [None, 1, 5, 1000])
@pytest.mark.parametrize("memory", [10**8, 10**9, 10**11])
def test_micro_batches_divide_the_batch_and_fit_where_anything_does(
    cpu: DeviceInfo, sequences: int, asked: int | None, memory: int
) -> None:
    device, rung = replace(cpu, memory_bytes=memory), _rung("256x4", 512)
    found = cost.micro_sequences(rung, sequences, asked, device)
    assert sequences % found == 0 and found <= (asked or sequences)
    if found > 1:
        assert cost.verdict(cost.memory_bytes(rung, found, device), device) == "fits"


def test_wider_rungs_reach_a_larger_share_of_the_peak_and_still_take_longer(cpu: DeviceInfo) -> None:
    rungs = [_rung(name) for name in ("16x1", "32x1", "64x2", "128x4", "256x4", "1024x16", "2048x16")]
    seconds = [cost.seconds_per_token(rung, cpu) for rung in rungs]
    assert seconds == sorted(seconds)
    shares = [round(rung.flops_per_token / (one * cpu.peak_flops), 9) for rung, one in zip(rungs, seconds, strict=True)]
    assert shares == sorted(shares) and shares[-1] <= 0.7
