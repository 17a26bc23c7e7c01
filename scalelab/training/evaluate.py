"""The held-out loss: always the same tokens, whole sequences, with its standard error. Knows no loop."""

from __future__ import annotations

import math

import numpy as np
import torch

from scalelab.errors import BadInput
from scalelab.records import Evaluation, RunSpec, TokenSet
from scalelab.training.batches import open_tokens
from scalelab.training.device import Device
from scalelab.training.engine import Engine


class HeldOut:
    """The fixed held-out sequences of a lab, on the device."""

    def __init__(self, spec: RunSpec, tokens: TokenSet, device: Device) -> None:
        context = spec.shape.context
        flat = open_tokens(tokens, "held_out")
        sequences = (min(len(flat), spec.evaluation_tokens + 1) - 1) // context
        if sequences < 2:
            raise BadInput(
                f"the held-out part has {len(flat)} tokens, {spec.evaluation_tokens} of them asked for",
                allowed=f"at least two sequences of {context} tokens",
                todo="hold out more, or shorten the context",
            )
        starts = np.arange(sequences)[:, None] * context
        self._windows = device.put(flat[starts + np.arange(context + 1)].astype(np.int64))
        self._bytes_per_token = tokens.bytes_per_token
        self._spec = spec

    def measure(self, engine: Engine, *, step: int, attempt: int, final: bool, rows: int) -> Evaluation:
        """One evaluation after `step` finished steps, `rows` sequences at a time."""
        losses, shares = [], []
        for start in range(0, len(self._windows), rows):
            windows = self._windows[start : start + rows]
            scores = engine.scores(windows[:, :-1], windows[:, 1:])
            losses.append(scores.loss)
            shares.append(scores.correct)
        loss = torch.cat(losses).cpu().double()
        mean = float(loss.mean())
        n_tokens = step * self._spec.batch_tokens
        return Evaluation(
            run=self._spec.run,
            attempt=attempt,
            step=step,
            n_tokens=n_tokens,
            flops=n_tokens * self._spec.flops_per_token,
            loss=mean,
            loss_se=float(loss.std()) / math.sqrt(len(loss)),
            accuracy=float(torch.cat(shares).cpu().double().mean()),
            bits_per_byte=mean / math.log(2.0) / self._bytes_per_token,
            evaluated_tokens=len(loss) * self._spec.shape.context,
            final=final,
        )
