"""One model on one device: forward, backward, evaluation. Knows no steps, no schedule, no files."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from scalelab.records import RunSpec
from scalelab.training import head
from scalelab.training.device import Device
from scalelab.training.flat import FlatParameters
from scalelab.training.gpt2 import Gpt2Engine, serves
from scalelab.training.model import build, head_weight, hidden_states


class Engine(Protocol):
    """What the loop needs of a model, whichever way its passes are computed."""

    model: nn.Module
    flat: FlatParameters

    def forward_backward(
        self, ids: Tensor, targets: Tensor, *, scale: float, fresh: bool, masked: bool = False
    ) -> Tensor:
        """`scale` × the summed loss of (sequences, context) tokens.

        Its gradient is added to what is in the flat buffer, or replaces that where `fresh`. Where `masked`, tokens
        whose target is below 0 have no loss.
        """

    def scores(self, ids: Tensor, targets: Tensor, *, masked: bool = False) -> head.Scores:
        """Loss and accuracy of each sequence, without gradients."""

    def release(self) -> None:
        """Lets go of memory that it keeps between steps."""


class AutogradEngine:
    """Any Hugging Face causal LM: its own forward up to the hidden states, torch's autograd, and our loss."""

    def __init__(self, spec: RunSpec, device: Device) -> None:
        self.model = build(spec.shape, spec.seed)
        self.flat = FlatParameters(self.model, device.torch_device)
        self._device = device
        self._dtype = device.dtype(spec.dtype)
        self._hidden: Any = torch.compile(hidden_states) if spec.compile and device.compiles else hidden_states
        self._head = head_weight(self.model)

    def forward_backward(
        self, ids: Tensor, targets: Tensor, *, scale: float, fresh: bool, masked: bool = False
    ) -> Tensor:
        """See Engine."""
        if fresh:
            self.flat.grads.zero_()
        with self._device.autocast(self._dtype):
            hidden = self._hidden(self.model, ids).flatten(0, 1)
        grad = self._head.grad
        assert grad is not None
        loss, gradient = head.loss_and_gradient(
            hidden, self._head, targets.flatten(), weight_grad=grad, scale=scale, dtype=self._dtype, masked=masked
        )
        hidden.backward(gradient)
        return loss

    @torch.no_grad()
    def scores(self, ids: Tensor, targets: Tensor, *, masked: bool = False) -> head.Scores:
        """See Engine."""
        with self._device.autocast(self._dtype):
            hidden = hidden_states(self.model, ids)
        return head.scores(hidden, self._head, targets, dtype=self._dtype, masked=masked)

    def release(self) -> None:
        """See Engine: autograd keeps nothing."""


def open_engine(spec: RunSpec, device: Device) -> Engine:
    """The fastest engine that computes this run's model exactly."""
    return Gpt2Engine(spec, device) if serves(spec, device) else AutogradEngine(spec, device)
