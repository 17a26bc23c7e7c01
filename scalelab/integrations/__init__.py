"""scalelab beside other people's tools: runs that they train, recorded where scalelab's laws can read them.

    from scalelab.integrations import ScaleLabCallback

    trainer = Trainer(..., callbacks=[ScaleLabCallback("labs/mine")])
    trainer.train()
    trainer.evaluate()          # the held-out loss at the end makes the run a point

then `scalelab labs/mine`, `scalelab fit labs/mine`, `scalelab predict labs/mine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scalelab.integrations.trainer import ScaleLabCallback

__all__ = ["ScaleLabCallback"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # transformers is loaded by who asks for it
        from scalelab.integrations import trainer

        return getattr(trainer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
