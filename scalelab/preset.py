"""What a user asks for: a preset, its fields with unit, range and meaning. TOML in, TOML out, overrides between.

Reading, finding and overriding presets stands in `preset_files.py`; here is only what a preset is. It
knows nothing of how a plan is made from it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from scalelab.errors import BadInput, did_you_mean
from scalelab.mixture import line_of, shares
from scalelab.pairing import check_source
from scalelab.recipe import parse_recipe
from scalelab.units import parse_count

TOKENIZERS = ("bpe", "bytes", "gpt2")
"""Names of tokenizers; whatever else is an id of the hub or a path."""
SHAPE = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,3})")


def _count(value: Any) -> float:
    # pydantic says where in the preset a ValueError arose; a BadInput would pass through it without that.
    try:
        return parse_count(value, "it") if isinstance(value, str | int | float) else parse_count(str(value), "it")
    except BadInput as error:
        raise ValueError(error.allowed) from None


def _shape(value: Any) -> str:
    if not (isinstance(value, str) and SHAPE.fullmatch(value)):
        raise ValueError('a shape is written d_model x n_layer, such as "64x2"')
    return value


def _source(value: Any) -> Any:
    try:
        if isinstance(value, dict):
            return line_of(value)
        if isinstance(value, str):
            shares(value)
    except BadInput as error:
        raise ValueError(error.line()) from None
    return value


def _tokenizer(value: str) -> str:
    if value not in TOKENIZERS and "/" not in value and not value.endswith(".json"):
        raise ValueError("bpe, bytes, gpt2, a hub id OWNER/NAME, or a folder with a tokenizer.json, such as ./gpt2")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _recipe(value: str) -> str:
    try:
        return parse_recipe(value).written
    except BadInput as error:
        # What was given is told by who tells of the field.
        raise ValueError("; ".join(filter(None, (error.allowed, error.todo)))) from None


Count = Annotated[float, BeforeValidator(_count)]
"""A positive number, also as "250k" or "1.5e18"."""
Shape = Annotated[str, BeforeValidator(_shape)]
"""A model size as d_model x n_layer: "64x2"."""
Share = Annotated[float, Field(gt=0, lt=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)


class ModelSpec(_Table):
    """What all rungs share."""

    architecture: Literal["gpt2", "llama", "gpt_neox", "qwen3"] = "gpt2"
    """Hugging Face model type."""
    activation: Literal["gelu", "gelu_pytorch_tanh", "silu", "relu"] = "gelu"
    """Exact GELU is fused and 3–11 % faster than the tanh forms."""
    context: int = Field(128, ge=8, le=131_072)
    """Tokens a sequence."""
    head_dim: int | None = Field(None, ge=1, le=1024)
    """Width of an attention head; unset: 32 under a width of 128, else 64, or what divides the width."""
    tied: bool = True
    """Whether the input embedding is the output head."""


class LadderSpec(_Table):
    """The model sizes: shapes, or targets for N, or from–to–rungs in equal ratios."""

    shapes: list[Shape] | None = Field(None, min_length=1, max_length=64)
    params: list[Count] | None = Field(None, min_length=1, max_length=64)
    """Targets for n_params; the nearest sensible shape is taken and its exact count shown."""
    from_: Count | None = Field(None, alias="from")
    to: Count | None = None
    rungs: int | None = Field(None, ge=2, le=64)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        span = [value is not None for value in (self.from_, self.to, self.rungs)]
        if any(span) and not all(span):
            raise ValueError("a span needs all of from, to and rungs")
        if (self.shapes is not None) + (self.params is not None) + all(span) != 1:
            raise ValueError("give exactly one of shapes, params, or from–to–rungs")
        if self.from_ is not None and self.to is not None and self.to <= self.from_:
            raise ValueError("to must be above from")
        for values in (self.shapes, self.params):
            if values is not None and len(set(values)) < len(values):
                raise ValueError("no rung may stand twice")
        return self


class BudgetSpec(_Table):
    """The data budgets D of every rung: tokens, or tokens a parameter, or total FLOPs (isoFLOP)."""

    tokens: list[Count] | None = Field(None, min_length=1, max_length=64)
    tokens_per_param: list[Count] | None = Field(None, min_length=1, max_length=64)
    flops: list[Count] | None = Field(None, min_length=1, max_length=64)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [values for values in (self.tokens, self.tokens_per_param, self.flops) if values is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of tokens, tokens_per_param, flops")
        if len(set(given[0])) < len(given[0]):
            raise ValueError("no budget may stand twice")
        return self


class CorpusSpec(_Table):
    """The text and how it becomes tokens."""

    source: Annotated[str, BeforeValidator(_source)] = Field("sotu", min_length=1, max_length=4096)
    """"sotu", "python", a corpus of the hub ("wikitext-103", "fineweb:CC-MAIN-2024-10", "hf:OWNER/NAME:CONFIG"), a
    local file, folder or glob ("data/*.jsonl", "files:notes.txt"), or shares: "wikitext-103=0.7,python=0.3"."""
    tokenizer: Annotated[str, AfterValidator(_tokenizer)] = Field("bpe", min_length=1, max_length=4096)
    """"bpe": byte-level BPE trained on the training side of this corpus; "bytes": one token a byte; "gpt2", another id
    of the hub, or a folder with a tokenizer.json: one that exists already."""
    vocab_size: int = Field(512, ge=257, le=1_000_000)
    """Tokens of the BPE. With "bytes" it is 257 and with "gpt2" 50,257 whatever stands here; of another tokenizer that
    exists already, what the plan counts with until it is there."""
    held_out: float = Field(0.05, gt=0, le=0.5)
    """Share of the passages kept for the held-out loss."""
    text_column: str = Field("text", min_length=1, max_length=200)
    """Column of jsonl, csv and parquet files and of the hub's datasets."""

    @model_validator(mode="before")
    @classmethod
    def _short_mixture(cls, values: Any) -> Any:
        """`corpus = {"wikitext-103" = 0.7, python = 0.3}`: shares beside the fields, or in their place."""
        if not isinstance(values, dict):
            return values
        known = {*cls.model_fields}
        shares = {name: each for name, each in values.items() if name not in known and _is_number(each)}
        # One number under an unknown name is rather a misspelt field than a mixture of one.
        if len(shares) < 2 or "source" in values or any(did_you_mean(name, known) for name in shares):
            return values
        rest = {name: each for name, each in values.items() if name not in shares}
        return {**rest, "source": shares}

    @property
    def planned_vocabulary(self) -> int:
        """Tokens that a plan counts with before the tokenizer is there."""
        return {"bytes": 257, "gpt2": 50_257}.get(self.tokenizer, self.vocab_size)


