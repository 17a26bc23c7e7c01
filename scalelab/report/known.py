"""What a lab knows beside its losses that a prediction can be told in: bytes a token, accuracy, measured speed.

Plain facts with where they came from; of a foreign table none is known. It knows no store: `cli` hands it the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from scalelab.errors import BadInput

if TYPE_CHECKING:
    from scalelab.laws import Link
    from scalelab.records import Evaluation, Point, RunSpec
    from scalelab.report.scores import ScoreLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Facts of a lab; every one may be missing."""

    bytes_per_token: float | None = None
    """Of the held-out text."""
    link: Link | None = None
    """Accuracy from loss, fitted to the finished runs."""
    no_link: str = ""
    """Why there is no link, where one was tried."""
    scores: tuple[ScoreLink, ...] = ()
    """Of a lab with a task: how each of its scores follows from the loss."""
    target_words: str = "token"
    """What the loss is nats of: "target token" in a task."""
    flops_per_second: float | None = None
    """Measured while the largest model trained, on one slot of the lab's device."""


NOTHING = Known()


def link_of(finals: Sequence[Evaluation]) -> tuple[Link | None, str]:
    """Next-token accuracy from held-out loss, or why these runs do not tell it."""
    from scalelab import laws

    try:
        return laws.fit_link([each.loss for each in finals], [each.accuracy for each in finals]), ""
    except BadInput as problem:
        return None, problem.what


def measured_rate(points: Sequence[Point], specs: dict[str, RunSpec]) -> float | None:
    """FLOP/s of one slot while the largest model trained: the middle of its runs' last words."""
    heard = [(specs[each.run], each.tokens_per_second) for each in points if each.run in specs]
    heard = [(spec, speed) for spec, speed in heard if 0 < speed < float("inf")]
    if not heard:
        return None
    largest = max(spec.counts.n_params for spec, _ in heard)
    return median(speed * spec.flops_per_token for spec, speed in heard if spec.counts.n_params == largest)
