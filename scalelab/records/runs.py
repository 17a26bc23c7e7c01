"""A run as it is planned: what model, on what schedule, in what part of the plan, and where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from scalelab.records.base import Json

MAX_POINTS = 200
"""Points of a run's curve."""


class RunState(StrEnum):
    """Where a run stands. Only the supervisor changes it, and each change is a row with time and reason."""

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DIVERGED = "diverged"
    STOPPED = "stopped"


class RunKind(StrEnum):
    """What a run is for. Only the end of a BRANCH or a SINGLE is a point for a fit: a trunk is never annealed."""

    TRUNK = "trunk"
    BRANCH = "branch"
    SINGLE = "single"


class Decay(StrEnum):
    """How the rate moves after the warm-up."""

    CONSTANT = "constant"
    COOLDOWN = "cooldown"
    COSINE = "cosine"
    LINEAR = "linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape(Json):
    """One causal language model, as exactly as its parameter count needs."""

    architecture: str
    """Hugging Face model type: "gpt2", "llama", "gpt_neox", "qwen3"."""
    n_layer: int
    d_model: int
    n_head: int
    d_ff: int
    """Width of the feed-forward layer: 4·d_model in GPT-2."""
    context: int
    """Tokens a sequence."""
    vocab_size: int
    tied: bool = True
    """Whether the input embedding is the output head."""
    activation: str = "gelu"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterCount(Json):
    """The three counts of N; a fit names the one it used."""

    n_params: int
    """All blocks + the output head (a tied embedding counts as the head): the parameters that do matrix work."""
    n_blocks: int
    """The blocks alone, without head and embeddings."""
    n_total: int
    """Everything that the model stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Json):
    """The learning rate at every step. Steps count from 0; step n_steps is never taken."""

    peak: float
    """Rate after the warm-up, per step of AdamW."""
    warmup_steps: int
    decay: Decay
    decay_start: int
    """First step of the decay; the rate is constant before it. Equal to n_steps for a trunk."""
    n_steps: int
    """Steps from the very first one (of the trunk) to the end of this run."""
    floor: float = 0.0
    """Rate at the end of the decay, as a share of the peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamW(Json):
    """The optimizer; weight decay acts on matrices only."""

    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0
    """Largest norm of the gradient; 0 turns clipping off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec(Json):
    """One training run, complete: what a worker needs besides the tokens and a device."""

    run: str
    """Identity within the lab, safe as a folder name: "64x2-D300k-s0", "64x2-trunk-s0"."""
    kind: RunKind
    rung: str
    """Name of the model size, d_model × n_layer: "64x2"."""
    seed: int
    """Sets the first weights and the order of the data."""
    shape: ModelShape
    counts: ParameterCount
    batch_sequences: int
    """Sequences a step of the optimizer."""
    micro_sequences: int
    """Sequences a forward pass; divides batch_sequences. Smaller needs less memory at the same tokens a step."""
    first_step: int
    """Where this run starts: 0, or the step of the trunk that a branch leaves from."""
    schedule: Schedule
    optimizer: AdamW
    parent: str | None = None
    """The trunk of a branch."""
    branch_steps: tuple[int, ...] = ()
    """Steps of a trunk after which its checkpoint must be kept for a branch."""
    evaluation_steps: tuple[int, ...] = ()
    """Numbers of finished steps at which the held-out loss is measured; the end is always one of them."""
    evaluation_tokens: int = 65_536
    """Held-out tokens measured each time, the same ones always."""
    dtype: str = "auto"
    """"auto" (what the device gains from), "float32", "bfloat16"."""
    compile: bool = False
    """Whether torch.compile is worth its seconds."""
    scored_pairs: int = 0
    """Held-out pairs of a task that are decoded and scored at the end; 0 where there is no task."""
    scoring_seconds: float = 60.0
    """Longest that decoding them may take: what is not decoded by then is not scored."""
    group: str = ""
    """Which of a lab's groups it belongs to: runs on one text, fitted by themselves; empty in a lab of one."""
    origin: str = ""
    """Where a run comes from that was not trained here: "trainer" (recorded by a callback), "imported" (from a file of
    runs), "evaluated" (a finished model that was scored); empty for the lab's own."""

    @property
    def n_steps(self) -> int:
        """Steps from the trunk's first to this run's end."""
        return self.schedule.n_steps

    @property
    def batch_tokens(self) -> int:
        """Tokens a step."""
        return self.batch_sequences * self.shape.context

    @property
    def n_tokens(self) -> int:
        """D: tokens seen at this run's end, the trunk's part included."""
        return self.n_steps * self.batch_tokens

    @property
    def new_tokens(self) -> int:
        """Tokens that this run itself trains on."""
        return (self.n_steps - self.first_step) * self.batch_tokens

    @property
    def points_every(self) -> int:
        """Steps between two points of the curve: at most MAX_POINTS a run, which is more than a screen has columns."""
        return max(1, math.ceil((self.n_steps - self.first_step) / MAX_POINTS))

    @property
    def flops_per_token(self) -> float:
        """Training FLOPs a token: 6·n_params + 12·n_layer·d_model·context (attention scores included)."""
        return 6.0 * self.counts.n_params + 12.0 * self.shape.n_layer * self.shape.d_model * self.shape.context

    @property
    def flops(self) -> float:
        """C: training FLOPs of the point at this run's end, the trunk's part included."""
        return self.n_tokens * self.flops_per_token

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The spec from plain values, its parts included."""
        parts = dict(values)
        parts["kind"] = RunKind(parts["kind"])
        parts["shape"] = ModelShape.from_dict(parts["shape"])
        parts["counts"] = ParameterCount.from_dict(parts["counts"])
        schedule = dict(parts["schedule"])
        schedule["decay"] = Decay(schedule["decay"])
        parts["schedule"] = Schedule(**schedule)
        parts["optimizer"] = AdamW.from_dict(parts["optimizer"])
        for name in ("branch_steps", "evaluation_steps"):
            parts[name] = tuple(parts[name])
        return cls(**parts)
