"""What happened to one run: its states, why it failed, and the end of its log, as lines. Reads one file's end."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from scalelab.errors import BadInput
from scalelab.gate import clean, clean_lines
from scalelab.lab.paths import lab_paths
from scalelab.records import RunState
from scalelab.tui.labs import short
from scalelab.tui.views.lines import LinesView

if TYPE_CHECKING:
    from scalelab.store.rows import RunRow

TAIL_BYTES = 16_384
MOST_LINES = 200
BAD = "color(166) bold"


def lines(root: Path, row: RunRow, width: int) -> list[Text]:
    """The run's fate in words and the end of its log."""
    path, tail = log_tail(root, row.run)
    head = _wrapped(f"{clean(row.run, 60)}: {_fate(row)}", width, BAD if row.state in _BAD else "bold")
    head += [*_wrapped(clean(short(path), 300), width, "dim"), Text("")]
    return head + [Text(part, no_wrap=True) for line in tail for part in textwrap.wrap(line, width) or [""]]


def show(view: LinesView, lines: Sequence[Text]) -> None:
    """Show a log from its end, unless it is there already: whoever scrolls in it stays where they are."""
    if view.plain != [line.plain for line in lines]:
        view.put(lines)
        view.call_after_refresh(view.bring, max(len(lines) - 1, 0))


def log_tail(root: Path, run: str) -> tuple[Path, list[str]]:
    """The run's log file and its last lines; words where there is none."""
    try:
        path = lab_paths(root).run_dir(run) / "log.txt"
    except BadInput as problem:
        return root, [problem.line()]
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - TAIL_BYTES, 0))
            text = file.read(TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return path, ["this run has written no log yet"]
    found = clean_lines(text).splitlines()
    return path, (found[1:] if size > TAIL_BYTES else found)[-MOST_LINES:] or ["the log is empty"]


_BAD = frozenset({RunState.FAILED, RunState.DIVERGED})


def _fate(row: RunRow) -> str:
    at = f"at step {row.step} of {row.spec.n_steps}, attempt {row.attempt}"
    where = f"{row.state} {at if row.attempt else 'before it began'}"
    return f"{where}: {clean(row.reason, 400)}" if row.reason else where


def _wrapped(text: str, width: int, style: str) -> list[Text]:
    return [Text(part, style, no_wrap=True) for part in textwrap.wrap(text, width)]
