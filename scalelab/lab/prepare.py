"""A preset becomes a lab on disk: everything is checked before anything is written, and the folder appears whole."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelab.errors import BadInput, ScalelabError
from scalelab.lab.executor import slots_of
from scalelab.lab.hooks import Hooks
from scalelab.lab.local import LocalExecutor
from scalelab.lab.paths import LabPaths
from scalelab.records import DeviceInfo, RunSpec, TokenSet
from scalelab.store.reader import GROUPS
from scalelab.units import format_flop_rate

if TYPE_CHECKING:
    from scalelab.plan import Plan
    from scalelab.preset import HardwareSpec, Preset

PRESET, TOKENS, DEVICE, PLANNED = "preset", "tokens", "device", "plan"
"""Facts in the store: the resolved preset as TOML, the TokenSet, the DeviceInfo, and what the plan as a whole said."""
_PROBE_SECONDS = 300.0
"""What the probe of one rung may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A lab that is ready to be trained."""

    paths: LabPaths
    tokens: TokenSet
    """Of the first group, or of all runs where there are none."""
    device: DeviceInfo
    groups: Mapping[str, TokenSet] = field(default_factory=dict)
    """Of the other groups, by name."""
    hardware: HardwareSpec | None = None
    """What was asked for this time; None where the lab was only read, whose preset says it."""

    def tokens_of(self, group: str) -> TokenSet:
        """What the runs of a group are trained on."""
        return self.groups.get(group, self.tokens)


def token_cache() -> Path:
    """Where tokens are kept for all labs: SCALELAB_CACHE, or the user's cache folder."""
    from platformdirs import user_cache_dir

    given = os.environ.get("SCALELAB_CACHE")
    return Path(given).expanduser().absolute() if given else Path(user_cache_dir("scalelab")) / "tokens"


def create(preset: Preset, paths: LabPaths, executor: LocalExecutor, hooks: Hooks) -> Lab:
    """Check, prepare, probe and plan; then write the lab.

    Raises
    ------
    BadInput
        The preset, its corpus or the folder cannot serve; nothing was written outside the token cache.
    """
    from scalelab import plan

    check_folder(paths)
    chosen = plan.choose_device(preset.hardware)
    largest = max(cell.n_tokens for cell in plan.make_plan(preset, chosen).cells)
    executor.warm()
    tokens, groups = prepare_groups(preset, hooks, n_tokens=largest)
    for each in (tokens, *groups.values()):
        tell_tokens(each, hooks)
    specs = one_a_rung(plan.make_plan(preset, chosen, vocab_size=tokens.vocab_size).runs)
    device, seconds_per_token = probe(chosen, specs, executor, hooks)
    made = plan.make_plan(preset, device, vocab_size=tokens.vocab_size, seconds_per_token=seconds_per_token)
    _warn_of_epochs(made, tokens, hooks)
    hooks.on_plan(made)
    write(made, tokens, paths, groups)
    return Lab(paths=paths, tokens=tokens, device=device, groups=groups, hardware=preset.hardware)


def check_folder(paths: LabPaths) -> None:
    """Refuse a folder that cannot become a lab, and leave it as it is."""
    root = paths.root
    if os.path.lexists(root) and not root.is_dir():
        raise BadInput(f"lab {root} is not a folder", allowed="a folder that is new, empty, or a lab")
    if root.is_dir() and any(root.iterdir()):
        raise BadInput(
            f"folder {root} has other files in it and is no lab",
            allowed="a folder that is new, empty, or a lab",
            todo="choose another one with --lab",
        )
    there = next(folder for folder in (root.parent, *root.parent.parents) if folder.exists())
    try:
        # Permission bits say nothing to root, nor of /proc or a full disk: only making a folder tells.
        os.rmdir(tempfile.mkdtemp(prefix=".making-", dir=there))
    except OSError as error:
        raise BadInput(
            f"lab {root} cannot be made in {there}: {(error.strerror or '').lower()}",
            allowed="a folder that you may write to",
        ) from None


