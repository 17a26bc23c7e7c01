"""Milliseconds and bytes of a chart's and a surface's frame over a real pty, beside plotext for the same figure.

Each time is CPU time of the app's process, best of N frames: painting, composing and writing. Bytes are what
went to the terminal, median of N. plotext is timed for its string alone, which would then still have to be composed.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Notation, Role, Series, Surface

SIZES = ((200, 50), (80, 24))
STEP = 20
"""Points by which each curve grows from frame to frame: a hundredth of it."""
SETTLE = 0.08
"""Seconds in which a frame is surely on the screen."""


def law(n_params: Any, n_tokens: Any, floor: float = 1.69) -> Any:
    return floor + 406.4 / n_params**0.34 + 410.7 / n_tokens**0.28


def curves(n_curves: int, n_points: int) -> Figure:
    """Noisy loss curves."""
    random, series = np.random.default_rng(7), []
    for place, size in enumerate(np.geomspace(1e6, 1e8, n_curves)):
        tokens = np.geomspace(3e5, 4e8 * (1 + place * 12 / n_curves), n_points)
        loss = law(size, tokens) + random.normal(0, 0.02, n_points)
        series.append(Series(role=Role.CURVE, mark=Mark.LINE, name=f"run-{place}", label=f"{size / 1e6:.1f}M",
                             colour=place, x=tokens, y=loss))  # fmt: skip
    return Figure(
        title="training loss",
        x=Axis(label="training tokens D", low=3e5, high=5e9, log=True, notation=Notation.COUNT),
        y=Axis(label="loss, nats a token", low=1.9, high=13.0, log=True),
        series=tuple(series),
    )


def growing(whole: Figure, frames: int) -> list[Figure]:
    """The figure as its curves grow from three quarters on, as the app's do: each in longer views of its memory."""
    return [
        replace(whole, series=tuple(replace(each, x=each.x[:shown], y=each.y[:shown]) for each in whole.series))
        for shown in range(1500, 1500 + STEP * frames, STEP)
    ]


def surface(floor: float = 1.69) -> Surface:
    """L(N, D) as figures.surface makes it, with 28 runs and the frontier."""
    n_params, n_tokens = np.geomspace(1e6, 1e9, 120), np.geomspace(1e7, 1e11, 60)
    runs, flops = np.repeat(np.geomspace(1e6, 1e8, 7), 4), np.geomspace(6e14, 6e20, 24)
    line, dots = (
        Series(role=role, mark=mark, name=str(role), x=x, y=y)
        for role, mark, x, y in (
            (Role.FRONTIER, Mark.LINE, (flops / 120) ** 0.5, 20 * (flops / 120) ** 0.5),
            (Role.RUNS, Mark.DOTS, runs, runs * np.tile([7.0, 20.0, 60.0, 180.0], 7)),
        )
    )
    return Surface(
        title="loss by chinchilla", x=Axis(label="parameters N", low=1e6, high=1e9, log=True, notation=Notation.COUNT),
        y=Axis(label="training tokens D", low=1e7, high=1e11, log=True, notation=Notation.COUNT), n_params=n_params,
        n_tokens=n_tokens, loss=law(n_params[None, :], n_tokens[:, None], floor),
        levels=(8.45, 7.22, 6.16, 5.26, 4.49, 3.83, 3.27, 2.79), series=(line, dots),
    )  # fmt: skip


def _moving(grown: list[Figure]) -> list[Figure]:
    """The same figures, each between axes of its own, so that no line is known."""
    return [
        replace(figure, x=replace(figure.x, high=figure.x.high * 1.01**place)) for place, figure in enumerate(grown)
    ]


def _few(grown: list[Figure]) -> list[Figure]:
    """Figures of which only the last four curves grow."""
    return [replace(grown[0], series=(*grown[0].series[:-4], *figure.series[-4:])) for figure in grown]


