"""Where everything of a lab lies; must not know what is in the files. No name from outside becomes a path unchecked."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from scalelab.errors import BadInput
from scalelab.gate import clean

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True, slots=True)
class LabPaths:
    """The files of one lab."""

    root: Path

    @property
    def preset(self) -> Path:
        """The resolved preset, for people; the store keeps the one that counts."""
        return self.root / "preset.toml"

    @property
    def store(self) -> Path:
        """The SQLite store."""
        return self.root / "lab.db"

    @property
    def tokens(self) -> Path:
        """A link to the tokens in the shared cache."""
        return self.root / "tokens"

    @property
    def runs(self) -> Path:
        """The folder of the runs' folders."""
        return self.root / "runs"

    @property
    def log(self) -> Path:
        """What the supervisor says."""
        return self.root / "supervisor.log"

    @property
    def lock(self) -> Path:
        """Held by the process that owns the lab."""
        return self.root / "lock"

    def run_dir(self, run: str) -> Path:
        """The folder of a run.

        Raises
        ------
        BadInput
            The name could lead out of the lab.
        """
        if not _RUN.fullmatch(run):
            raise BadInput(f"run {clean(run, 60)!r}", allowed="letters, digits, '.', '_', '+', '-'")
        return self.runs / run

    @property
    def exists(self) -> bool:
        """Whether a lab is there."""
        return self.store.is_file()


def lab_paths(folder: str | Path) -> LabPaths:
    """The lab in a folder, absolute, so that no later change of directory moves it.

    Raises
    ------
    BadInput
        No folder can have that name.
    """
    text = os.fspath(folder)
    if not text.strip() or "\0" in text or "\n" in text:
        raise BadInput(f"lab {clean(text, 60)!r}", allowed="a folder")
    return LabPaths(Path(os.path.abspath(os.path.expanduser(text))))


def append_private(path: Path) -> int:
    """A descriptor that appends to a file which only its owner may read."""
    return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