def prepare_groups(
    preset: Preset, hooks: Hooks, *, n_tokens: int = 0, like: Lab | None = None
) -> tuple[TokenSet, dict[str, TokenSet]]:
    """The tokens of the first group, or of the corpus alone, and of every other group by its name.

    Raises
    ------
    BadInput
        As `prepare_tokens`; a group's tokenizer has another vocabulary, and its models would not be those of the plan.
    """
    made = {
        name: _group_tokens(preset, name, hooks, n_tokens, None if like is None else like.tokens_of(name))
        for name in preset.group_names
    }
    first = made.pop(preset.group_names[0])
    for name, tokens in made.items():
        if tokens.vocab_size != first.vocab_size:
            raise BadInput(
                f"group {name} has a vocabulary of {tokens.vocab_size} and the first one has {first.vocab_size}",
                allowed="one vocabulary size in all groups",
                todo="lower corpus.vocab_size until every text fills it",
            )
    return first, made


def _group_tokens(preset: Preset, name: str, hooks: Hooks, n_tokens: int, like: TokenSet | None) -> TokenSet:
    """The tokens of one group: its corpus, and what its recipes make of it."""
    from scalelab import corpora
    from scalelab.corpora.augment import augmented
    from scalelab.recipe import parse_recipe

    base = prepare_tokens(preset.of_group(name), hooks, n_tokens=n_tokens, like=like)
    group = next((each for each in preset.groups if each.name == name), None)
    if group is None or not group.is_changed:
        return base
    made = augmented(
        base,
        [parse_recipe(each) for each in group.augment],
        token_cache(),
        copies=group.copies,
        unique_tokens=None if group.unique_tokens is None else round(group.unique_tokens),
        label=f"({name})",
        progress=lambda stage, share: hooks.on_event("progress", f"{stage} {share:.0%}"),
    )
    corpora.check(made, preset.model.context, preset.evaluation.tokens)
    return made


def prepare_tokens(preset: Preset, hooks: Hooks, *, n_tokens: int = 0, like: TokenSet | None = None) -> TokenSet:
    """The corpus as tokens, enough for the preset's sequences and evaluations.

    Of what is streamed or mixed, `n_tokens` training tokens (0: all there are), or exactly what a lab took: `like`.
    """
    from scalelab import corpora

    def progress(stage: str, share: float) -> None:
        hooks.on_event("progress", f"{stage} {share:.0%}")

    if like is not None:
        need = corpora.Need(train=like.asked_train, held_out=like.asked_held_out)
    else:
        # The real tokenizer may make the rungs, and with them budgets by N, a little larger than planned.
        held_out = max(preset.evaluation.tokens, 2 * preset.model.context) + 1
        need = corpora.Need(train=round(1.02 * n_tokens), held_out=held_out)
    if preset.task == "lm":
        tokens = corpora.prepare(preset.corpus, token_cache(), need=need, progress=progress)
    else:
        tokens = corpora.prepare_pairs(
            preset.task, preset.corpus, preset.model.context, token_cache(), need=need, progress=progress
        )
    corpora.check(tokens, preset.model.context, preset.evaluation.tokens)
    return tokens


def tell_tokens(tokens: TokenSet, hooks: Hooks) -> None:
    """Say what there is to train on; not before it is known to serve, for a refusal is one line."""
    hooks.on_event(
        "tokens",
        f"{tokens.train_tokens} training and {tokens.held_out_tokens} held-out tokens of "
        f"{tokens.corpus}, vocabulary {tokens.vocab_size}{_pairs_words(tokens)}",
    )


def _pairs_words(tokens: TokenSet) -> str:
    """Of a task: how many pairs, how many of the tokens are targets, and what was left out."""
    pairs = tokens.pairs
    if pairs is None:
        return ""
    share = pairs.train_targets / tokens.train_tokens
    left_out = [f"{pairs.too_long} longer than the context"] if pairs.too_long else []
    left_out += [f"{pairs.empty} without prompt or target"] if pairs.empty else []
    return (
        f"; {pairs.train_pairs} pairs to learn and {pairs.held_out_pairs} held out, {share:.0%} of the tokens are "
        f"targets" + (f"; left out: {', '.join(left_out)}" if left_out else "")
    )


