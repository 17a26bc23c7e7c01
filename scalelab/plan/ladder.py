"""The ladder: a preset's rungs as shapes with exact counts, smallest first, and the rate each trains at."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scalelab.errors import BadInput
from scalelab.plan.shapes import count, make_shape, rung_name, shape_for
from scalelab.preset import LadderSpec, LearningRateSpec, Preset
from scalelab.records import ModelShape, ParameterCount
from scalelab.units import format_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One model size."""

    name: str
    """d_model x n_layer."""
    shape: ModelShape
    counts: ParameterCount

    @property
    def flops_per_token(self) -> float:
        """Training FLOPs a token: 6·n_params + 12·n_layer·d_model·context."""
        return 6.0 * self.counts.n_params + 12.0 * self.shape.n_layer * self.shape.d_model * self.shape.context


def make_ladder(preset: Preset, vocab_size: int | None = None) -> tuple[Rung, ...]:
    """The rungs of a preset, smallest n_params first.

    Parameters
    ----------
    vocab_size
        Tokens of the real tokenizer, once it exists; until then the preset's number.

    Raises
    ------
    BadInput
        When a width does not divide, no shape comes near a target, or two targets meet in one shape.
    """
    vocabulary = vocab_size or preset.planned_vocabulary
    if preset.ladder.shapes is not None:
        shapes = [make_shape(name, preset.model, vocabulary) for name in preset.ladder.shapes]
    else:
        shapes = [shape_for(target, preset.model, vocabulary) for target in _targets(preset.ladder)]
    rungs = [Rung(name=rung_name(shape), shape=shape, counts=count(shape)) for shape in shapes]
    names = [rung.name for rung in rungs]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(
                f"two rungs of the ladder come out as {name} (N = {format_count(_n(rungs, name))})",
                todo="move their targets apart or take one out",
            )
    return tuple(sorted(rungs, key=lambda rung: (rung.counts.n_params, rung.name)))


def peak_rate(spec: LearningRateSpec, rung: Rung) -> float:
    """The learning rate after the warm-up, by the preset's rule."""
    if spec.rule == "width":
        return spec.scale * math.pow(rung.shape.d_model, -spec.exponent)
    if spec.rule == "fixed":
        return spec.scale
    return min(0.01, 0.5 * 0.0047 * math.pow(rung.counts.n_params / 108e6, -1 / 3))


def _targets(ladder: LadderSpec) -> list[float]:
    if ladder.params is not None:
        return list(ladder.params)
    if ladder.from_ is None or ladder.to is None or ladder.rungs is None:
        raise AssertionError("a LadderSpec is shapes, params, or a whole span")
    step = math.log(ladder.to / ladder.from_) / (ladder.rungs - 1)
    return [ladder.from_ * math.exp(step * index) for index in range(ladder.rungs)]


def _n(rungs: list[Rung], name: str) -> int:
    return next(rung.counts.n_params for rung in rungs if rung.name == name)
