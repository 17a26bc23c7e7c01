"""The recorded lab, once for all tests of this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.replay.labs import RecordedLab


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab that nobody may write to."""
    folder = RecordedLab(tmp_path_factory.mktemp("labs") / "grown").record()
    for path in (*folder.iterdir(), folder):
        os.chmod(path, path.stat().st_mode & ~0o222)
    return folder
