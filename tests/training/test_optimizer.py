"""The flat optimizer against torch's own, number by number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from scalelab.records import AdamW
from scalelab.training import optimizer as optimizer_module
from scalelab.training.flat import ALIGN, FlatParameters
from scalelab.training.optimizer import FlatAdamW


class Net(nn.Module):
    """Matrices and vectors, of sizes that fill no vector unit, and a head that is the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 5)
        self.layer = nn.Linear(5, 5)
        self.norm = nn.LayerNorm(5)
        self.head = nn.Linear(5, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.norm(self.layer(self.embed(ids))))
        return found


def _nets() -> tuple[Net, Net]:
    torch.manual_seed(3)
    flat, plain = Net(), Net()
    plain.load_state_dict(flat.state_dict())
    return flat, plain


def _backward(net: Net, step: int) -> None:
    ids = torch.tensor([[step % 7, 1, 2, 3]])
    nn.functional.cross_entropy(net(ids)[0], torch.tensor([1, 2, 3, step % 7])).backward()


@pytest.mark.parametrize("clip", [0.0, 0.05, 1e3])
@pytest.mark.parametrize("scales", [True, False])
def test_updates_are_those_of_torch_with_clipping_and_decay_on_matrices_alone(
    clip: float, scales: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizer_module, "_SCALES", {"cpu"} if scales else set())
    ours, theirs = _nets()
    settings = AdamW(weight_decay=0.3, clip=clip)
    flat = FlatParameters(ours, torch.device("cpu"))
    mine = FlatAdamW(flat, settings)
    groups: list[dict[str, Any]] = [
        {"params": [one for one in theirs.parameters() if one.ndim >= 2], "weight_decay": 0.3},
        {"params": [one for one in theirs.parameters() if one.ndim < 2], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, lr=0.02, betas=(settings.beta1, settings.beta2), eps=settings.eps)
    for step in range(6):
        flat.grads.zero_()
        reference.zero_grad()
        for net in (ours, theirs):
            _backward(net, step)
        mine.update(step=step + 1, lr=0.02, norm=mine.norm())
        if clip:
            nn.utils.clip_grad_norm_(theirs.parameters(), clip)
        reference.step()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6, msg=name)


def test_a_skipped_update_changes_nothing_and_the_next_is_as_if_it_had_not_been() -> None:
    ours, _ = _nets()
    flat = FlatParameters(ours, torch.device("cpu"))
    optimizer = FlatAdamW(flat, AdamW())
    _backward(ours, 1)
    optimizer.update(step=1, lr=0.1, norm=optimizer.norm())
    before = [part.clone() for part in (flat.weights, optimizer.exp_avg, optimizer.exp_avg_sq)]
    flat.grads.fill_(float("nan"))
    optimizer.update(step=2, lr=0.1, norm=optimizer.norm(), skip=torch.tensor(1.0))
    for part, was in zip((flat.weights, optimizer.exp_avg, optimizer.exp_avg_sq), before, strict=True):
        assert torch.equal(part, was)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_the_norm_is_not_finite_as_soon_as_one_number_is_not(bad: float) -> None:
    ours, _ = _nets()
    flat = FlatParameters(ours, torch.device("cpu"))
    flat.grads.zero_()
    ours.norm.bias.grad[2] = bad  # type: ignore[index]
    assert not torch.isfinite(FlatAdamW(flat, AdamW()).norm())


def test_views_share_the_buffers_are_aligned_and_count_a_tied_matrix_once() -> None:
    ours, plain = _nets()
    flat = FlatParameters(ours, torch.device("cpu"))
    views = flat.views(flat.weights)
    assert list(views) == [name for name, one in ours.named_parameters() if one.ndim >= 2] + [
        name for name, one in ours.named_parameters() if one.ndim < 2
    ]
    assert "head.weight" not in views
    for name, one in plain.named_parameters():
        assert torch.equal(views[name], one)
        assert (views[name].data_ptr() - flat.weights.data_ptr()) % (4 * ALIGN) == 0
    flat.weights.fill_(0.5)
    flat.grads.fill_(0.25)
    assert all(bool((one == 0.5).all()) and bool((one.grad == 0.25).all()) for one in ours.parameters())  # type: ignore[union-attr]
    decayed = sum(-(-one.numel() // ALIGN) * ALIGN for one in ours.parameters() if one.ndim >= 2)
    assert flat.n_decayed == decayed
