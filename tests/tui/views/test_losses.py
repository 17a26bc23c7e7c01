"""Loss curves as a figure of a lab that grows: what has not grown is the line that it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import plan, preset_files
from scalelab.figures import Along, Series
from scalelab.records import Point, RunSpec
from scalelab.tui.curves import SMOOTHINGS, Curve
from scalelab.tui.views.losses import PACK, Look, LossFigure
from tests.simulated import CPU, SMALL

SPEC = plan.make_plan(preset_files.loads(SMALL, "a test"), CPU).runs[0]


def curve(run: str, count: int = 40) -> Curve:
    steps = np.arange(1.0, count + 1)
    loss = 3.0 + np.sin(steps)
    last = Point(run=run, attempt=1, step=count, n_tokens=count * 512, loss=float(loss[-1]), lr=0.01, grad_norm=0.5,
                 tokens_per_second=1e5, seconds=0.01 * count)  # fmt: skip
    return Curve(run=run, n_tokens=512 * steps, flops=1e6 * steps, seconds=0.01 * steps, step=steps, loss=loss,
                 smoothed=tuple(loss + 0.1 * place for place in (1, 2)), last=last, growing=False)  # fmt: skip


def lab(count: int) -> tuple[dict[str, Curve], list[RunSpec]]:
    specs = [replace(SPEC, run=f"run-{place}") for place in range(count)]
    return {spec.run: curve(spec.run) for spec in specs}, specs


def test_only_what_has_grown_is_another_line() -> None:
    curves, specs = lab(3)
    made = LossFigure()
    before = made.make(curves, specs, Look()).series
    curves["run-1"] = curve("run-1", 41)
    after = made.make(curves, specs, Look()).series
    assert [one is other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert after[1].x is curves["run-1"].n_tokens
    coarse = made.make(curves, specs, replace(Look(), along=Along.FLOPS)).series
    assert [each.x is curves[each.name].flops for each in coarse] == [True] * 3
    assert [one is other for one, other in zip(after, made.make(curves, specs, Look()).series, strict=True)] == [
        True
    ] * 3


@pytest.mark.parametrize("smoothing", range(1, len(SMOOTHINGS) + 1))
def test_what_was_measured_lies_in_grey_below_its_mean_unless_it_is_a_whole_pack(smoothing: int) -> None:
    look = replace(Look(), smoothing=smoothing)

    def grey(series: tuple[Series, ...]) -> list[str]:
        return [each.name for each in series if each.colour is None]

    curves, specs = lab(PACK + 1)
    few = LossFigure().make(curves, specs[:PACK], look).series
    assert len(few) == 2 * PACK and grey(few) == [each.name for each in few[:PACK]]
    assert all(each.y is curves[each.name].loss for each in few[:PACK])
    assert all(each.y is curves[each.name].smoothed[smoothing - 1] for each in few[PACK:])
    assert grey(LossFigure().make(curves, specs, look).series) == []
    # Of the pack those that are looked at alone have theirs again.
    assert "run-2" in grey(LossFigure().make(curves, specs, look, only=("run-2", "run-3")).series)


def test_a_figure_grows_while_somebody_trains_one_of_its_runs() -> None:
    curves, specs = lab(3)
    curves["run-1"] = replace(curves["run-1"], growing=True)
    made = LossFigure()
    assert made.make(curves, specs, Look(), alive=True).growing
    assert not made.make(curves, specs, Look(), alive=False).growing
    assert not made.make(curves, specs, Look(), only=("run-0",), alive=True).growing
