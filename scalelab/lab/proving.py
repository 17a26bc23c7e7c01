"""Whether a device trains as it should, asked of a worker of its own: what dies there takes nothing with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from scalelab.lab.local import LocalExecutor

PATIENCE_SECONDS = 300.0
"""A first look at a GPU and a compiler's first run take a minute or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a device did, beside steps in float64 on the CPU."""

    gradient_error: float
    """|g − g₆₄| / |g₆₄| of the first step."""
    loss_error: float
    """The largest |L − L₆₄| / L₆₄ over ten steps."""
    dtype: str
    """Of the matrix products."""
    repeats: bool
    """Whether the same steps give the same bits again."""
    resumes: bool
    """Whether a run that was stopped and went on ends with the bits of one that was not."""
    compiles: str
    """What is wrong with torch.compile; empty where nothing is, or it is not used."""
    refuses: bool | None
    """Whether too large an allocation is told as such; None where that cannot be tried."""
    tokens_per_second: float
    """Of these small steps."""
    peak_flops: float
    """FLOP/s of a matrix product."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def prove(device: str) -> Proof:
    """What the device of that name does.

    Raises
    ------
    ScalelabError
        What went wrong there: it is not on this machine, a step failed, the process died or took too long.
    """
    executor = LocalExecutor()
    try:
        return Proof(**executor.ask("prove", {"device": device}, timeout=PATIENCE_SECONDS))
    finally:
        executor.close()
