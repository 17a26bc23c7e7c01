"""What a worker sends up its pipe: points, evaluations, of a mixture its parts', checkpoints, ends, notices, scores."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from scalelab.records.base import Json
from scalelab.records.devices import Usage
from scalelab.records.runs import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Point(Json):
    """The training loss over the steps since the last point."""

    run: str
    attempt: int
    step: int
    """Finished steps, from the trunk's first."""
    n_tokens: int
    loss: float
    """Nats a token on training batches, mean since the last point."""
    lr: float
    grad_norm: float
    tokens_per_second: float
    seconds: float
    """Spent training in this attempt, monotonic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Json):
    """The held-out measures after a step."""

    run: str
    attempt: int
    step: int
    n_tokens: int
    """D so far, as counted by the loop."""
    flops: float
    loss: float
    """Nats a token on the fixed held-out tokens."""
    loss_se: float
    """Standard error of that mean, from the spread between sequences."""
    accuracy: float
    """Share of next tokens that the model ranks first."""
    bits_per_byte: float
    evaluated_tokens: int
    final: bool
    """Whether this is the annealed end of a branch or single run: the only kind that enters a fit."""

    @property
    def perplexity(self) -> float:
        """exp(loss)."""
        return math.exp(min(self.loss, 700.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEvaluation(Json):
    """The held-out measures of one part of a mixture at a run's end, beside the mixture's own `Evaluation`."""

    run: str
    attempt: int
    step: int
    part: str
    """The part's corpus, as the token set names it."""
    loss: float
    """Nats a token on the fixed held-out tokens of that part alone."""
    loss_se: float
    accuracy: float
    bits_per_byte: float
    evaluated_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Json):
    """A checkpoint that is whole on disk: named only after its folder was synced."""

    run: str
    attempt: int
    step: int
    path: str
    """Relative to the run's folder."""
    for_branch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Json):
    """How an attempt ended, as the worker saw it. A worker that died sends none: the supervisor says FAILED."""

    run: str
    attempt: int
    state: RunState
    step: int
    reason: str = ""
    lost: str = ""
    """The device that is gone or answers no longer, where that ended the attempt: "cuda:1"."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The outcome from plain values."""
        return cls(**{**values, "state": RunState(values["state"])})


class NoticeKind(StrEnum):
    """What a worker has to say besides numbers."""

    PAUSED = "paused"
    """It waits for what passes: a full disk, too many open files."""
    GOES_ON = "goes on"
    """What it waited for is there."""
    NOT_EXACT = "not exact"
    """From this step on its numbers are not bit for bit those of an undisturbed run."""
    WARNING = "warning"
    """Something went wrong that the training itself does not need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Json):
    """A sentence about a run that trains."""

    run: str
    attempt: int
    step: int
    kind: NoticeKind
    text: str

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The notice from plain values."""
        return cls(**{**values, "kind": NoticeKind(values["kind"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Score(Json):
    """What a finished run reaches in a task, by greedy decoding of held-out prompts."""

    run: str
    attempt: int
    step: int
    name: str
    """"chrf", "bleu", "exact", "f1"."""
    value: float
    """0 to 1."""
    n: int
    """Prompts that were decoded."""


Message = Point | Evaluation | PartEvaluation | Saved | Outcome | Notice | Usage | Score
"""What a worker sends up its pipe."""

_MESSAGES: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Point, Evaluation, PartEvaluation, Saved, Outcome, Notice, Usage, Score)
}


def pack(message: Message) -> bytes:
    """A message as the bytes that go through the pipe."""
    return json.dumps([type(message).__name__, message.to_dict()]).encode()


def unpack(line: bytes) -> Message:
    """The message in bytes that came through the pipe."""
    name, values = json.loads(line)
    return _MESSAGES[name].from_dict(values)
