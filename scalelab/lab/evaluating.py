"""Finished models of anybody's on a lab's held-out text: beside its law, and into its runs where that is asked for.

A loss counts nats of the whole text over the lab's own tokens of it, so that models of any tokenizer compare.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean
from scalelab.lab import lock, resume
from scalelab.lab.executor import slots_of
from scalelab.lab.local import LocalExecutor
from scalelab.lab.opening import existing
from scalelab.lab.paths import LabPaths
from scalelab.lab.recording import safe_name
from scalelab.lab.refit import assess, run_table
from scalelab.lab.table import EVALUATED
from scalelab.records import (
    AdamW,
    Decay,
    Evaluation,
    ModelShape,
    ParameterCount,
    RunKind,
    RunSpec,
    RunState,
    Schedule,
    TokenSet,
)
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer

if TYPE_CHECKING:
    from scalelab.laws import Assessment

_SECONDS_A_MODEL = 3600.0
"""What one model may take: a large one on a slow CPU, and its download."""
_KNOWN_TOKENS: Sequence[tuple[str, re.Pattern[str], float]] = tuple(
    (owner, re.compile(pattern, re.IGNORECASE), tokens)
    for owner, pattern, tokens in (
        # Biderman et al. 2023 (arXiv 2304.01373): 143,000 steps of 2,097,152 tokens, on the deduplicated Pile too.
        ("EleutherAI", r"pythia-(14m|31m|70m|160m|410m|1b|1\.4b|2\.8b|6\.9b|12b)(-deduped)?", 299.9e9),
        # Zhang et al. 2022 (arXiv 2205.01068): 180 B tokens of text, read until 300 B were seen, for which the rate
        # decays (section 2.2; TOTAL_TRAIN_TOKENS in metaseq/launcher/opt_job_constants.py).
        ("facebook", r"opt-(125m|350m|1\.3b|2\.7b|6\.7b|13b|30b|66b)", 300e9),
        # Dey et al. 2023 (arXiv 2304.03208), the table of training in their model cards: 20 tokens a parameter.
        ("cerebras", r"Cerebras-GPT-111M", 2.22e9),
        ("cerebras", r"Cerebras-GPT-256M", 5.12e9),
        ("cerebras", r"Cerebras-GPT-590M", 11.8e9),
        ("cerebras", r"Cerebras-GPT-1\.3B", 26.3e9),
        ("cerebras", r"Cerebras-GPT-2\.7B", 53e9),
        ("cerebras", r"Cerebras-GPT-6\.7B", 133e9),
        ("cerebras", r"Cerebras-GPT-13B", 257e9),
        # Black et al. 2021 (doi 10.5281/zenodo.5297715), as their model cards say.
        ("EleutherAI", r"gpt-neo-125m", 300e9),
        ("EleutherAI", r"gpt-neo-1\.3B", 380e9),
        ("EleutherAI", r"gpt-neo-2\.7B", 420e9),
        # Wang and Komatsuzaki 2021, as its model card says: 383,500 steps.
        ("EleutherAI", r"gpt-j-6b", 402e9),
        # Ben Allal et al. 2025 (arXiv 2502.02737) and the model cards of the two smaller ones.
        ("HuggingFaceTB", r"SmolLM2-135M", 2e12),
        ("HuggingFaceTB", r"SmolLM2-360M", 4e12),
        ("HuggingFaceTB", r"SmolLM2-1\.7B", 11e12),
    )
)
"""Owner, name and training tokens, every pass counted, of published models. GPT-2's were never published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """One model on the held-out text."""

    model: str
    counts: ParameterCount
    shape: ModelShape
    n_tokens: float | None
    """D: as given, else as published, else None."""
    loss: float
    """Nats of the text over the lab's tokens of it."""
    bits_per_byte: float
    perplexity: float
    """A token of the model's own."""
    accuracy: float
    """Share of its own tokens that it ranks first."""
    evaluated_tokens: int
    """The lab's tokens of the text."""
    predicted: tuple[float, float, float] | None = None
    """Loss, low, high of the lab's law at this N and D; None without a D or a law."""
    run: str = ""
    """Its name among the lab's runs, where it was put there."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def evaluate(
    folder: str | Path,
    models: Sequence[str],
    *,
    tokens: Mapping[str, float] | None = None,
    context: int | None = None,
    device: str = "auto",
    group: str | None = None,
    join: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> list[Evaluated]:
    """Score models on the held-out text of a lab (of one of its groups).

    Parameters
    ----------
    models : ids of the hub, or folders with a model in safetensors.
    tokens : D of each by its name, over what is published of it.
    context : tokens that a model reads at once; unset: its own, at most 1,024.
    join : put them among the lab's runs, as points of its law that are marked as evaluated.

    Raises
    ------
    BadInput
        No such lab, group or model; a model that would join has no known D.
    Owned
        Models would join a lab that is being trained.
    """
    paths = existing(folder)
    given = dict(tokens or {})
    if stray := sorted(set(given) - set(models)):
        raise BadInput(f"tokens of {clean(stray[0], 80)}", allowed="models that are evaluated")
    known = {name: given.get(name) or published_tokens(name) for name in models}
    if join and (without := [name for name, seen in known.items() if seen is None]):
        raise BadInput(
            f"nobody says how many tokens {clean(without[0], 80)} was trained on",
            todo=f"give --tokens {clean(without[0], 80)}=300B",
        )
    chosen, text, most, law = _held_out(paths, group)
    if join:
        _refuse_taken(paths, [_run_name(name, chosen) for name in models])
    executor = LocalExecutor()
    try:
        found = []
        for name in models:
            told(name)
            answer = _ask(executor, name, text, most, context, device)
            found.append(_evaluated(name, answer, known[name], law))
    finally:
        executor.close()
    return _joined(paths, found, chosen) if join else found


def published_tokens(model: str) -> float | None:
    """D of a published model by its id, or by the name of the folder that it was downloaded to; None where unknown.

    What others made of such a model has other ids, and saw other tokens.
    """
    owner, _, name = ("", "", Path(model).resolve().name) if Path(model).is_dir() else model.rpartition("/")
    return next(
        (
            tokens
            for its_owner, pattern, tokens in _KNOWN_TOKENS
            if pattern.fullmatch(name) and owner.casefold() in ("", its_owner.casefold())
        ),
        None,
    )


def _run_name(model: str, group: str) -> str:
    """What a model is called among the runs of a lab."""
    name = safe_name(Path(model).name if Path(model).exists() else model)
    return f"{group}.{name}" if group else name


def _refuse_taken(paths: LabPaths, names: Sequence[str]) -> None:
    """Before anything is scored, which may take hours: raise BadInput where a run has such a name."""
    with Reader(paths.store) as reader:
        taken = [row.run for row in reader.runs()]
    for name in names:
        if name in taken:
            raise BadInput(f"{name} is among the lab's runs", todo="leave it out, or look at `scalelab fit`")
        taken.append(name)


def _held_out(paths: LabPaths, group: str | None) -> tuple[str, TokenSet, int, Assessment | None]:
    """The group, its tokens, how many of the held-out ones its runs are measured on, and its law."""
    from scalelab.laws import Assessment

    lab = resume.load(paths)
    with Reader(paths.store) as reader:
        groups = reader.groups()
        chosen = groups[0] if group is None else group
        if chosen not in groups:
            raise BadInput(f"group {clean(chosen, 40)}", allowed=", ".join(groups) if groups != ("",) else "none")
        if (pairs := lab.tokens_of(chosen).pairs) is not None:
            what = f"{paths.root.name} learns {pairs.task}: its losses are of targets after their prompts"
            raise BadInput(
                clean(what, 160), allowed="a lab of plain text, whose losses compare with those of any model"
            )
        own = [row.spec for row in reader.runs() if row.spec.group == chosen and not row.spec.origin]
        fit = reader.latest_fit(chosen)
    law = Assessment.kept(fit.json) if fit else None
    most = max((spec.evaluation_tokens for spec in own), default=65_536)
    return chosen, lab.tokens_of(chosen), most, law if law is not None and law.panel is not None else None


def _ask(
    executor: LocalExecutor, model: str, text: TokenSet, most: int, context: int | None, device: str
) -> dict[str, Any]:
    from scalelab import plan
    from scalelab.preset import HardwareSpec

    place = plan.choose_device(HardwareSpec(device=device))
    slot = slots_of(place)[0]
    threads = place.slots if place.name == "cpu" else slot.threads  # one model at a time may have every core
    answer: dict[str, Any] = executor.ask(
        "score",
        {
            "model": model, "tokens": text.to_dict(), "most": most, "context": context, "device": slot.device,
            "threads": threads,
        },
        timeout=_SECONDS_A_MODEL,
    )  # fmt: skip
    return answer


def _evaluated(model: str, answer: Mapping[str, Any], n_tokens: float | None, law: Assessment | None) -> Evaluated:
    counts = ParameterCount.from_dict(answer["counts"])
    there = law.predict(counts.n_params, n_tokens) if law is not None and n_tokens else None
    return Evaluated(
        model=model, counts=counts, shape=ModelShape.from_dict(answer["shape"]), n_tokens=n_tokens,
        loss=answer["nats"] / answer["lab_tokens"],
        bits_per_byte=answer["nats"] / math.log(2.0) / answer["n_bytes"],
        perplexity=math.exp(min(answer["nats"] / answer["n_tokens"], 700.0)),
        accuracy=answer["n_correct"] / answer["n_tokens"], evaluated_tokens=answer["lab_tokens"],
        predicted=None if there is None else (there.loss, there.low, there.high),
    )  # fmt: skip


def _joined(paths: LabPaths, found: Sequence[Evaluated], group: str) -> list[Evaluated]:
    """The models as runs of the lab that are done, and the laws fitted with them."""
    joined = []
    with lock.acquire(paths.lock), Writer(paths.store) as writer, Reader(paths.store) as reader:
        specs = [_spec(each, group) for each in found]
        _refuse_taken(paths, [spec.run for spec in specs])  # again, now that nobody else writes
        first = len(reader.runs())
        with writer.batch(durable=True):
            for number, (spec, each) in enumerate(zip(specs, found, strict=True)):
                writer.add_runs([(spec, 0.0)], first=first + number)
                writer.set_state(spec.run, 1, RunState.RUNNING)
                writer.write([_end(spec, each)])
                writer.set_state(spec.run, 1, RunState.DONE)
                joined.append(replace(each, run=spec.run))
        specs = [row.spec for row in reader.runs() if row.spec.group == group]
        try:
            pairs = sorted({(float(spec.counts.n_params), spec.flops_per_token) for spec in specs})
            fit = assess(run_table(reader, group=group), pairs)
        except ScalelabError:
            return joined
        writer.add_fit(fit.to_json(), joined[-1].run)
    return joined


def _spec(found: Evaluated, group: str) -> RunSpec:
    n_tokens = max(round(found.n_tokens or 0.0), 1)
    run = _run_name(found.model, group)
    return RunSpec(
        run=run, kind=RunKind.SINGLE, rung=run.removeprefix(f"{group}.") if group else run,
        seed=0,
        shape=replace(found.shape, context=1), counts=found.counts, batch_sequences=1, micro_sequences=1, first_step=0,
        schedule=Schedule(peak=0.0, warmup_steps=0, decay=Decay.COOLDOWN, decay_start=0, n_steps=n_tokens),
        optimizer=AdamW(), evaluation_tokens=found.evaluated_tokens, group=group, origin=EVALUATED,
    )  # fmt: skip


def _end(spec: RunSpec, found: Evaluated) -> Evaluation:
    length = found.shape.context
    per_token = 6.0 * found.counts.n_params + 12.0 * found.shape.n_layer * found.shape.d_model * length
    return Evaluation(
        run=spec.run, attempt=1, step=spec.n_steps, n_tokens=spec.n_tokens, flops=spec.n_tokens * per_token,
        loss=found.loss, loss_se=math.nan, accuracy=found.accuracy, bits_per_byte=found.bits_per_byte,
        evaluated_tokens=found.evaluated_tokens, final=True,
    )  # fmt: skip
