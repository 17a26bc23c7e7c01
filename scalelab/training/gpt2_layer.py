"""One GPT-2 block on a CPU with its backward pass written out, over the Hugging Face block's own parameters.

On the smallest rungs a module call and an autograd node cost more than the arithmetic: without them, and with buffers
that are allocated once and gradients written where the optimizer reads them, a step takes half as long.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from scalelab.training.attention import Attention, Workspace

LAYER_NORM_EPS = 1e-5


class LinearGradients:
    """y = x W + b with W as (inputs, outputs), as GPT-2's Conv1D stores it."""

    def __init__(self, conv: Any) -> None:
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, x: Tensor, out: Tensor) -> Tensor:
        """Writes y to out."""
        return torch.addmm(self.bias, x, self.weight, out=out)

    def backward(self, x: Tensor, grad: Tensor, *, fresh: bool, out: Tensor) -> Tensor:
        """Writes the gradient at x to out; adds those of W and b, or replaces them where `fresh`."""
        add_matmul(self.weight.grad, x.t(), grad, fresh=fresh)
        add_rows(self.bias.grad, grad, fresh=fresh)
        return torch.mm(grad, self.weight.t(), out=out)


class NormGradients:
    """A layer norm and the statistics of its last forward pass."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        self.weight, self.bias, self._width = norm.weight, norm.bias, [norm.weight.numel()]
        self._mean = self._rstd = self._x = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """The normed x; x itself is kept for the way back and must not change until then."""
        y, self._mean, self._rstd = torch.native_layer_norm(x, self._width, self.weight, self.bias, LAYER_NORM_EPS)
        self._x = x
        return y

    def backward(self, grad: Tensor, *, fresh: bool) -> Tensor:
        """The gradient at x; adds those of weight and bias, or replaces them where `fresh`."""
        dx, d_weight, d_bias = torch.ops.aten.native_layer_norm_backward(
            grad, self._x, self._width, self._mean, self._rstd, self.weight, self.bias, [True, True, True]
        )
        for own, new in ((self.weight.grad, d_weight), (self.bias.grad, d_bias)):
            if own is not None:
                own.copy_(new) if fresh else own.add_(new)
        result: Tensor = dx
        return result


class LayerGradients:
    """One block for one size of batch."""

    def __init__(self, block: Any, sequences: int, context: int, *, tanh: bool) -> None:
        attention, mlp = block.attn, block.mlp
        d_model, d_ff = attention.embed_dim, mlp.c_fc.weight.shape[1]
        tokens = sequences * context
        self._norms = NormGradients(block.ln_1), NormGradients(block.ln_2)
        self._attention = Attention(sequences, context, d_model, attention.num_heads)
        self._to_qkv, self._from_heads = LinearGradients(attention.c_attn), LinearGradients(attention.c_proj)
        self._up, self._down = LinearGradients(mlp.c_fc), LinearGradients(mlp.c_proj)
        self._approximate = "tanh" if tanh else "none"
        self._normed: list[Tensor] = []
        self._middle, self.out = torch.empty(tokens, d_model), torch.empty(tokens, d_model)
        self._wide, self._active = torch.empty(tokens, d_ff), torch.empty(tokens, d_ff)

    def forward(self, x: Tensor, work: Workspace) -> Tensor:
        """(tokens, d_model) → (tokens, d_model)."""
        first = self._norms[0].forward(x)
        heads = self._attention.forward(self._to_qkv.forward(first, work.merged), work)
        middle = self._from_heads.forward(heads, self._middle).add_(x)
        second = self._norms[1].forward(middle)
        wide = self._up.forward(second, self._wide)
        torch.ops.aten.gelu.out(wide, approximate=self._approximate, out=self._active)
        self._normed = [first, second]
        return self._down.forward(self._active, self.out).add_(middle)

    def backward(self, grad: Tensor, work: Workspace, *, fresh: bool) -> Tensor:
        """The gradient at x from the one at the output; parameters' gradients go where the optimizer reads them."""
        first, second = self._normed
        d_active = self._down.backward(self._active, grad, fresh=fresh, out=self._active_grad(work))
        d_wide = torch.ops.aten.gelu_backward.grad_input(
            d_active, self._wide, approximate=self._approximate, grad_input=d_active
        )
        d_second = self._up.backward(second, d_wide, fresh=fresh, out=second)
        d_middle = self._norms[1].backward(d_second, fresh=fresh).add_(grad)
        d_heads = self._from_heads.backward(self._attention.out, d_middle, fresh=fresh, out=second)
        d_qkv = self._attention.backward(d_heads, work)
        d_first = self._to_qkv.backward(first, d_qkv, fresh=fresh, out=second)
        return self._norms[0].backward(d_first, fresh=fresh).add_(d_middle)

    def _active_grad(self, work: Workspace) -> Tensor:
        if work.wide is None:
            work.wide = torch.empty_like(self._active)
        return work.wide


def add_matmul(into: Tensor | None, left: Tensor, right: Tensor, *, fresh: bool, alpha: float = 1.0) -> None:
    """Makes into = alpha · left right, plus what was there unless `fresh`.

    A tall result is computed lying on its side: with a short inner side the product is a fifth faster that way.
    """
    assert into is not None
    if into.shape[0] <= into.shape[1]:
        into.addmm_(left, right, beta=0 if fresh else 1, alpha=alpha)
        return
    product = torch.mm(right.t(), left.t()).t()
    if fresh:
        torch.mul(product, alpha, out=into)
    else:
        into.add_(product, alpha=alpha)


def add_rows(into: Tensor | None, rows: Tensor, *, fresh: bool) -> None:
    """Into = the sum over rows, plus what was there unless `fresh`."""
    assert into is not None
    if fresh:
        torch.sum(rows, 0, out=into)
    else:
        into.add_(rows.sum(0))
