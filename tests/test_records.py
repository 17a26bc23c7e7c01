"""Records survive the pipe and the store unchanged."""

from __future__ import annotations

import pytest

from scalelab import plan, preset_files
from scalelab.records import (
    DeviceInfo,
    Evaluation,
    Message,
    Outcome,
    PartEvaluation,
    Point,
    RunSpec,
    RunState,
    Saved,
    Score,
    pack,
    unpack,
)

_POINT = Point(
    run="r", attempt=1, step=3, n_tokens=9, loss=float("inf"), lr=0.1, grad_norm=2.0, tokens_per_second=1.0, seconds=0.5
)
_EVALUATION = Evaluation(
    run="r",
    attempt=1,
    step=3,
    n_tokens=9,
    flops=1e20,
    loss=2.0,
    loss_se=0.1,
    accuracy=0.5,
    bits_per_byte=1.1,
    evaluated_tokens=64,
    final=True,
)


@pytest.mark.parametrize(
    "message",
    [
        _POINT,
        _EVALUATION,
        Saved(run="r", attempt=1, step=3, path="checkpoint/1", for_branch=True),
        PartEvaluation(run="r", attempt=1, step=3, part="python", loss=2.0, loss_se=0.1, accuracy=0.5,
                       bits_per_byte=1.1, evaluated_tokens=64),
        Score(run="r", attempt=1, step=3, name="chrf", value=0.5, n=200),
        Outcome(run="r", attempt=1, state=RunState.DIVERGED, step=3, reason="loss is nan"),
    ],
)  # fmt: skip
def test_a_message_comes_out_of_the_pipe_as_it_went_in(message: Message) -> None:
    assert unpack(pack(message)) == message


def test_every_spec_of_every_preset_survives_json(cpu: DeviceInfo) -> None:
    for name in preset_files.shipped():
        for spec in plan.make_plan(preset_files.load(name), cpu).runs:
            assert RunSpec.from_json(spec.to_json()) == spec


def test_a_device_of_several_cards_hands_them_to_its_slots_in_turn(cpu: DeviceInfo) -> None:
    cards = DeviceInfo.from_json(
        DeviceInfo(
            name="cuda", label="2 cards", memory_bytes=1, slots=4, peak_flops=1.0, peak_source="nominal",
            members=("cuda:0", "cuda:1"),
        ).to_json()
    )  # fmt: skip
    assert [cards.slot_device(slot) for slot in range(4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert cpu.slot_device(1) == "cpu"


def test_perplexity_is_the_exponential_of_the_loss() -> None:
    assert _EVALUATION.perplexity == pytest.approx(7.389, abs=1e-3)
