"""Disks that are really full: a small tmpfs, and a file that takes what is left of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A file system of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    @property
    def free(self) -> int:
        """Bytes."""
        seen = os.statvfs(self.root)
        return seen.f_bavail * seen.f_frsize

    def fill(self, *, leave: int = 0) -> None:
        """Take all room but so many bytes."""
        size = self._ballast.stat().st_size if self._ballast.exists() else 0
        with self._ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), size, max(self.free - leave, 1))

    def make_room(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)

    def options(self, *options: str) -> None:
        """Mount it anew, as "ro" or "rw"."""
        subprocess.run(["mount", "-o", ",".join(("remount", *options)), self.root], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """A tmpfs of "1m" or so in a new folder; skips the test where we may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs a small disk: run as root or under `unshare -Urm` ({mounted.stderr.strip()})")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
