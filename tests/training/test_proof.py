"""The proof of a device: the CPU passes it, and what is wrong by a percent does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scalelab.training import proof
from scalelab.training.optimizer import FlatAdamW
from tests.training.making import open_device


def test_the_cpu_takes_the_steps_of_the_textbook_and_resumes_to_the_bit(tmp_path: Path) -> None:
    found = proof.prove(open_device("cpu"), tmp_path)
    assert found["gradient_error"] < 1e-5
    assert found["loss_error"] < 1e-5
    assert found["repeats"] is True
    assert found["resumes"] is True
    assert (found["dtype"], found["refuses"], found["compiles"]) == ("float32", None, "")


def test_half_precision_is_further_off_and_near() -> None:
    device, spec = open_device("cpu"), proof.replace(proof._spec(8), dtype="bfloat16")
    batches = list(proof._batches(spec, 1))
    book, mine = proof._textbook(spec, batches), proof._as_trained(spec, device, batches)
    error = float((mine[0] - book[0]).norm() / book[0].norm())
    assert 1e-3 < error < 0.03


@pytest.mark.parametrize("wrong", ["gradient", "update"])
def test_a_device_that_computes_otherwise_is_seen(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's gradient a percent too large at one weight in ten, or updates a tenth too long."""
    update = FlatAdamW.update

    def longer(self: Any, *, step: int, lr: float, **others: Any) -> None:
        update(self, step=step, lr=1.1 * lr, **others)

    opened = proof.open_engine

    def skewed(*arguments: Any) -> Any:
        engine = opened(*arguments)
        passes = engine.forward_backward

        def more(*given: Any, **named: Any) -> Any:
            loss = passes(*given, **named)
            engine.flat.grads[::10] *= 1.01
            return loss

        engine.forward_backward = more
        return engine

    if wrong == "gradient":
        monkeypatch.setattr(proof, "open_engine", skewed)
    else:
        monkeypatch.setattr(FlatAdamW, "update", longer)
    spec = proof._spec(8)
    batches = list(proof._batches(spec, proof.STEPS))
    book, mine = proof._textbook(spec, batches), proof._as_trained(spec, open_device("cpu"), batches)
    error = float((mine[0] - book[0]).norm() / book[0].norm())
    off = max(abs(one - true) / true for one, true in zip(mine[1], book[1], strict=True))
    assert error > 1e-4 if wrong == "gradient" else off > 1e-4


def test_compiled_steps_that_fail_or_differ_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    device, spec = open_device("cpu"), proof._spec(8)
    batches = list(proof._batches(spec, 2))
    losses = proof._as_trained(spec, device, batches)[1]
    assert proof._compiles(device, spec, batches, losses) == ""  # a CPU does not compile: the same steps
    assert "off" in proof._compiles(device, spec, batches, [2 * loss for loss in losses])

    def no_compiler(*_: Any) -> Any:
        raise RuntimeError("Failed to find C compiler. Please specify via CC.\nmore")

    monkeypatch.setattr(proof, "_as_trained", no_compiler)
    said = proof._compiles(device, spec, batches, losses)
    assert said == "RuntimeError: Failed to find C compiler. Please specify via CC."
