"""GPT-2 on a CPU without autograd: an engine over the Hugging Face model's own parameters, for contexts up to 256.

A test holds its losses and gradients to those of the library's model; what a run leaves behind is that model.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from scalelab.records import ModelShape, RunSpec
from scalelab.training import head
from scalelab.training.attention import LONGEST, Workspace
from scalelab.training.device import Device
from scalelab.training.flat import FlatParameters
from scalelab.training.gpt2_layer import LayerGradients, NormGradients, add_rows
from scalelab.training.model import build, head_weight


def serves(spec: RunSpec, device: Device) -> bool:
    """Whether this engine computes the run's model: gpt2 in float32 on a CPU, a short context, a GELU."""
    return (
        device.torch_device.type == "cpu"
        and spec.shape.architecture == "gpt2"
        and spec.shape.activation in ("gelu", "gelu_pytorch_tanh")
        and spec.shape.context <= LONGEST
        and device.dtype(spec.dtype) is torch.float32
    )


class _Passes:
    """Both passes for one number of sequences; the buffers are as large as that needs."""

    def __init__(self, body: Any, shape: ModelShape, sequences: int) -> None:
        self._body, self._size = body, (sequences, shape.context, shape.d_model)
        tanh = shape.activation != "gelu"
        self._work = Workspace(sequences, shape.context, shape.d_model, shape.n_head)
        self._layers = [LayerGradients(block, sequences, shape.context, tanh=tanh) for block in body.h]
        self._norm = NormGradients(body.ln_f)
        self._embedded = torch.empty(self._size)

    def forward(self, ids: Tensor) -> Tensor:
        """(sequences, context) → (tokens, d_model) final hidden states."""
        rows = torch.index_select(self._body.wte.weight, 0, ids.flatten())
        x = torch.add(rows.view(self._size), self._body.wpe.weight, out=self._embedded).flatten(0, 1)
        for layer in self._layers:
            x = layer.forward(x, self._work)
        return self._norm.forward(x)

    def backward(self, ids: Tensor, grad: Tensor, *, fresh: bool) -> None:
        """From the gradient at the hidden states to those of all parameters but the head."""
        grad = self._norm.backward(grad, fresh=fresh)
        for layer in reversed(self._layers):
            grad = layer.backward(grad, self._work, fresh=fresh)
        self._body.wte.weight.grad.index_add_(0, ids.flatten(), grad)
        add_rows(self._body.wpe.weight.grad, grad.view(self._size), fresh=fresh)


class Gpt2Engine:
    """The engine of the smallest rungs; see Engine for what it promises."""

    def __init__(self, spec: RunSpec, device: Device) -> None:
        self.model: Any = build(spec.shape, spec.seed)
        self.flat = FlatParameters(self.model, device.torch_device)
        self._shape = spec.shape
        self._head = head_weight(self.model)
        self._passes: dict[int, _Passes] = {}

    @torch.no_grad()
    def forward_backward(
        self, ids: Tensor, targets: Tensor, *, scale: float, fresh: bool, masked: bool = False
    ) -> Tensor:
        """See Engine."""
        ids = ids.contiguous()
        passes = self._for(len(ids))
        hidden = passes.forward(ids)
        grad = self._head.grad
        assert grad is not None
        if fresh and not self._shape.tied:
            self.model.transformer.wte.weight.grad.zero_()
        loss, gradient = head.loss_and_gradient(
            hidden, self._head, targets.flatten(), weight_grad=grad, scale=scale, dtype=torch.float32, fresh=fresh,
            masked=masked,
        )  # fmt: skip
        passes.backward(ids, gradient, fresh=fresh)
        return loss

    @torch.no_grad()
    def scores(self, ids: Tensor, targets: Tensor, *, masked: bool = False) -> head.Scores:
        """See Engine."""
        hidden = self._for(len(ids)).forward(ids)
        return head.scores(hidden.view(*ids.shape, -1), self._head, targets, dtype=torch.float32, masked=masked)

    def release(self) -> None:
        """See Engine."""
        self._passes.clear()

    def _for(self, sequences: int) -> _Passes:
        if sequences not in self._passes:
            self._passes[sequences] = _Passes(self.model.transformer, self._shape, sequences)
        return self._passes[sequences]
