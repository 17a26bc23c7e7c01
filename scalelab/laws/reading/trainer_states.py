"""A folder of runs of the transformers Trainer as a sheet: each run's newest trainer_state.json says how it ended.

What is read is JSON and headers: `training_args.bin` is a pickle and is never opened. A run that stopped before
max_steps, that diverged, or that was never evaluated at its end is no point, and says so.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scalelab.laws.reading.files import small_text
from scalelab.laws.reading.folders import STATE, run_name
from scalelab.laws.reading.model_sizes import Size, size_in
from scalelab.laws.reading.records import Record, sheet_of
from scalelab.laws.reading.run_settings import settings_in, tokens_a_step
from scalelab.laws.reading.sheets import Refused, Sheet

MOST_STATE = 1 << 25
"""Bytes of one trainer_state.json: a hundred thousand logged steps have half of this."""
AT_THE_END = 0.95
"""Share of the steps after which an evaluation is of the end: earlier ones are mid-schedule, which is no point."""
_CHECKPOINT = re.compile(r"checkpoint-(\d{1,12})")
State = Mapping[str, Any]


def trainer_sheet(root: Path, folders: Sequence[Path], unlisted: Sequence[Path], name: str) -> Sheet:
    """One row a run, in the order of the runs' names."""
    ways: Counter[str] = Counter()
    runs: dict[Path, list[tuple[int, Path]]] = {}
    for folder in folders:
        match = _CHECKPOINT.fullmatch(folder.name)
        run, step = (folder.parent, int(match[1])) if match else (folder, -1)
        runs.setdefault(run, []).append((step, folder))
    rows: list[Record] = [(None, Refused(run_name(root, folder), "its folder cannot be listed")) for folder in unlisted]
    rows += [(None, _row(run_name(root, run), run, runs[run], ways)) for run in sorted(runs)]
    notes = [f"{way} ({n} of {len(runs)} runs)" for way, n in ways.most_common()]
    return sheet_of(iter(rows), name, [f"{len(runs)} runs, each by its newest {STATE}", *notes])


def _row(name: str, run: Path, places: Sequence[tuple[int, Path]], ways: Counter[str]) -> dict[str, Any] | Refused:
    """What a run left, or why it is no point."""
    newest = _newest(places)
    if newest is None:
        return Refused(name, f"its {STATE} is no JSON object, or larger than {MOST_STATE >> 20} MB")
    state, place = newest
    if any((folder / "adapter_config.json").is_file() for folder in (place, run)):
        return Refused(name, "an adapter was trained beside a model: its N is neither's")
    history = [entry for entry in _list(state.get("log_history")) if isinstance(entry, dict)]
    if reason := _no_point(state, history):
        return Refused(name, reason)
    size = size_in((place, run))
    sizes, tokens = _counted(state, size, settings_in((place, run)), ways)
    if not sizes:
        return Refused(name, "its size is not said: no safetensors header, no config.json of a family known here")
    if not tokens:
        return Refused(name, "its tokens are not said: no num_input_tokens_seen, no batch and length, no total_flos")
    return {"run_id": name, **sizes, "tokens": tokens, **_evaluations(history), "lr_share": _lr_share(history)}


def newest_state(run: Path) -> State | None:
    """The state of the most steps in a run's folder or its newest checkpoint; None where there is none."""
    try:
        named = [(_CHECKPOINT.fullmatch(place.name), place) for place in run.iterdir()]
    except OSError:
        return None
    found = _newest([(-1, run), *((int(match[1]), place) for match, place in named if match)])
    return found[0] if found else None


def _newest(places: Iterable[tuple[int, Path]]) -> tuple[State, Path] | None:
    """The state with the most steps among the run's own and its newest checkpoint's."""
    ordered = sorted(places, reverse=True)
    tried = ordered[:1] + [each for each in ordered[1:] if each[0] < 0]
    read = [(state, place) for _, place in tried if (state := _state(place / STATE)) is not None]
    return max(read, key=lambda found: _number(found[0].get("global_step")) or 0.0, default=None)


def _state(path: Path) -> State | None:
    text = small_text(path, MOST_STATE)
    try:
        state = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return None
    return state if isinstance(state, dict) else None


def _no_point(state: State, history: Sequence[State]) -> str:
    """Why this run is no point, or ""."""
    done, planned = _number(state.get("global_step")) or 0.0, _number(state.get("max_steps")) or 0.0
    if done < planned:
        return f"stopped at step {done:.0f} of {planned:.0f}"
    training = [entry["loss"] for entry in history if "loss" in entry]
    if training and _number(training[-1]) is None:
        return f"diverged: its last training loss is {str(training[-1])[:20]}"
    evaluated = [entry for entry in history if any(map(_is_loss, entry))]
    if not evaluated:
        return "no evaluation loss in its log"
    last = _number(evaluated[-1].get("step")) or done
    if last < AT_THE_END * done:
        return f"last evaluated at step {last:.0f} of {done:.0f}, in the middle of its schedule"
    return ""


def _is_loss(key: str) -> bool:
    return key.startswith("eval_") and key.endswith("loss")


def _evaluations(history: Sequence[State]) -> dict[str, Any]:
    """The last value of everything that was evaluated."""
    return {
        key: value
        for entry in history
        for key, value in entry.items()
        if key.startswith("eval_") and isinstance(value, int | float)
    }


def _counted(
    state: State, size: Size | None, settings: Mapping[str, Any], ways: Counter[str]
) -> tuple[dict[str, float], float | None]:
    """The counts of N, and D: as logged, else from the settings, else one from the other by total_flos."""
    flos, steps = _number(state.get("total_flos")), _number(state.get("global_step")) or 0.0
    tokens = _number(state.get("num_input_tokens_seen"))
    if not tokens and (batch := tokens_a_step({**settings, **_batch(state, settings)})):
        tokens = steps * batch
        ways["tokens are steps × batch × length of the training arguments"] += 1
    if size is None:
        if not (tokens and flos):
            return {}, tokens
        ways["n_params is total_flos / (6 · tokens), without embeddings: no config.json and no safetensors header"] += 1
        return {"n_params": flos / (6.0 * tokens)}, tokens
    ways[f"n_params counted from {size.how}"] += 1
    if not tokens and flos:
        tokens = flos / (6.0 * size.n_unembedded)
        ways["tokens are total_flos / (6 · parameters without embeddings)"] += 1
    return {"n_params": size.n_params, "n_blocks": size.n_blocks, "n_total": size.n_total}, tokens


def _batch(state: State, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The batch of one device as the state keeps it, where the arguments do not say it."""
    known = state.get("train_batch_size")
    return {} if known is None or "per_device_train_batch_size" in settings else {"per_device_train_batch_size": known}


def _lr_share(history: Sequence[State]) -> float | None:
    """The last learning rate as a share of the largest."""
    rates = [rate for entry in history if (rate := _number(entry.get("learning_rate"))) is not None]
    return rates[-1] / max(rates) if rates and max(rates) > 0 else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
