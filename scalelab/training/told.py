"""What a run has told so far, kept in its checkpoints and told again from them. Knows no files and no model.

A checkpoint may be on disk while the points before it are still on their way to whoever keeps them: killed there, they
would be missing from the curve for ever, since the steps are not taken again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from scalelab.records import Evaluation, Message, Point, pack, unpack

MESSAGES = "told/messages"


class Told:
    """Hands messages on, and remembers the points and held-out losses among them: at most some hundred a run."""

    def __init__(self, report: Callable[[Message], None]) -> None:
        self._report = report
        self._kept: list[bytes] = []

    def __call__(self, message: Message) -> None:
        """Tell it, and keep what belongs to the curve."""
        if isinstance(message, Point | Evaluation):
            self._kept.append(pack(message))
        self._report(message)

    def state(self) -> dict[str, Tensor]:
        """All of it, for a checkpoint."""
        return {MESSAGES: torch.frombuffer(bytearray(b"\n".join(self._kept) or b"\n"), dtype=torch.uint8)}

    def restore(self, tensors: Mapping[str, Tensor], attempt: int) -> float:
        """Tell again what stands in a checkpoint, nothing where an older version wrote it; the seconds of `attempt`.

        Those are none but where a supervisor died before its store knew of an attempt: the next has the same number,
        and its time goes on.
        """
        seconds = 0.0
        if MESSAGES in tensors:
            for line in filter(None, tensors[MESSAGES].numpy().tobytes().split(b"\n")):
                message = unpack(line)
                self(message)
                if isinstance(message, Point) and message.attempt == attempt:
                    seconds = max(seconds, message.seconds)
        return seconds
