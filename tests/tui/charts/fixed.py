"""One figure of every kind of mark and one surface, the same numbers on every machine; and goldens to hold them to."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Notation, Role, Series, Surface

GOLDENS = Path(__file__).parent / "goldens"


def hold(name: str, shown: str) -> None:
    """Compare with the kept text; `UPDATE_GOLDENS=1` writes it."""
    path = GOLDENS / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown + "\n")
    assert path.read_text() == shown + "\n"


def axis(low: float, high: float, *, log: bool = False, label: str = "x") -> Axis:
    return Axis(label=label, low=low, high=high, log=log)


def line(x: object, y: object, *, label: str = "", colour: int | None = 0, role: Role = Role.CURVE,
         name: str = "line") -> Series:  # fmt: skip
    return Series(role=role, mark=Mark.LINE, name=name, label=label, colour=colour, x=np.asarray(x, dtype=float),
                  y=np.asarray(y, dtype=float))  # fmt: skip


def dots(x: object, y: object, *, colour: int | None = 0, role: Role = Role.RUNS, points: tuple[str, ...] = (),
         name: str = "dots") -> Series:  # fmt: skip
    return Series(role=role, mark=Mark.DOTS, name=name, colour=colour, x=np.asarray(x, dtype=float),
                  y=np.asarray(y, dtype=float), points=points)  # fmt: skip


def unit(*series: Series) -> Figure:
    """Series over 0 to 1 by 0 to 1."""
    return Figure(title="a title", x=axis(0.0, 1.0), y=axis(0.0, 1.0, label="y"), series=series)


def law(n_params: np.ndarray | float, n_tokens: np.ndarray | float) -> np.ndarray:
    return np.asarray(1.69 + 406.4 / n_params**0.34 + 410.7 / n_tokens**0.28)


def loss_curves(n_points: int = 400) -> Figure:
    """Five curves that end at different places, one with a gap, the last with a band."""
    series = []
    for place, size in enumerate(np.geomspace(1e6, 1e8, 5)):
        tokens = np.geomspace(3e6, 3e8 * (place + 1), n_points)
        # A ripple in place of noise: random numbers are not the same in every release of numpy.
        loss = law(size, tokens) * (1 + 0.01 * np.sin(np.arange(n_points) * 2.4))
        if place == 2:
            loss[n_points // 3 : n_points // 2] = np.nan
        band = {"low": loss * 0.94, "high": loss * 1.06} if place == 4 else {}
        series.append(Series(role=Role.CURVE, mark=Mark.LINE, name=f"run-{place}", label=f"{size / 1e6:.1f}M",
                             colour=place, x=tokens, y=loss, **band))  # fmt: skip
    return Figure(
        title="training loss",
        x=Axis(label="training tokens D", low=3e6, high=1.6e9, log=True, notation=Notation.COUNT),
        y=Axis(label="loss, nats a token", low=2.3, high=12.0, log=True),
        series=tuple(series),
    )


def against_compute() -> Figure:
    """Iso-N curves, runs, the frontier and a forecast with its interval."""
    sizes, series = np.geomspace(1e6, 1e8, 5), []
    for place, size in enumerate(sizes):
        tokens = np.geomspace(size * 5, size * 2000, 64)
        series.append(line(6 * size * tokens, law(size, tokens), label=f"{size / 1e6:.1f}M", colour=place,
                           role=Role.ISO_N, name=f"N = {size:.2g}"))  # fmt: skip
    flops = np.geomspace(3e14, 6e19, 24)
    best = law((flops / 120) ** 0.5, 20 * (flops / 120) ** 0.5)
    series.append(line(flops, best, colour=None, role=Role.FRONTIER, name="frontier"))
    series.append(Series(role=Role.FORECAST, mark=Mark.DOTS, name="the best at this compute", label=f"{best[-1]:.3f}",
                         x=flops[-1:], y=best[-1:], low=best[-1:] - 0.1, high=best[-1:] + 0.2))  # fmt: skip
    for place, size in enumerate(sizes):
        tokens = size * np.array([7.0, 20.0, 60.0])
        series.append(dots(6 * size * tokens, law(size, tokens) * 1.02, colour=place, name=f"runs with N = {size:.2g}",
                           points=tuple(f"{place}-{budget}" for budget in "abc")))  # fmt: skip
    return Figure(
        title="loss against compute",
        x=Axis(label="training compute C, FLOPs", low=2e13, high=3e20, log=True, notation=Notation.POWER),
        y=Axis(label="loss, nats a token", low=2.1, high=9.0, log=True),
        series=tuple(series),
    )


def landscape() -> Surface:
    """L(N, D) with contours, eight runs and a frontier."""
    n_params, n_tokens = np.geomspace(1e6, 1e9, 60), np.geomspace(1e7, 1e11, 40)
    flops = np.geomspace(6e14, 6e20, 24)
    runs = np.repeat(np.geomspace(1e6, 1e8, 4), 2)
    tokens = runs * np.tile([15.0, 90.0], 4)
    return Surface(
        title="loss by chinchilla",
        x=Axis(label="parameters N", low=1e6, high=1e9, log=True, notation=Notation.COUNT),
        y=Axis(label="training tokens D", low=1e7, high=1e11, log=True, notation=Notation.COUNT),
        n_params=n_params,
        n_tokens=n_tokens,
        loss=law(n_params[None, :], n_tokens[:, None]),
        levels=(8.45, 7.22, 6.16, 5.26, 4.49, 3.83, 3.27, 2.79),
        series=(
            line((flops / 120) ** 0.5, 20 * (flops / 120) ** 0.5, colour=None, role=Role.FRONTIER, name="frontier"),
            dots(runs, tokens, colour=None, name="runs", points=tuple(f"run-{place}" for place in range(8))),
        ),
    )
