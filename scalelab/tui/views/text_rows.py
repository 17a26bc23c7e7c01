"""The form's fields of task, text and groups: what can be chosen, and what follows from it. It draws nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scalelab.errors import BadInput
from scalelab.plan import Plan
from scalelab.preset import TOKENIZERS
from scalelab.recipe import DEFAULT_SHARE, SHARED, WITH_FILE
from scalelab.report import numbers
from scalelab.report.grid import times_read
from scalelab.report.layout import counted
from scalelab.tui.views import grouping, tasks
from scalelab.tui.views.draft import Draft, Planned, is_changed, said
from scalelab.tui.views.fields import field_of
from scalelab.tui.views.rows import Field, Heading, Row
from scalelab.units import format_duration, parse_count

_TOKENIZERS = {
    "bpe": "learnt from this text", "bytes": "one token a byte: 257 of them", "gpt2": "GPT-2's own: 50,257 tokens",
}  # fmt: skip
_RECIPES = {
    "case-noise": "words in other capitals", "space-noise": "other blanks", "char-noise": "typing errors",
    "word-dropout": "words left out", "sentence-shuffle": "sentences in another order",
    "synonyms": "other words of a list; =SHARE:FILE for your own", "paraphrase": "sentences said another way",
}  # fmt: skip
"""What the recipes do to their share of a passage."""
_MILD = {"char-noise": 0.02, "synonyms": 0.5}
"""Shares to begin with; a tenth of the others."""
HEADS = (" text", "copies", " read")


def text_rows(draft: Draft, now: Planned) -> list[Row]:
    """Task, corpus and how it becomes tokens."""
    task, source = said(draft, now.base, tasks.TASK), said(draft, now.base, tasks.SOURCE)
    rows: list[Row] = [
        Heading(text="Text" if task == tasks.LM else "Pairs"),
        field_of(draft, now, tasks.TASK, "task", tasks.TASKS.get(task, ""), tuple(tasks.TASKS), closed=True),
        field_of(draft, now, tasks.SOURCE, "corpus", _used(draft, now) or tasks.described(source, task),
               tuple(tasks.choices(task))),
        Heading(text=" ", beside=tasks.forms(task)),
    ]  # fmt: skip
    if task == tasks.LM:
        own = source.partition("#")[2]
        what = f"{own}, as the corpus names it" if own else "of jsonl, csv, parquet and the hub's sets"
        rows.append(field_of(draft, now, "corpus.text_column", "text column", what))
    rows += _columns(draft, now, source, task)
    tokenizer = said(draft, now.base, "corpus.tokenizer")
    rows.append(field_of(draft, now, "corpus.tokenizer", "tokenizer",
                       _TOKENIZERS.get(tokenizer, "OWNER/NAME of the hub, or a folder"), TOKENIZERS))  # fmt: skip
    counts = {"bpe": "tokens of the BPE", "bytes": "not used: 257", "gpt2": "not used: 50,257"}
    rows.append(field_of(draft, now, "corpus.vocab_size", "vocabulary",
                       counts.get(tokenizer, "to plan with until it is there")))  # fmt: skip
    what = "passages" if task == tasks.LM else "prompts"
    return [*rows, field_of(draft, now, "corpus.held_out", "held out", f"share of the {what}, for the held-out loss")]


def _used(draft: Draft, now: Planned) -> str:
    groups = grouping.groups_of(draft, now.base)
    return "not used: every group has its own" if groups and all("source" in group for group in groups) else ""


def _columns(draft: Draft, now: Planned, source: str, task: str) -> list[Row]:
    """The columns of pairs, where a source has any."""
    found = tasks.columns(source, task)
    if found is None:
        return []
    what = ("columns, with commas between them", "column that is learnt")
    every = zip((tasks.PROMPT, tasks.TARGET), ("prompt", "target"), found, tasks.usual_columns(source, task), what,
                strict=True)  # fmt: skip
    return [Field(key=key, label=label, value=value, empty=usual or "NAME", beside=beside,
                  problem=now.problems.get(key, ""), changed=is_changed(draft, now.base, tasks.SOURCE))
            for key, label, value, usual, beside in every]  # fmt: skip


def group_rows(draft: Draft, now: Planned, last: Plan | None) -> list[Row]:
    """The groups as a table, each with its fields where the cursor is."""
    groups, task = grouping.groups_of(draft, now.base), said(draft, now.base, tasks.TASK)
    if not groups:
        what = "a adds one: other texts" + (", recipes, repetition" if task == tasks.LM else "")
        return [Heading(text="Groups"),
                Field(key=grouping.KEY, label="groups", value="", empty="none", beside=what, closed=True,
                      changed=grouping.KEY in draft.edits, problem=now.problems.get(grouping.KEY, ""))]  # fmt: skip
    plan = now.plan or last
    most = max((cell.n_tokens for cell in plan.cells), default=0) if plan else 0
    rows: list[Row] = [Heading(text="Groups", beside=" ".join(HEADS))]
    for place, group in enumerate(groups):
        rows += _group(draft, now, place, group, task, most)
    return [*rows, Heading(text=" ", beside=_each(plan, len(groups)))] if plan else rows


def _group(draft: Draft, now: Planned, place: int, group: Mapping[str, Any], task: str, most: int) -> list[Row]:
    def field(name: str, label: str, beside: str, empty: str, choices: Sequence[str] = ()) -> Field:
        key = grouping.key_of(place, name)
        return Field(key=key, label=label, value=grouping.text_in(group, name), empty=empty, beside=beside,
                     choices=tuple(choices), problem=now.problems.get(key, ""),
                     changed=grouping.is_changed(group, now.base, name),
                     under="" if name == grouping.NAME else grouping.key_of(place))  # fmt: skip

    recipes = grouping.text_in(group, grouping.RECIPES)
    rows = [field(grouping.NAME, f"group {place + 1}", _summary(group, most), "NAME"),
            field("source", "  corpus", _of_its_own(group, task), "the lab's", ("", *tasks.choices(task)))]  # fmt: skip
    if task != tasks.LM and not any(name in group for name in grouping.OF_TEXT):
        return list(rows)
    return [
        *rows,
        field(grouping.RECIPES, "  recipes", _told(recipes), "none", ("", *offered())),
        field(grouping.COPIES, "  copies", "of each passage, all but the first changed", "1"),
        field("unique_tokens", "  tokens", "of the text; a run goes over them again", "all"),
    ]


def _of_its_own(group: Mapping[str, Any], task: str) -> str:
    """What a group's own corpus is."""
    source = grouping.text_in(group, "source")
    return f"{tasks.described(source, task)}; losses compare on one text only" if source else ""


