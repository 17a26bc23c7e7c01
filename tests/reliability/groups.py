"""Control groups, version 1: the kernel kills what takes too much memory there, and what is frozen outlives SIGKILL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import mini


@contextmanager
def control_group(kind: str, setting: str, value: str) -> Iterator[Path]:
    """An empty group of "memory" or "freezer", with one thing set; skips the test where we may not make one."""
    group = Path("/sys/fs/cgroup") / kind / f"scalelab-{os.getpid()}"
    try:
        group.mkdir()
        (group / setting).write_text(value)
    except OSError as problem:
        pytest.skip(f"needs control groups, version 1, and the right to make them ({problem})")
    try:
        yield group
    finally:
        if kind == "freezer":
            (group / setting).write_text("THAWED")
        mini.wait_for(lambda: not (group / "cgroup.procs").read_text(), 30, "end of all in the group")
        group.rmdir()
