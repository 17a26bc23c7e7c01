"""The held-out loss: always the same tokens, whole sequences, with its standard error. Knows no loop.

Of a mixture the parts are measured too, each on as many tokens of its own held-out text, at a run's end alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scalelab.errors import BadInput
from scalelab.records import Evaluation, PartEvaluation, RunSpec, TokenSet
from scalelab.training.batches import marked, open_targets, open_tokens
from scalelab.training.device import Device
from scalelab.training.engine import Engine
from scalelab.training.step import inputs_of

LEAST = 2
"""Sequences without which there is no standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """Means over targets."""

    loss: float
    loss_se: float
    accuracy: float
    n_targets: int

    def bits_per_byte(self, bytes_per_token: float) -> float:
        """The loss in bits a byte of the text."""
        return self.loss / math.log(2.0) / bytes_per_token


class HeldOut:
    """The fixed held-out sequences of a lab, on the device; those of a mixture's parts when they are asked for."""

    def __init__(self, spec: RunSpec, tokens: TokenSet, device: Device) -> None:
        flat = open_tokens(tokens, "held_out")
        if _sequences(flat, spec) < LEAST:
            raise BadInput(
                f"the held-out part has {len(flat)} tokens, {spec.evaluation_tokens} of them asked for",
                allowed=f"at least two sequences of {spec.shape.context} tokens",
                todo="hold out more, or shorten the context",
            )
        places, targets = _places(flat, spec), open_targets(tokens, "held_out")
        windows = flat[places].astype(np.int64)
        self._masked = targets is not None
        self._windows = device.put(windows if targets is None else marked(windows, targets[places]))
        self._spec, self._tokens, self._device = spec, tokens, device

    def measure(self, engine: Engine, *, step: int, attempt: int, final: bool, rows: int) -> Evaluation:
        """One evaluation after `step` finished steps, `rows` sequences at a time."""
        found = self._measured(engine, self._windows, rows)
        n_tokens = step * self._spec.batch_tokens
        return Evaluation(
            run=self._spec.run,
            attempt=attempt,
            step=step,
            n_tokens=n_tokens,
            flops=n_tokens * self._spec.flops_per_token,
            loss=found.loss,
            loss_se=found.loss_se,
            accuracy=found.accuracy,
            bits_per_byte=found.bits_per_byte(self._tokens.bytes_per_token),
            evaluated_tokens=found.n_targets,
            final=final,
        )

    @property
    def parts(self) -> range:
        """Numbers of a mixture's parts; none of one corpus."""
        return range(len(self._tokens.parts) if len(self._tokens.parts) > 1 else 0)

    def part(self, number: int, engine: Engine, *, step: int, attempt: int, rows: int) -> PartEvaluation | None:
        """One part of a mixture on its own held-out text; None where that is too little."""
        part, flat = self._tokens.parts[number], open_tokens(self._tokens, f"held_out-{number}")
        if _sequences(flat, self._spec) < LEAST:
            return None
        found = self._measured(engine, self._device.put(flat[_places(flat, self._spec)].astype(np.int64)), rows)
        return PartEvaluation(
            run=self._spec.run,
            attempt=attempt,
            step=step,
            part=part.corpus,
            loss=found.loss,
            loss_se=found.loss_se,
            accuracy=found.accuracy,
            bits_per_byte=found.bits_per_byte(part.held_out_bytes / part.held_out_tokens),
            evaluated_tokens=found.n_targets,
        )

    def _measured(self, engine: Engine, windows: torch.Tensor, rows: int) -> _Measure:
        loss, share, counts = self._scored(engine, windows, rows)
        if counts is None:
            mean, spread, accuracy = float(loss.mean()), float(loss.std()), float(share.mean())
            n_targets = len(loss) * self._spec.shape.context
        else:
            n_targets = int(counts.sum())
            counts = counts / counts.mean()
            mean, accuracy = float((loss * counts).mean()), float((share * counts).mean())
            # Of a ratio of two means, since sequences differ in how many targets they hold.
            spread = float(((loss - mean) * counts).std())
        return _Measure(loss=mean, loss_se=spread / math.sqrt(len(loss)), accuracy=accuracy, n_targets=n_targets)

    def _scored(
        self, engine: Engine, held_out: torch.Tensor, rows: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Mean loss and share ranked first of each sequence, and of how many targets, where they differ in that."""
        losses, shares, counts = [], [], []
        for start in range(0, len(held_out), rows):
            windows = held_out[start : start + rows]
            ids = inputs_of(windows[:, :-1]) if self._masked else windows[:, :-1]
            scores = engine.scores(ids, windows[:, 1:], masked=self._masked)
            losses.append(scores.loss)
            shares.append(scores.correct)
            counts += [] if scores.counts is None else [scores.counts]
        joined = [torch.cat(each).cpu().double() if each else None for each in (losses, shares, counts)]
        assert joined[0] is not None and joined[1] is not None
        return joined[0], joined[1], joined[2]


def _sequences(flat: NDArray[Any], spec: RunSpec) -> int:
    return (min(len(flat), spec.evaluation_tokens + 1) - 1) // spec.shape.context


def _places(flat: NDArray[Any], spec: RunSpec) -> NDArray[np.int64]:
    """(sequences, context + 1): the first tokens, each sequence begun by the last token of the one before it."""
    context = spec.shape.context
    return np.arange(_sequences(flat, spec))[:, None] * context + np.arange(context + 1)