class LearningRateSpec(_Table):
    """The peak rate of each rung."""

    rule: Literal["width", "fixed", "porian"] = "porian"
    """"width": scale·d_model^-exponent; "fixed": scale; "porian": min(0.01, ½·0.0047·(N/108e6)^-⅓),
    half of Porian et al. 2024 (arXiv 2406.19146)."""
    scale: float = Field(0.06, gt=0, le=10)
    exponent: float = Field(0.5, ge=0, le=2)


class ScheduleSpec(_Table):
    """How many budgets come from one training, and how the rate ends."""

    kind: Literal["wsd", "cosine"] = "wsd"
    """"wsd": one trunk a rung, a cooldown branch a budget; "cosine": a training of its own for every budget."""
    warmup_steps: int | None = Field(None, ge=0, le=1_000_000)
    """Unset: 5 % of the shortest budget, at least 50."""
    cooldown: Share = 0.2
    """Share of a budget that the branch spends cooling down, as 1 − sqrt."""


class BatchSpec(_Table):
    """Tokens a step of the optimizer."""

    sequences: int | None = Field(None, ge=1, le=1_000_000)
    """Sequences a step; unset: tokens near 0.573·D^0.571 of the middle budget (Step law, arXiv 2503.04715)."""
    micro_sequences: int | None = Field(None, ge=1, le=1_000_000)
    """Sequences a forward pass; unset: what fits the memory."""


class OptimizerSpec(_Table):
    """AdamW."""

    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.95, ge=0, lt=1)
    weight_decay: float = Field(0.1, ge=0, le=10)
    clip: float = Field(1.0, ge=0, le=1e6)
    """Largest norm of the gradient; 0 turns clipping off."""


class EvaluationSpec(_Table):
    """The held-out loss."""

    tokens: int = Field(65_536, ge=1024, le=1_000_000_000)
    """Held-out tokens measured each time, the same for every run of the lab."""
    points: int = Field(6, ge=0, le=200)
    """Measurements along a trunk, at log-spaced steps, besides the one at the end of every branch."""
    pairs: int = Field(256, ge=0, le=100_000)
    """Held-out prompts of a task that are answered by greedy decoding at the end of every run; 0: no scores."""
    pair_seconds: float = Field(60.0, gt=0, le=86_400)
    """Longest that answering them may take a run; those not answered by then are not scored."""


