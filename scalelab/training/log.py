"""A run's own log, one timed line an event, for a person who asks later what happened. Knows nothing of training."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path


class RunLog:
    """Appends to run_dir/log.txt; a log that cannot be written never stops a run."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / "log.txt"
        with contextlib.suppress(OSError):
            run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    def say(self, line: str) -> None:
        """One line, with the time."""
        with contextlib.suppress(OSError), open(self._path, "a", encoding="utf-8") as stream:
            stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