def child(target: str, frames: int) -> None:
    """The app inside the pty: shows frame after frame and writes what they cost into `target`."""
    from scalelab.tui.charts.chart import Chart
    from scalelab.tui.charts.map import SurfaceMap
    from tests.benchmarks.charts_app import Frames

    grown = growing(curves(12, 2000), frames + 1)
    many = growing(curves(500, 2000), 5)
    laws = [surface(1.69 + 0.01 * (frame % 2)) for frame in range(frames + 1)]
    found: dict[str, list[tuple[float, float, int]]] = {}
    for name, widget, figures in (
        ("12 × 2,000 points, each curve grows by 1 %", Chart(), grown),
        ("12 × 2,000 points, the same figure again", Chart(), grown[-1:] * (frames + 1)),
        ("12 × 2,000 points, whole", Chart(), [grown[0], None] * frames),
        ("500 × 2,000 points, each grows by 1 %", Chart(), many),
        ("500 × 2,000 points, four grow by 1 %", Chart(), _few(many)),
        ("500 × 2,000 points, and the axis moves", Chart(), _moving(many)),
        ("surface, whole", SurfaceMap(), [laws[0], None] * frames),
        ("surface, the law moved a little", SurfaceMap(), laws),
    ):
        found[name] = Frames.run_over(widget, figures, SETTLE)
    Path(target).write_text(json.dumps(found))


def over_pty(width: int, height: int, frames: int) -> dict[str, list[tuple[float, float, int]]]:
    """Runs `child` in a terminal of that size and returns what it found."""
    with tempfile.NamedTemporaryFile(suffix=".json") as target:
        process, terminal = pty.fork()
        if process == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS=str(width), LINES=str(height))
            os.environ.pop("NO_COLOR", None)
            command = [sys.executable, "-m", "tests.benchmarks.charts", "--child", target.name, "--frames", str(frames)]
            os.execv(sys.executable, command)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        said = _drain(terminal)
        if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
            raise SystemExit(said.decode(errors="replace")[-2000:])
        return dict(json.loads(Path(target.name).read_text()))


def _drain(terminal: int) -> bytes:
    said = b""
    while True:
        try:
            block = os.read(terminal, 65536)
        except OSError:
            return said
        if not block:
            return said
        said = (said + block)[-100_000:]


def plotext(build: Callable[[], str], frames: int = 3) -> tuple[float, int]:
    """(CPU milliseconds, best of N; bytes) of plotext's string."""
    costs, size = [], 0
    for _ in range(frames):
        began = time.process_time()
        size = len(build().encode())
        costs.append(1e3 * (time.process_time() - began))
    return min(costs), size


def peers(width: int, height: int) -> dict[str, tuple[float, int]]:
    """What plotext needs for the curves, and for the losses of the surface as a matrix of colours."""
    import plotext as library

    from scalelab.report.plot import draw

    def matrix() -> str:
        library.clear_figure()
        library.limit_size(False, False)
        library.plot_size(width, height)
        across, up = np.linspace(0.0, 1.0, width - 10), np.linspace(1.0, 0.0, height - 4)
        library.matrix_plot(terrain.losses(shown, across, up).tolist())
        return str(library.build())

    from scalelab.tui.charts import terrain

    figure, shown = growing(curves(12, 2000), 13)[-1], surface()
    return {"12 × 2,000": plotext(lambda: draw(figure, width, height)), "surface": plotext(matrix)}


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks charts", description=__doc__)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        child(given.child, given.frames)
        return
    for width, height in SIZES:
        print(f"{width}×{height}{'CPU':>45} {'to screen':>11} {'bytes':>9}   plotext / ours")
        known = peers(width, height)
        for name, rows in over_pty(width, height, given.frames).items():
            _print(name, rows, next((peer for begin, peer in known.items() if name.startswith(begin)), None))
        for name, (cost, size) in known.items():
            print(f"  plotext: {name:34} {cost:6.1f} ms {'':11} {size:9,}")


def _print(name: str, rows: list[tuple[float, float, int]], peer: tuple[float, int] | None) -> None:
    cost = min(row[0] for row in rows)
    wall = min((row[1] for row in rows if row[2]), default=0.0)
    size = statistics.median(row[2] for row in rows)
    ratio = ""
    if peer is not None:
        ratio = f"   {peer[0] / cost:.0f} × the time"
        ratio += f", {peer[1] / size:.1f} × the bytes" if size else ", 0 bytes here"
    reach = f"{wall:8.1f} ms" if size else f"{'—':>11}"
    print(f"  {name:43} {cost:6.1f} ms {reach} {size:9,.0f}{ratio}")


if __name__ == "__main__":
    main(sys.argv[1:])
