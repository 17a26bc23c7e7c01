"""How pairs of prompts and targets are asked for: "conlang", "pairs:FILE#source,target", "hf:REPO#a,b". Knows nobody.

Names and columns alone; what reads them stands in `corpora.pairs`, what scores them in `tasks`.
"""

from __future__ import annotations

from dataclasses import dataclass

from scalelab.errors import BadInput

TASKS = ("lm", "translation", "qa")
"""Plain text, and the tasks of prompts and targets."""
MADE = {"conlang": "translation", "facts": "qa"}
"""Sets that a seeded generator makes, by name, and the task that each is of."""
PREFIX, HUB = "pairs:", "hf:"
DEFAULT_COLUMNS = {"translation": ("source", "target"), "qa": ("question", "answer")}
"""Of files whose columns nobody names."""
FORMS = 'pairs:FILE#PROMPT,TARGET, hf:OWNER/NAME#PROMPT,TARGET, or a made set: "conlang" (translation), "facts" (qa)'


@dataclass(frozen=True, slots=True, kw_only=True)
class PairName:
    """A source of pairs, read."""

    kind: str
    """"made", "files" or "hub"."""
    place: str
    """The made set's name, a path or glob, or the hub's name with its prefix and without columns."""
    prompt: tuple[str, ...] = ()
    """Columns, dots for what is nested in them; several are joined by line ends."""
    target: str = ""


def pair_name(source: str, task: str) -> PairName:
    """The source of a task's pairs; raises BadInput where it is none."""
    if source in MADE:
        if MADE[source] != task:
            raise BadInput(f"{source!r} is a set for {MADE[source]}", todo=f'set task = "{MADE[source]}"')
        return PairName(kind="made", place=source)
    kind = "files" if source.startswith(PREFIX) else "hub" if source.startswith(HUB) else ""
    if not kind:
        raise BadInput(f"{source!r} holds no pairs for {task}", allowed=FORMS)
    place, mark, written = source.partition("#")
    columns = tuple(name.strip() for name in written.split(",")) if mark else DEFAULT_COLUMNS[task]
    if len(columns) < 2 or not all(columns):
        raise BadInput(f"{source!r} names no two columns", allowed="#PROMPT,TARGET; the last one is the target")
    if kind == "hub" and not mark:
        todo = "append #PROMPT,TARGET, such as #translation.de,translation.en"
        raise BadInput(f"{source!r} names no columns", todo=todo)
    return PairName(kind=kind, place=place.removeprefix(PREFIX), prompt=columns[:-1], target=columns[-1])


def check_source(source: str, task: str) -> None:
    """Raise BadInput where a source does not serve a task, or is of pairs and there is no task."""
    if task != "lm":
        pair_name(source, task)
    elif source in MADE or source.startswith(PREFIX):
        wanted = MADE.get(source, "translation")
        raise BadInput(f"{source!r} holds pairs, no text", todo=f'set task = "{wanted}"')
