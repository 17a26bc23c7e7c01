"""Memory that runs out on a card, with fakes for what no machine of the tests has: CUDA's allocator and libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from scalelab.records import Notice, NoticeKind, RunState, TokenSet
from scalelab.training import run as run_module
from scalelab.training.engine import open_engine
from scalelab.training.step import is_out_of_memory
from tests.training.fake_device import FakeDevice
from tests.training.making import make_spec, make_tokens, run


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenSet:
    return make_tokens(tmp_path_factory.mktemp("tokens"))


class Card(FakeDevice):
    """A fake: its allocator is told to let go of what it has cached, as CUDA's must be."""

    freed = 0

    def free_unused(self) -> None:
        self.freed += 1


class Full:
    """A fake engine that has room for two sequences, and says so as the given part of CUDA does."""

    def __init__(self, engine: Any, problem: Exception) -> None:
        self._engine, self._problem = engine, problem
        self.model, self.flat, self.release, self.scores = engine.model, engine.flat, engine.release, engine.scores

    def forward_backward(
        self, ids: torch.Tensor, targets: torch.Tensor, *, scale: float, fresh: bool, masked: bool = False
    ) -> Any:
        if len(ids) > 2:
            raise self._problem
        return self._engine.forward_backward(ids, targets, scale=scale, fresh=fresh, masked=masked)


PROBLEMS = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB. GPU 0 has a total capacity of 8 GiB"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB, max allowed: 6.77 GB)"),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda each: str(each)[:30])
def test_row_07_a_card_without_room_is_met_with_half_the_micro_batch_and_told(
    tmp_path: Path, tokens: TokenSet, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    card = Card()
    monkeypatch.setattr(run_module, "open_engine", lambda spec, device: Full(open_engine(spec, device), problem))
    outcome, heard = run(make_spec(), tokens, tmp_path, device=card)
    assert outcome.state is RunState.DONE
    told = [notice for notice in heard.of(Notice) if notice.kind is NoticeKind.NOT_EXACT]
    assert [notice.text.rpartition("with ")[2] for notice in told] == [
        "4 sequences at a time",
        "2 sequences at a time",
    ], "recorded, not only logged"
    assert card.freed == 2


def test_row_07_a_model_that_does_not_fit_at_all_says_what_there_was(
    tmp_path: Path, tokens: TokenSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(spec: object, device: object) -> None:
        raise PROBLEMS[0]

    monkeypatch.setattr(run_module, "open_engine", none)
    outcome, _ = run(make_spec(), tokens, tmp_path, device=Card())
    assert outcome.state is RunState.FAILED
    assert outcome.reason.startswith("out of memory for the model") and "free on fake:0" in outcome.reason


def test_other_errors_of_a_card_are_not_taken_for_want_of_memory() -> None:
    for words in ("CUDA error: an illegal memory access was encountered", "CUBLAS_STATUS_EXECUTION_FAILED", "memory"):
        assert not is_out_of_memory(RuntimeError(words))
    assert not is_out_of_memory(ValueError("out of memory"))
