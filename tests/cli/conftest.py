"""The command line as a function, as a process, and a lab to point it at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scalelab.cli.main import main
from tests.simulated import SimulatedLab, noise, true_loss


@dataclass(frozen=True)
class Ran:
    """How one command line ended."""

    code: int
    out: str
    err: str


def document(ran: Ran) -> dict[str, Any]:
    """The JSON on stdout, which is alone there."""
    assert ran.code == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    return told


@pytest.fixture
def scalelab(capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Ran]:
    """Run a command line in this process."""

    def run(*arguments: str) -> Ran:
        capsysbinary.readouterr()
        code = main(list(arguments))
        out, err = capsysbinary.readouterr()
        return Ran(code, out.decode(), err.decode())

    return run


def spawn(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as a process of its own; `shell` is what stands after it."""
    env = {"PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    line = " ".join([sys.executable, "-m", "scalelab", *arguments, shell])
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lab of the smoke preset with one diverged run, the others done."""
    lab = SimulatedLab(tmp_path_factory.mktemp("labs") / "smoke").finish_all(but=("24x1-D80k-s0",))
    from scalelab.records import RunState

    lab.end("24x1-D80k-s0", RunState.DIVERGED, "the loss is NaN at step 312")
    lab.refit("24x1-D80k-s0")
    lab.close()
    yield lab.folder


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of a 4 × 4 grid from a known law."""
    path = tmp_path_factory.mktemp("tables") / "runs.csv"
    rows = [
        f"{n:.0f},{d:.0f},{true_loss(n, d) * noise(f'{n}{d}')}"
        for n in (1e4, 3e4, 9e4, 2.7e5)
        for d in (2e5, 6e5, 1.8e6, 5.4e6)
    ]
    path.write_text("n_params,tokens,loss\n" + "\n".join(rows) + "\n")
    return path
