"""What trained runs are asked to write: which runs, after which prompt, how. Fields and lines, no widget, no model."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from rich.text import Text

from scalelab.errors import BadInput
from scalelab.gate import clean, clean_lines
from scalelab.lab.paths import lab_paths
from scalelab.records import RunState
from scalelab.report.layout import Lines, wrapped
from scalelab.store.rows import RunRow
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views.rows import Field, Heading, Row
from scalelab.units import format_count

Number = TypeVar("Number", int, float)
NONE = "none"
SIDES = ("first", "second", "third")
"""Columns of text, each a run."""
PROMPT, TOKENS, TEMPERATURE = "The ", "100", "0.8"
LONGEST = 2_000
"""Tokens at most: a person reads them on a screen."""
_BEGINS = {"prompt": PROMPT, "tokens": TOKENS, "temperature": TEMPERATURE, "seed": "0"}
_SAID = {
    "prompt": "what the text begins with",
    "tokens": "how many are written",
    "temperature": "0 takes the likeliest token each time",
    "seed": "the same seed writes the same text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One run and what it is to write."""

    run: str
    prompt: str
    n: int
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What is asked, as it was typed."""

    runs: tuple[str, ...]
    """Those that can write, the best first."""
    texts: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def put(self, key: str, text: str) -> Writing:
        """With another text; an empty one goes back to what the field begins with, an empty prompt stays empty."""
        texts = {**self.texts, key: text if key == "prompt" else text.strip()}
        if not texts[key] and key != "prompt":
            del texts[key]
        now = replace(self, texts=texts, problems={})
        try:
            now.asks()
        except BadInput as problem:
            return replace(now, problems={key: problem.line()})
        return now

    def value(self, key: str) -> str:
        """What stands in a field."""
        if key in self.texts:
            return self.texts[key]
        return _BEGINS.get(key, NONE)

    def asks(self) -> list[Ask]:
        """One for each run that is chosen.

        Raises BadInput where a number is none.
        """
        seed = _number("seed", self.value("seed"), int, 0, 2**31 - 1)
        n = _number("tokens", self.value("tokens"), int, 1, LONGEST)
        temperature = _number("temperature", self.value("temperature"), float, 0.0, 10.0)
        chosen = dict.fromkeys(run for side in SIDES if (run := self.value(side)) != NONE)
        prompt = self.value("prompt")
        return [Ask(run=run, prompt=prompt, n=int(n), temperature=temperature, seed=int(seed)) for run in chosen]


def begin(shot: Snapshot, run: str = "") -> Writing:
    """The run that was looked at beside the best one; the best beside the best of the smallest size without one."""
    rows = able(shot)
    names = tuple(row.run for row in rows)
    if not names:
        return Writing(runs=())
    smallest = min(rows, key=lambda row: row.spec.counts.n_params).run
    first = run if run in names else names[0]
    second = names[0] if first != names[0] else smallest
    texts = {"first": first} | ({"second": second} if second != first else {})
    return Writing(runs=names, texts=texts)


def able(shot: Snapshot) -> list[RunRow]:
    """The runs whose finished model is on the disk, the lowest loss first."""
    loss = {final.run: final.loss for final in shot.finals}
    done = [row for row in shot.rows if row.state is RunState.DONE and _has_model(shot.root, row.run)]
    return sorted(done, key=lambda row: loss.get(row.run, math.inf))


def _has_model(root: Path, run: str) -> bool:
    try:
        return (lab_paths(root).run_dir(run) / "model").is_dir()
    except BadInput:
        return False


def rows_of(writing: Writing, shot: Snapshot) -> list[Row]:
    """The fields of the form."""
    rows: list[Row] = [Heading(text="Who writes")]
    for side in SIDES:
        value = writing.value(side)
        choices = writing.runs if side == "first" else (NONE, *writing.runs)
        rows.append(Field(key=side, label=side, value=value, choices=choices, closed=True, beside=facts(shot, value)))
    for key, what in _SAID.items():
        shown = writing.value(key)
        # Blanks at the end of a prompt matter, and are not seen.
        beside = f"{what}; ends with a blank" if key == "prompt" and shown.endswith(" ") else what
        rows.append(Field(key=key, label=key, value=shown, empty="nothing", beside=beside,
                          problem=writing.problems.get(key, ""), changed=key in writing.texts))  # fmt: skip
    return rows


def facts(shot: Snapshot, run: str) -> str:
    """A run in a few words: its size, tokens and loss."""
    row = shot.row(run)
    if row is None:
        return ""
    loss = next((f", loss {final.loss:.4f}" for final in shot.finals if final.run == run), "")
    return f"N {format_count(row.spec.counts.n_params)}, D {format_count(row.spec.n_tokens)}{loss}"


def text_lines(shot: Snapshot, ask: Ask, text: str | None, problem: str, width: int) -> Lines:
    """One run's text under its name, the prompt in bold; or that it writes, or why it could not."""
    head = [Text(clean(ask.run, 60), "bold"), *wrapped(facts(shot, ask.run), width), Text()]
    if problem:
        return [*head, *wrapped(f"not written: {clean(problem, 500)}", width)]
    if text is None:
        return [*head, Text("writing …", "dim")]
    prompt = clean_lines(ask.prompt)
    whole = prompt + clean_lines(text)
    lines, left = [], len(prompt)
    for part in whole.split("\n"):
        for piece in textwrap.wrap(part, width, drop_whitespace=False, replace_whitespace=False) or [""]:
            line = Text(piece)
            line.stylize("bold", 0, max(min(left, len(piece)), 0))
            left -= len(piece)
            lines.append(line)
        left -= 1
    return [*head, *lines]


def nothing(shot: Snapshot, width: int) -> Lines:
    """Where no run can write."""
    words = (
        "No run of this lab has ended yet: the first that does can write." if not shot.finals
        else "The models of this lab are not on this disk: only where it was trained can its runs write."
    )  # fmt: skip
    return wrapped(words, width)


def _number(
    name: str, text: str, parse: Callable[[str], Number], low: float, high: float
) -> Number:  # fmt: skip
    try:
        value = parse(text)
    except (ValueError, BadInput):
        value = None
    if value is None or not low <= value <= high:
        raise BadInput(f"{name} is {clean(text, 40)!r}", allowed=f"{low:.10g} to {high:.10g}")
    return value


def chosen(asks: Sequence[Ask], *, loaded: bool) -> str:
    """Who writes, in a sentence."""
    names = ", ".join(clean(ask.run, 40) for ask in asks)
    who = f"{names} write{'s' * (len(asks) == 1)}"
    return who if loaded else f"{who}; a worker loads the models, which takes some seconds"
