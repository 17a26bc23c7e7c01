"""What a widget puts off until the screen has been painted, and leaves undone once it is taken away. Knows no view.

Textual hands such work to the screen that is in front, which may be another one by then, and does it in the name of
whoever asked for it: what it finds no more of a view that was left would be that screen's error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import Any

from textual.dom import DOMNode
from textual.widget import Widget


def is_left(node: DOMNode) -> bool:
    """Whether it is being taken away, its children first, or was."""
    return not node.is_attached or any(each._pruning for each in node.ancestors_with_self)


class Later(Widget):
    """A widget that does nothing more once it is left."""

    def call_after_refresh(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """Do something after the next paint, where there still is somebody to see it."""
        return super().call_after_refresh(self._unless_left, partial(callback, *args, **kwargs))

    async def _unless_left(self, do: Callable[[], Any]) -> None:
        if not is_left(self) and isawaitable(asked := do()):
            await asked
