"""`scalelab serve` as a process, over a small finished lab."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.serving import Served, serving
from tests.simulated import SimulatedLab


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab of nine runs with its law."""
    lab = SimulatedLab(tmp_path_factory.mktemp("served") / "smoke").finish_all()
    lab.refit(list(lab.specs)[-1])
    lab.close()
    return lab.folder


@pytest.fixture
def lab(finished: Path, tmp_path: Path) -> Path:
    """A copy of it at labs/smoke."""
    folder = tmp_path / "labs" / "smoke"
    shutil.copytree(finished, folder)
    return folder


@pytest.fixture
def served(lab: Path, tmp_path: Path) -> Iterator[Served]:
    """It, in a server of its own."""
    with serving(tmp_path, str(lab)) as server:
        yield server
