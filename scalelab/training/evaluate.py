"""The held-out loss: always the same tokens, whole sequences, with its standard error. Knows no loop."""

from __future__ import annotations

import math

import numpy as np
import torch

from scalelab.errors import BadInput
from scalelab.records import Evaluation, RunSpec, TokenSet
from scalelab.training.batches import marked, open_targets, open_tokens
from scalelab.training.device import Device
from scalelab.training.engine import Engine
from scalelab.training.step import inputs_of


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
        places = np.arange(sequences)[:, None] * context + np.arange(context + 1)
        windows, targets = flat[places].astype(np.int64), open_targets(tokens, "held_out")
        self._masked = targets is not None
        self._windows = device.put(windows if targets is None else marked(windows, targets[places]))
        self._bytes_per_token = tokens.bytes_per_token
        self._spec = spec

    def measure(self, engine: Engine, *, step: int, attempt: int, final: bool, rows: int) -> Evaluation:
        """One evaluation after `step` finished steps, `rows` sequences at a time."""
        loss, share, counts = self._sequences(engine, rows)
        if counts is None:
            mean, spread, accuracy = float(loss.mean()), float(loss.std()), float(share.mean())
            evaluated = len(loss) * self._spec.shape.context
        else:
            evaluated = int(counts.sum())
            counts = counts / counts.mean()
            mean, accuracy = float((loss * counts).mean()), float((share * counts).mean())
            # Of a ratio of two means, since sequences differ in how many targets they hold.
            spread = float(((loss - mean) * counts).std())
        n_tokens = step * self._spec.batch_tokens
        return Evaluation(
            run=self._spec.run,
            attempt=attempt,
            step=step,
            n_tokens=n_tokens,
            flops=n_tokens * self._spec.flops_per_token,
            loss=mean,
            loss_se=spread / math.sqrt(len(loss)),
            accuracy=accuracy,
            bits_per_byte=mean / math.log(2.0) / self._bytes_per_token,
            evaluated_tokens=evaluated,
            final=final,
        )

    def _sequences(self, engine: Engine, rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Mean loss and share ranked first of each sequence, and of how many targets, where they differ in that."""
        losses, shares, counts = [], [], []
        for start in range(0, len(self._windows), rows):
            windows = self._windows[start : start + rows]
            ids = inputs_of(windows[:, :-1]) if self._masked else windows[:, :-1]
            scores = engine.scores(ids, windows[:, 1:], masked=self._masked)
            losses.append(scores.loss)
            shares.append(scores.correct)
            counts += [] if scores.counts is None else [scores.counts]
        joined = [torch.cat(each).cpu().double() if each else None for each in (losses, shares, counts)]
        assert joined[0] is not None and joined[1] is not None
        return joined[0], joined[1], joined[2]