class HardwareSpec(_Table):
    """Where the runs train."""

    device: str = Field("auto", min_length=1, max_length=40)
    """"auto" (the best one present), "cpu", "cuda", "cuda:0", "mps"."""
    slots: int | None = Field(None, ge=1, le=256)
    """Runs at once; unset: one a physical core, or one a GPU."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool = False
    """torch.compile: pays on CUDA for long runs, never won on a CPU."""


class GroupSpec(_Table):
    """One of several texts on which the whole grid is trained, to compare their laws."""

    name: str = Field(min_length=1, max_length=24, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    source: Annotated[str, BeforeValidator(_source)] | None = Field(None, min_length=1, max_length=4096)
    """Another corpus, as in corpus.source, with its own tokenizer and held-out text; unset: the lab's."""
    augment: list[Annotated[str, AfterValidator(_recipe)]] = Field([], max_length=16)
    """Recipes over the training text, in order, such as "char-noise=0.05"; the held-out text stays as it is."""
    copies: int = Field(1, ge=1, le=64)
    """Versions of each passage; with recipes and more than one, the first is the passage as it was."""
    unique_tokens: Count | None = None
    """How much of the training text is used, in tokens; beyond it a run repeats. Unset: all."""

    @property
    def is_changed(self) -> bool:
        """Whether the training text is another than the corpus's own."""
        return bool(self.augment) or self.copies > 1 or self.unique_tokens is not None


class Preset(_Table):
    """Everything a lab needs to know before it starts; a lab stores the resolved one."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    description: str = Field("", max_length=400)
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field([0], min_length=1, max_length=64)
    """The whole grid is trained once for each."""
    task: Literal["lm", "translation", "qa"] = "lm"
    """What is learnt: "lm", text, every token of it; "translation" and "qa", pairs of prompt and target, of which only
    the targets count in the loss. The corpus is then "pairs:FILE#PROMPT,TARGET" (jsonl, csv, parquet),
    "hf:OWNER/NAME#PROMPT,TARGET", or a made set, "conlang" for translation and "facts" for qa."""
    model: ModelSpec = ModelSpec()
    ladder: LadderSpec
    budgets: BudgetSpec
    corpus: CorpusSpec = CorpusSpec()
    groups: list[GroupSpec] = Field([], max_length=16)
    """Texts to compare, the first of them the one that others are measured by; none: the corpus alone."""
    learning_rate: LearningRateSpec = LearningRateSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    batch: BatchSpec = BatchSpec()
    optimizer: OptimizerSpec = OptimizerSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    hardware: HardwareSpec = HardwareSpec()

    @model_validator(mode="after")
    def _no_seed_twice(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("no seed may stand twice")
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ValueError("no group may have the name of another")
        for group in self.groups:
            if group.copies > 1 and not group.augment:
                raise ValueError(f"group {group.name} has copies without a recipe: a run repeats its text by itself")
        return self

    @model_validator(mode="after")
    def _pairs_for_a_task(self) -> Self:
        try:
            for source in dict.fromkeys(self.of_group(name).corpus.source for name in self.group_names):
                check_source(source, self.task)
        except BadInput as error:
            raise ValueError(error.line()) from None
        if self.task != "lm" and any(group.is_changed for group in self.groups):
            raise ValueError(f"recipes and unique_tokens are for text, not for the pairs of {self.task}")
        return self

    @property
    def group_names(self) -> tuple[str, ...]:
        """The groups in order; ("",) where there is one text."""
        return tuple(group.name for group in self.groups) or ("",)

    @property
    def planned_vocabulary(self) -> int:
        """Tokens that a plan counts with before the tokenizer is there; a task's separator is one of a BPE's own."""
        own = self.corpus.planned_vocabulary
        return own if self.task == "lm" or self.corpus.tokenizer == "bpe" else own + 1

    def of_group(self, name: str) -> Self:
        """The preset that one group alone would have."""
        group = next((each for each in self.groups if each.name == name), None)
        if group is None or group.source is None:
            return self
        return self.model_copy(update={"corpus": self.corpus.model_copy(update={"source": group.source})})