def offered() -> tuple[str, ...]:
    """Recipes to choose from, with a share to begin with."""
    named = [name for name in SHARED if not WITH_FILE.get(name, False)]
    return tuple(name if name in DEFAULT_SHARE else f"{name}={_MILD.get(name, 0.1):g}" for name in named)


def _told(recipes: str) -> str:
    """What recipes do."""
    known = [_RECIPES[name] for part in recipes.split(",") if (name := part.partition("=")[0].strip()) in _RECIPES]
    return ", ".join(known) if known else "NAME=SHARE, several with commas"


def _summary(group: Mapping[str, Any], most: int) -> str:
    """Columns of a group: its text, copies, how often the largest budget reads them; then recipes and corpus."""
    unique, copies = grouping.text_in(group, "unique_tokens"), group.get(grouping.COPIES, 1)
    try:
        tokens = parse_count(unique) if unique else 0.0
    except BadInput:
        tokens = 0.0
    whole = tokens * copies if isinstance(copies, int) else 0.0
    cells = (unique or "all", str(copies), times_read(most, whole) if whole and most else "")
    what = ", ".join(filter(None, (grouping.text_in(group, "source"), grouping.text_in(group, grouping.RECIPES))))
    return " ".join(f"{cell:>{len(head)}}" for cell, head in zip(cells, HEADS, strict=True)) + f"  {what}".rstrip()


def _each(plan: Plan, n_groups: int) -> str:
    """What one group comes to."""
    n_planned = len(plan.preset.group_names)
    n_points = len(plan.cells) // n_planned
    seconds, flops = plan.seconds / n_planned, plan.flops / n_planned
    words = f"{counted(n_points, 'point')}, {format_duration(seconds)}, {numbers.flops(flops)} FLOPs"
    return f"each: {words}" if n_groups > 1 else f"{words}; a adds a group to compare with"
