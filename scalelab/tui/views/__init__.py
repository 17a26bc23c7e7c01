"""The five views of a lab, each a widget with `show(snapshot)`; made when they are first looked at."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from textual.widget import Widget

    from scalelab.tui.snapshot import Snapshot

NAMES = ("plan", "runs", "law", "surface", "predict")
"""In the order of their digits."""


class View(Protocol):
    """What a view can do besides being a widget."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw what has changed since the snapshot before."""


def make(name: str) -> Widget:
    """The view of this name, with the name as its id."""
    module = importlib.import_module(f"{__name__}.{name}")
    return cast("Widget", getattr(module, f"{name.capitalize()}View")(id=name))


def load() -> None:
    """Load the code of all views and what they first need, in whatever thread."""
    for name in (*(f"{__name__}.{each}" for each in NAMES), "scalelab.laws.diagnose.wording"):
        importlib.import_module(name)
