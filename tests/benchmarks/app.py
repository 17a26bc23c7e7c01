"""The app over a real terminal: first paint, traffic, key to screen beside training, a very large lab.

Everything is measured from outside, at the other end of a pty: when a key went in, when the last byte of what it
brought about came out, and how many bytes it were. `charts` has the frames of charts alone.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import app_labs
from tests.benchmarks.terminal import Terminal

BARE = "from textual.app import App\nfrom textual.widgets import Static\n" \
    "class Bare(App):\n    def compose(self):\n        yield Static('a bare app')\nBare().run()"  # fmt: skip
BURN = "import torch\ntorch.set_num_threads(1)\na = torch.randn(256, 256)\nwhile True:\n    a = torch.tanh(a @ a)"
"""What a worker does to a core, when no lab is trained."""
SILENCE = 0.06
"""Seconds without a byte after which a repaint is over."""
KEYS = (*"jjkjjkGgjxxxxll++-0mmm412zzzc", "\x1b[D", "\x1b[C", *"c3v2")
"""Cursor, axes, zoom, smoothing, views, panes, the cursor of the chart. Each changes something: after one that does not
the next loss of a lab that is trained would be taken for its answer."""


def app(lab: Path | None, home: Path, width: int = 120, height: int = 40) -> Terminal:
    """The app in a terminal, with settings and state of nobody."""
    words = ["-m", "scalelab", *([str(lab)] if lab else [])]
    own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
    return Terminal(words, width=width, height=height, environment=own)


def first_paint(home: Path, repeats: int) -> None:
    """Seconds from the start of a fresh process to its first words, one after the other in turn."""
    found: dict[str, list[float]] = {"bare Textual": [], "scalelab": [], "scalelab LAB": []}
    lab = app_labs.live(home / "paint")
    starts: tuple[tuple[Callable[[], Terminal], str], ...] = (
        (lambda: Terminal(["-c", BARE], width=120, height=40), "a bare app"),
        (lambda: app(None, home), "a lab for scaling laws"),
        (lambda: app(lab, home), "reading"),
    )
    for turn in range(repeats + 1):
        for times, (start, words) in zip(found.values(), starts, strict=True):
            with start() as terminal:
                seconds = terminal.until(words)
            if turn:  # the first turn fills the page cache
                times.append(seconds)
    bare = statistics.median(found["bare Textual"])
    for name, times in found.items():
        middle = statistics.median(times)
        beside = "" if name == "bare Textual" else f"  {1e3 * (middle - bare):+5.0f} ms, {middle / bare:.2f} × bare"
        print(f"  first paint, {name:13} {middle:6.3f} s  ({min(times):.3f} to {max(times):.3f}){beside}")


def traffic(home: Path, seconds: float) -> None:
    """Bytes a second while twelve runs are under way, and when nothing changes."""
    for view, key in (("runs", "2"), ("law", "3"), ("surface", "4")):
        lab = app_labs.live(home / f"live-{view}")
        writing = [sys.executable, "-m", "tests.benchmarks.app_labs", str(lab), "--seconds", str(2 * seconds + 5)]
        with _process(writing) as writer, app(lab, home) as terminal:
            terminal.until("training")
            terminal.press(key, 0.5)
            terminal.quiet(0.2, 3.0)
            moving = terminal.listen(seconds) / seconds
            writer.terminate()
            writer.wait()
            terminal.quiet(4.0)
            still = terminal.listen(seconds) / seconds
        print(f"  12 runs under way, 120×40, {view:8} {moving:7,.0f} bytes/s; nothing changes: {still:.0f} bytes/s")


def keys(home: Path, rounds: int) -> None:
    """Milliseconds from a key to the last byte of its repaint: alone, beside two torch loops, beside real training."""
    for name, beside in (("box left alone", _nothing), ("2 torch loops", _burning), ("a lab being trained", _training)):
        with beside(home) as lab, app(lab or app_labs.live(home / f"keys-{beside.__name__}"), home) as terminal:
            terminal.until("2 runs")
            terminal.quiet(1.0, 5.0)
            _print_keys(name, _pressed(terminal, KEYS * rounds))


def _pressed(terminal: Terminal, every: Sequence[str]) -> list[tuple[str, float, float, int]]:
    found = []
    for key in every:
        first, last, size = terminal.press(key, SILENCE, most=2.0)
        if size:
            found.append((key, first, last, size))
    return found


def _print_keys(name: str, found: Sequence[tuple[str, float, float, int]]) -> None:
    firsts, lasts = ([1e3 * row[place] for row in found] for place in (1, 2))
    worst = max(found, key=lambda row: row[2])
    print(f"  key to screen, {name:20} first byte p50 {_at(firsts, 0.5):5.1f} p95 {_at(firsts, 0.95):5.1f} ms; "
          f"last byte p50 {_at(lasts, 0.5):5.1f} p95 {_at(lasts, 0.95):5.1f} ms; {len(found)} keys, "
          f"slowest {worst[0]!r} {1e3 * worst[2]:.0f} ms")  # fmt: skip
    by_key: dict[str, list[float]] = {}
    for key, _, last, _ in found:
        by_key.setdefault(key, []).append(1e3 * last)
    print("      " + "  ".join(f"{key!r} {statistics.median(times):.0f}" for key, times in by_key.items()))


def _at(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


@contextmanager
def _nothing(_: Path) -> Iterator[None]:
    yield None


@contextmanager
def _burning(_: Path) -> Iterator[None]:
    """Every core under torch."""
    with _process([sys.executable, "-c", BURN]), _process([sys.executable, "-c", BURN]):
        time.sleep(3.0)
        yield None


@contextmanager
def _training(home: Path) -> Iterator[Path]:
    """A lab of two slots that is really trained: its own folder is what the app looks at."""
    lab = home / "trained"
    words = ["-m", "scalelab", "run", "--preset", "smoke", "--set", "budgets.tokens=40M,80M", "--set",
             "ladder.shapes=24x1,40x1", "--lab", str(lab)]  # fmt: skip
    with _process([sys.executable, *words]):
        began = time.monotonic()
        while time.monotonic() - began < 120 and not _under_way(lab):
            time.sleep(0.5)
        yield lab


def _under_way(lab: Path) -> bool:
    """Whether both runs have so many points that a cursor at the newest can go either way."""
    from scalelab.store.reader import Reader

    if not (lab / "lab.db").is_file():
        return False
    with Reader(lab / "lab.db") as reader:
        return sum(len(reader.points(run)) > 2 for run in reader.latest_points()) > 1


@contextmanager
def _process(words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def large(home: Path, lab: Path | None, seconds: float) -> None:
    """A lab of 500 curves and a million points: until its runs, and until all of its curves are there; then frames."""
    lab = lab or app_labs.huge(home / "huge")
    terminal = app(lab, home)
    with terminal:
        shown = terminal.until("reading")
        table = terminal.until("of 400")
        curve = terminal.until("nats a token")
        settled = terminal.quiet(1.5, 90.0) - terminal.began
        print(f"  500 curves, 1e6 points: runs {table - shown:.2f} s after the first paint, first curves "
              f"{curve - shown:.2f} s, all that comes {settled - shown:.2f} s")  # fmt: skip
        _print_keys("in the large lab", _pressed(terminal, KEYS))
    writing = [sys.executable, "-m", "tests.benchmarks.app_labs", str(lab), "--seconds", str(seconds + 60)]
    with _process(writing), app(lab, home) as terminal:
        terminal.until("nats a token")
        terminal.listen(5.0)
        print(f"  steady traffic there {terminal.listen(seconds) / seconds:,.0f} bytes/s")
        _print_keys("12 of 500 curves growing", _pressed(terminal, KEYS))


def main(arguments: list[str]) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks app", description=__doc__)
    parser.add_argument("--parts", nargs="*", default=["paint", "traffic", "keys", "large"])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--lab", type=Path, help="A large lab that is there already.")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scalelab-app-") as folder:
        home = Path(folder)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the start")
        if "paint" in given.parts:
            first_paint(home, given.repeats)
        if "traffic" in given.parts:
            traffic(home, given.seconds)
        if "keys" in given.parts:
            keys(home, 2)
        if "large" in given.parts:
            large(home, given.lab, given.seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
