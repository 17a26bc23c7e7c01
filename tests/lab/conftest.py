"""The bench that the tests of the supervisor, of stopping and of fits share, and a real lab that nobody disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalelab.lab import control
from scalelab.lab.paths import LabPaths
from tests.lab import mini
from tests.lab.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(LabPaths(tmp_path))


@pytest.fixture(scope="session")
def whole(mini_text: Path, tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """The very small lab as it ends when nobody disturbs it; for reading."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALELAB_CACHE", str(mini_text.with_name("cache")))
        paths = mini.make(tmp_path_factory.mktemp("whole") / "lab", mini_text)
        assert control.start(None, paths.root, checkpoint_seconds=mini.CHECKPOINT_SECONDS).done == 6
    return paths
