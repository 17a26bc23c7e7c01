"""What many rooms' tests need: a device that is the same on every machine, and the public tables where they are."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalelab.records import DeviceInfo
from tests.reliability.tally import Tally

# Before torch is loaded: on few cores two fifths of the time of what trains went to threads waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A suite that a shell started in the background ignores Ctrl-C, and so would everything that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings and recent labs of nobody: what tests open must not stand in the list of who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture
def cpu() -> DeviceInfo:
    """Two cores of 80 GFLOP/s and 16 GB."""
    return DeviceInfo(
        name="cpu", label="two cores", memory_bytes=16 * 10**9, slots=2, peak_flops=80e9, peak_source="measured"
    )


@pytest.fixture
def shared_data() -> Path:
    """The folder of public scaling-law tables; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("SCALELAB_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no public tables at {folder}: set SCALELAB_SHARED_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def mini_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text of all very small labs that are really trained; their tokens come to lie in `cache` beside it."""
    from tests.lab import mini

    path = tmp_path_factory.mktemp("mini") / "text.txt"
    mini.write_text(path)
    return path


@pytest.fixture(scope="module")
def text(mini_text: Path) -> Iterator[Path]:
    """It, for a module whose labs find their tokens in its cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALELAB_CACHE", str(mini_text.with_name("cache")))
        yield mini_text


def pytest_collection_finish() -> None:
    """What was imported stays; each full collection of garbage looked at all of it again, a second with torch's."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--soak`: every fault many times, as the table of figures wants it; hours instead of minutes."""
    parser.addoption(
        "--soak", action="store_true", help="inject each fault as often as its promise says, keep the counts"
    )


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Counts what a fault did; prints it, and keeps it under --soak."""
    return Tally(soak=request.config.getoption("--soak"))
