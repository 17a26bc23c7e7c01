"""The bench that the tests of the supervisor, of stopping and of fits share."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalelab.lab.paths import LabPaths
from tests.lab.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(LabPaths(tmp_path))
