"""What a lab knows beside its losses that a prediction can be told in: bytes a token, accuracy, measured speed.

Plain facts with where they came from; of a foreign table none is known. It knows no store: `cli` hands it the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalelab.errors import BadInput

if TYPE_CHECKING:
    from scalelab.laws import Link
    from scalelab.records import Evaluation, RunSpec
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How far a run has come and what that took."""

    spec: RunSpec
    n_tokens: float
    """D at its newest point, the trunk's part included."""
    seconds: float
    """Spent training up to there, all attempts together, pauses for evaluations not counted; NaN where nobody knows."""


def measured_rate(trained: Iterable[Trained]) -> float | None:
    """FLOP/s of one slot while the largest model trained: all FLOPs of its runs over all their seconds.

    A single point is no measure: it times a few steps, and on a machine with other work they differ fivefold.
    """
    spent = [(each.spec, _own_tokens(each) * each.spec.flops_per_token, each.seconds) for each in trained]
    spent = [(spec, flops, seconds) for spec, flops, seconds in spent if flops > 0 and 0 < seconds < math.inf]
    if not spent:
        return None
    largest = max(spec.counts.n_params for spec, *_ in spent)
    own = [(flops, seconds) for spec, flops, seconds in spent if spec.counts.n_params == largest]
    return sum(flops for flops, _ in own) / sum(seconds for _, seconds in own)


def _own_tokens(trained: Trained) -> float:
    return trained.n_tokens - trained.spec.first_step * trained.spec.batch_tokens
