"""How a foreground view hears of what happens; a view that fails never stops the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scalelab.store.schema import StoreBusy

if TYPE_CHECKING:
    from scalelab.plan import Plan
    from scalelab.store.reader import Reader


def _ignore(*_: Any) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a caller wants to hear."""

    on_event: Callable[[str, str], None] = _ignore
    """A kind and a sentence: "progress" (often, of the tokens), "tokens", "probe", "warning", "resume", "start",
    "done", "diverged", "stopped", "retry", "failed", "refit", "stop", "end".
    """
    on_plan: Callable[[Plan], None] = _ignore
    """The plan of a new lab, before the first step; raising here refuses it and nothing is written."""
    on_tick: Callable[[Reader], None] = _ignore
    """About four times a second while runs train, with a reader that nobody else uses."""


@dataclass(slots=True)
class Guarded:
    """Hooks that fall silent when they raise: a closed terminal or a bug in a view is no reason to stop training."""

    hooks: Hooks
    log: Callable[[str], None]
    _silent: set[str] = field(default_factory=set)

    def event(self, kind: str, text: str) -> None:
        """Log and hand on one event."""
        self.log(f"{kind}: {text}")
        self._call("on_event", self.hooks.on_event, kind, text)

    def tick(self, reader: Reader) -> None:
        """Let the view draw."""
        self._call("on_tick", self.hooks.on_tick, reader)

    def _call(self, name: str, hook: Callable[..., None], *values: Any) -> None:
        if name in self._silent:
            return
        try:
            hook(*values)
        except StoreBusy:
            pass  # what a view could not read now it reads at the next tick
        except Exception as error:
            self._silent.add(name)
            self.log(f"warning: {name} raised {type(error).__name__}: {error}; it is not called again")
