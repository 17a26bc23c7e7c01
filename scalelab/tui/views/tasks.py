"""A plan's task and its text: what can be chosen, the columns of pairs, edits of several fields. It knows no screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from scalelab.errors import BadInput
from scalelab.mixture import shares
from scalelab.pairing import DEFAULT_COLUMNS, HUB, PREFIX, check_source
from scalelab.preset import Preset
from scalelab.tui.views import grouping
from scalelab.tui.views.draft import Draft, said, whole

TASK, SOURCE, CONTEXT = "task", "corpus.source", "model.context"
MEANT = (TASK, SOURCE, grouping.KEY)
"""Fields that are right or wrong together."""
BROUGHT = (*MEANT, CONTEXT)
"""Fields that another task changes."""
LEAST_CONTEXT = 32
"""Nine of ten made pairs fit into it, in 512 tokens of a BPE; into 16, one of five of conlang's."""
PROMPT, TARGET = "pairs.prompt", "pairs.target"
"""Fields of the form that are no fields of a preset: columns that stand in `corpus.source`."""
LM = "lm"
TASKS = {
    LM: "text: every token is learnt",
    "translation": "pairs: loss of targets, chrF, BLEU",
    "qa": "pairs: loss of answers, exact match, F1",
}
"""The tasks, and what they are."""
PAIRS = {
    "translation": {
        "conlang": "a made language with grammar; no network needed",
        "hf:wmt/wmt14:de-en#translation.de,translation.en": "German to English (streamed from the hub)",
    },
    "qa": {
        "facts": "made facts and sums; no network needed",
        "hf:rajpurkar/squad#context,question,answers.text": "SQuAD: a passage and a question (streamed from the hub)",
    },
}
"""Sets of pairs that can be chosen, by task."""
_FORMS = {True: "or FILES, hf:OWNER/NAME, a=.7,b=.3", False: "or pairs:FILE#PROMPT,TARGET, hf:OWNER/NAME#PROMPT,TARGET"}


@lru_cache(maxsize=1)
def texts() -> Mapping[str, str]:
    """Named corpora of plain text, and what they are."""
    from scalelab.corpora.sources import available

    return {name: what for name, what in available() if ":" not in name}


def choices(task: str) -> Mapping[str, str]:
    """Sources that can be chosen for a task, and what they are."""
    return texts() if task == LM else PAIRS.get(task, {})


def described(source: str, task: str) -> str:
    """What a source is."""
    from scalelab.corpora.hub.names import hub_spec

    known = choices(task).get(source)
    if known is not None:
        return known
    parts = shares_of(source)
    if task == LM and len(parts) > 1:
        return ", ".join(f"{100 * share:.3g} % {name}" for name, share in parts)
    try:
        spec = hub_spec(source)
    except BadInput:
        return ""
    return "files of this machine" if spec is None or spec.is_local else "streamed from the hub"


def forms(task: str) -> str:
    """How any other source is written."""
    return _FORMS[task == LM]


def shares_of(source: str) -> tuple[tuple[str, float], ...]:
    """The corpora of a mixture with their shares; one, the source itself, where it is none or half written."""
    try:
        return shares(source)
    except BadInput:
        return ((source, 1.0),)


def with_task(draft: Draft, base: Preset | None, task: str) -> Draft:
    """Another task with a text that serves it; what was said for the one before is kept for coming back to it."""
    was = said(draft, base, TASK)
    if base is None or task == was:
        return draft
    aside = {**draft.aside, was: {key: draft.edits[key] for key in BROUGHT if key in draft.edits}}
    new = aside.get(task)
    if new is None:
        new = {} if task == base.task else _first(draft, base, task)
    return replace(draft.instead(BROUGHT, new, TASK), aside=aside)


def _first(draft: Draft, base: Preset, task: str) -> dict[str, str]:
    """What to begin with for a task that is not the preset's."""
    new = {TASK: task, SOURCE: next(iter(choices(task)), "")}
    context = said(draft, base, CONTEXT)
    if task != LM and (tokens := whole(context)) is not None and tokens < LEAST_CONTEXT:
        new[CONTEXT] = str(LEAST_CONTEXT)
    elif CONTEXT in draft.edits:
        new[CONTEXT] = context
    # Recipes are for text, and sources for the task that the preset has.
    return {**new, grouping.KEY: "[]"} if any(group.is_changed or group.source for group in base.groups) else new


def columns(source: str, task: str) -> tuple[str, str] | None:
    """Columns of the prompt and of the target as a source names them, empty where it does not; None: it has none."""
    if task == LM or not source.startswith((PREFIX, HUB)):
        return None
    *prompt, target = source.partition("#")[2].split(",")
    return ", ".join(name.strip() for name in prompt), target.strip()


def usual_columns(source: str, task: str) -> tuple[str, str]:
    """What columns are called where nobody names them; of the hub's sets they must be named."""
    return DEFAULT_COLUMNS.get(task, ("", "")) if source.startswith(PREFIX) else ("", "")


def with_column(draft: Draft, base: Preset | None, key: str, text: str) -> Draft:
    """With another column of prompt or target in the source."""
    source, task = said(draft, base, SOURCE), said(draft, base, TASK)
    found = columns(source, task)
    if found is None:
        return draft
    prompt, target = (text, found[1]) if key == PROMPT else (found[0], text)
    usual = usual_columns(source, task)
    names = [
        *(part.strip() for part in (prompt or usual[0]).split(",")),
        (target or usual[1]).replace(",", " ").strip(),
    ]
    named = f"#{','.join(names)}" if prompt.strip() or target.strip() else ""
    return replace(draft.put(SOURCE, source.partition("#")[0] + named), touched=key)


def guilty(draft: Draft, base: Preset | None) -> str:
    """The field that breaks a rule between task, text and groups; empty where none does."""
    groups, task, source = grouping.groups_of(draft, base), said(draft, base, TASK), said(draft, base, SOURCE)
    if own := grouping.guilty(groups):
        return own
    for place, group in enumerate(groups):
        if "source" in group and not _serves(str(group["source"]), task):
            return grouping.key_of(place, "source")
    used = not groups or any("source" not in group for group in groups)
    if used and not _serves(source, task):
        return draft.touched if draft.touched in {PROMPT, TARGET} else SOURCE
    return grouping.changed_text(groups) if task != LM else ""


def _serves(source: str, task: str) -> bool:
    try:
        check_source(source, task)
    except BadInput:
        return False
    return True
