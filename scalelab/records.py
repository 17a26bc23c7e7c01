"""The records that pass from room to room: what is planned, what is trained, what was measured.

Every arrow in the way of the data (preset → plan → store → worker → store → fit) carries one of these. They are
frozen, made of plain values, and go to JSON and back without loss; this file imports the standard library only, so
that every room may know it and it knows nobody.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self

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


class _Json:
    """JSON both ways for a frozen record of plain values; enums go as their value."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def to_json(self) -> str:
        """The record as one line of JSON."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The record from plain values; unknown keys are refused by the constructor."""
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record from its JSON."""
        return cls.from_dict(json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape(_Json):
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
class ParameterCount(_Json):
    """The three counts of N; a fit names the one it used."""

    n_params: int
    """All blocks + the output head (a tied embedding counts as the head): the parameters that do matrix work."""
    n_blocks: int
    """The blocks alone, without head and embeddings."""
    n_total: int
    """Everything that the model stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(_Json):
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
class AdamW(_Json):
    """The optimizer; weight decay acts on matrices only."""

    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0
    """Largest norm of the gradient; 0 turns clipping off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec(_Json):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPart(_Json):
    """One corpus of those that a token set was taken from by shares, or the one that was streamed."""

    corpus: str
    revision: str
    """Which state of it: the commit of a hub's repository; empty for text of this machine."""
    share: float
    """Of the training tokens, as asked; all shares add up to 1."""
    train_tokens: int
    """In train.bin."""
    unique_tokens: int
    """Different ones among those that were read for it: fewer than train_tokens where they repeat."""
    held_out_tokens: int
    """In its own held_out-N.bin, N from 0; the token set's held_out.bin mixes all parts in their shares."""
    held_out_bytes: int

    @property
    def passes(self) -> float:
        """How often its text stands in train.bin."""
        return self.train_tokens / max(self.unique_tokens, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCounts(_Json):
    """What a token set of prompts and targets holds; prompts and padding are inputs alone, losses are of targets."""

    task: str
    """"translation" or "qa"."""
    context: int
    """Tokens of a window: an example stands in one and is never cut."""
    train_pairs: int
    held_out_pairs: int
    """Prompts that are held out, each with all its targets; held_out.jsonl has them as text."""
    train_targets: int
    """Tokens of train.bin that are targets, ends of targets included; train.targets.bin marks them."""
    held_out_targets: int
    held_out_target_bytes: int
    """Of the held-out targets as text."""
    longest_target: int
    """Tokens, end included: no model is asked for a longer one."""
    too_long: int = 0
    """Examples left out for being longer than the context."""
    empty: int = 0
    """Examples left out for an empty prompt or target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet(_Json):
    """A corpus as tokens on disk: train.bin and held_out.bin (flat, little-endian), tokenizer.json, manifest.json."""

    key: str
    """Hash of (text, tokenizer, split): two labs with one key train on the same bytes."""
    directory: str
    corpus: str
    tokenizer: str
    dtype: str
    """"uint16" or "uint32"."""
    vocab_size: int
    train_tokens: int
    train_bytes: int
    held_out_tokens: int
    held_out_bytes: int
    parts: tuple[TokenPart, ...] = ()
    """What it was taken from by streaming or in shares; empty for one corpus of this machine, which is there whole."""
    asked_train: int = 0
    """Training tokens that were asked of the parts; 0: all there are."""
    asked_held_out: int = 0
    pairs: PairCounts | None = None
    """Of a task's prompts and targets; None of plain text, where every token is a target."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The token set from plain values, its parts included."""
        parts = tuple(TokenPart.from_dict(part) for part in values.get("parts", ()))
        pairs = values.get("pairs")
        return cls(**{**values, "parts": parts, "pairs": pairs and PairCounts.from_dict(pairs)})

    @property
    def bytes_per_token(self) -> float:
        """Of the held-out text, or of its targets: turns nats a token into bits a byte."""
        if self.pairs is not None:
            return self.pairs.held_out_target_bytes / self.pairs.held_out_targets
        return self.held_out_bytes / self.held_out_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo(_Json):
    """A device as the plan and the screens see it; torch's own object stays inside the training room."""

    name: str
    """"cpu", "cuda:0", "mps"."""
    label: str
    """What a person calls it: "AMD EPYC, 2 cores", "NVIDIA H100"."""
    memory_bytes: int
    slots: int
    """Runs that train at once: physical cores of a CPU, 1 or more on a GPU."""
    peak_flops: float
    """FLOP/s of one slot in the training dtype."""
    peak_source: str
    """"measured" (matmul on the device), "estimated" (matmul in numpy), "nominal" (data sheet)."""
    dtype: str = "float32"
    members: tuple[str, ...] = ()
    """The devices behind "cuda" when it means every card of the box; empty for a single device."""

    def slot_device(self, slot: int) -> str:
        """The device that slot number `slot` trains on."""
        return self.members[slot % len(self.members)] if self.members else self.name

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The device from plain values."""
        return cls(**{**values, "members": tuple(values.get("members", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Point(_Json):
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
class Evaluation(_Json):
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
class Saved(_Json):
    """A checkpoint that is whole on disk: named only after its folder was synced."""

    run: str
    attempt: int
    step: int
    path: str
    """Relative to the run's folder."""
    for_branch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(_Json):
    """How an attempt ended, as the worker saw it. A worker that died sends none: the supervisor says FAILED."""

    run: str
    attempt: int
    state: RunState
    step: int
    reason: str = ""

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
class Notice(_Json):
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
class Usage(_Json):
    """What a slot takes of its device; looked at every few seconds while a worker lives, whether it moves or not."""

    slot: int
    device: str
    """"cpu", "cuda:0", "mps"."""
    time: float
    """When it was looked at, seconds since the epoch: an old one says that nobody trains there."""
    memory_used: int
    """Bytes: of a CPU what the worker holds, of a CUDA card what everybody holds of it."""
    memory_total: int
    """Bytes of the machine, or of the card."""
    utilisation: float | None
    """0 to 1 since the last look: of a CPU its share of the slot's threads; None where the device does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score(_Json):
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


Message = Point | Evaluation | Saved | Outcome | Notice | Usage | Score
"""What a worker sends up its pipe."""

_MESSAGES: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Point, Evaluation, Saved, Outcome, Notice, Usage, Score)
}


def pack(message: Message) -> bytes:
    """A message as the bytes that go through the pipe."""
    return json.dumps([type(message).__name__, message.to_dict()]).encode()


def unpack(line: bytes) -> Message:
    """The message in bytes that came through the pipe."""
    name, values = json.loads(line)
    return _MESSAGES[name].from_dict(values)


def field_names(record: type[Any]) -> tuple[str, ...]:
    """The fields of a record, in order: the columns of its table."""
    return tuple(field.name for field in fields(record))