def write(made: Plan, tokens: TokenSet, paths: LabPaths, groups: Mapping[str, TokenSet] | None = None) -> None:
    """Write the lab beside its place, then move it there in one step."""
    from scalelab import preset_files

    toml = preset_files.dumps(made.preset)
    try:
        paths.root.parent.mkdir(parents=True, exist_ok=True)
        making = LabPaths(Path(tempfile.mkdtemp(prefix=".making-", dir=paths.root.parent)))
    except OSError as error:
        raise ScalelabError(f"lab {paths.root} cannot be made: {(error.strerror or '').lower()}") from None
    try:
        making.runs.mkdir(mode=0o700)
        making.preset.touch(mode=0o600)
        making.preset.write_text(toml, encoding="utf-8")
        making.tokens.symlink_to(tokens.directory)
        _fill_store(making, made, tokens, groups or {}, toml)
        os.rename(making.root, paths.root)
    except OSError as error:
        if paths.exists:
            raise ScalelabError(
                f"another process made lab {paths.root} meanwhile",
                todo="`scalelab status` shows it; nothing of it was changed",
            ) from None
        raise ScalelabError(f"lab {paths.root} cannot be made: {(error.strerror or str(error)).lower()}") from None
    finally:
        shutil.rmtree(making.root, ignore_errors=True)


def group_key(group: str) -> str:
    """The fact in the store that holds a further group's tokens."""
    return f"{TOKENS} {group}"


def _fill_store(paths: LabPaths, made: Plan, tokens: TokenSet, groups: Mapping[str, TokenSet], toml: str) -> None:
    from scalelab import __version__
    from scalelab.store.writer import Writer

    told = {
        "seconds": made.seconds,
        "seconds_source": made.seconds_source,
        "flops": made.flops,
        "warnings": made.warnings,
    }
    with Writer(paths.store) as writer, writer.batch():
        writer.create(toml)
        writer.set_meta(TOKENS, tokens.to_json())
        if made.preset.groups:
            writer.set_meta(GROUPS, json.dumps(made.preset.group_names))
        for name, each in groups.items():
            writer.set_meta(group_key(name), each.to_json())
        writer.set_meta(DEVICE, made.device.to_json())
        writer.set_meta(PLANNED, json.dumps(told))
        writer.set_meta("scalelab", __version__)
        writer.add_runs([(spec, made.expected_seconds[spec.run]) for spec in made.runs])


def probe(
    chosen: DeviceInfo, specs: Sequence[RunSpec], executor: LocalExecutor, hooks: Hooks
) -> tuple[DeviceInfo, Mapping[str, float]]:
    """The device with its measured peak, and what a token of each rung takes on it; one run of a rung is enough."""
    slot = slots_of(chosen)[0]
    answer: dict[str, Any] = executor.ask(
        "probe",
        {"device": slot.device, "threads": slot.threads, "specs": [spec.to_dict() for spec in specs]},
        # Compiling one large rung takes minutes.
        timeout=_PROBE_SECONDS * len(specs),
    )
    seen = DeviceInfo.from_dict(answer["device"])
    # More slots than cores share them: one slot reaches less, and its tokens take longer than the probe's alone.
    share = min(1.0, seen.slots / chosen.slots) if seen.name == "cpu" else 1.0
    per_token = {rung: seconds / share for rung, seconds in answer["seconds_per_token"].items()}
    hooks.on_event(
        "probe",
        f"{chosen.label}: {format_flop_rate(seen.peak_flops * share)} a slot, "
        + ", ".join(f"{rung} {1 / seconds:,.0f} tokens/s" for rung, seconds in per_token.items()),
    )
    measured = replace(chosen, peak_flops=seen.peak_flops * share, peak_source=seen.peak_source)
    return measured, per_token


def one_a_rung(runs: tuple[RunSpec, ...]) -> list[RunSpec]:
    """The first run of each rung."""
    return list({spec.rung: spec for spec in reversed(runs)}.values())[::-1]


def _warn_of_epochs(made: Plan, tokens: TokenSet, hooks: Hooks) -> None:
    from scalelab import corpora

    passes = corpora.epochs(tokens, max(cell.n_tokens for cell in made.cells))
    for warning in made.warnings:
        hooks.on_event("warning", warning)
    for part in tokens.parts:
        if part.passes > 1.05:
            told = f"{part.corpus} stands {part.passes:.1f} times in the mixture to be {part.share:.0%} of it"
            hooks.on_event("warning", f"{told}: repeated text teaches less")
    if passes > 1:
        hooks.on_event("warning", f"the largest budget reads the corpus {passes:.1f} times: repeated text teaches less")
