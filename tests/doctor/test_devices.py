"""Devices: what would be said of cards that this machine does not have; `doctor` as it is typed proves its CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scalelab.doctor import devices
from scalelab.doctor.line import Line, Verdict
from scalelab.errors import ScalelabError
from scalelab.lab import control
from scalelab.lab.control import Proof
from scalelab.records import DeviceInfo

CARD = DeviceInfo(
    name="cuda:0",
    label="H100",
    memory_bytes=80 * 10**9,
    slots=1,
    peak_flops=1e15,
    peak_source="nominal",
    dtype="bfloat16",
)
GOOD = Proof(
    gradient_error=0.008, loss_error=9e-5, dtype="bfloat16", repeats=True, resumes=True, compiles="", refuses=True,
    tokens_per_second=1e6, peak_flops=6e14,
)  # fmt: skip
LISTED = "0, NVIDIA H100, 1024, 81559\n1, NVIDIA H100, 70000, 81559"


def seen(cards: str = "", device: DeviceInfo = CARD, **found: Any) -> list[Line]:
    return list(devices.look([device], lambda _: replace(GOOD, **found), lambda: cards))


def worst(lines: list[Line]) -> Line:
    return max(lines, key=lambda line: list(Verdict).index(line.verdict))


def test_a_device_that_is_not_here_fails_with_what_to_do() -> None:
    """A worker is asked for real: torch sees no card 7 on any machine that runs these tests."""
    card = replace(CARD, name="cuda:7")
    [line] = devices.look([card], control.prove, lambda: "")
    assert (line.check, line.verdict) == ("cuda:7", Verdict.FAIL)
    assert "is not on this machine" in line.said
    assert "nvidia-smi" in line.todo


def test_a_good_card_is_ok() -> None:
    assert {line.verdict for line in seen()} == {Verdict.OK}


@pytest.mark.parametrize(
    "found",
    [{"gradient_error": 0.2}, {"loss_error": 0.05}, {"gradient_error": float("nan")}, {"loss_error": float("nan")},
     {"dtype": "float32", "gradient_error": 0.008}],
)  # fmt: skip
def test_more_than_rounding_fails(found: dict[str, Any]) -> None:
    line = worst(seen(**found))
    assert line.verdict is Verdict.FAIL
    assert "more than rounding" in line.said


def test_tensor_float_32_is_rounding_on_a_card_and_none_on_a_cpu(cpu: DeviceInfo) -> None:
    found: dict[str, Any] = {"dtype": "float32", "gradient_error": 2e-3, "loss_error": 1e-4}
    assert worst(seen(**found)).verdict is Verdict.OK
    assert worst(seen(device=cpu, **found)).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ({"resumes": False}, "went on ended with other bits"),
        ({"repeats": False}, "gave other bits"),
        ({"compiles": "RuntimeError: no C compiler"}, "no C compiler"),
        ({"refuses": False}, "not told as such"),
    ],
)
def test_what_is_worse_than_it_could_be_is_told(found: dict[str, Any], word: str) -> None:
    line = worst(seen(**found))
    assert line.verdict is Verdict.WARN
    assert word in line.said and line.todo


def test_a_card_that_others_use_is_told_and_the_other_is_not() -> None:
    assert worst(seen(LISTED)).verdict is Verdict.OK
    line = worst(seen(LISTED, device=replace(CARD, name="cuda:1")))
    assert (line.verdict, "86%" in line.said) == (Verdict.WARN, True)


def test_a_card_that_torch_does_not_use_is_told(cpu: DeviceInfo) -> None:
    found = list(devices.look([cpu], lambda _: replace(GOOD, gradient_error=0, loss_error=0), lambda: LISTED))
    assert found[0].verdict is Verdict.WARN
    assert "NVIDIA H100, NVIDIA H100 here, and torch" in found[0].said
    assert "CUDA build" in found[0].todo


def test_a_worker_that_dies_is_a_line() -> None:
    def dies(_: str) -> Proof:
        raise ScalelabError("the prove ended without an answer: killed by SIGSEGV", todo="CUDA error \x1b[31m")

    [line] = devices.look([CARD], dies, lambda: "")
    assert line.verdict is Verdict.FAIL
    assert "SIGSEGV" in line.said and "\x1b" not in line.said
