"""A lab goes: what is the lab's own is removed, nothing else, and only while nobody trains it."""

from __future__ import annotations

from pathlib import Path

from scalelab.errors import ScalelabError


def remove(folder: str | Path) -> tuple[str, ...]:
    """Remove a lab; names of what lay in its folder, is not the lab's and was left there.

    Raises
    ------
    BadInput
        There is no lab, or the folder is a link.
    Owned
        Somebody trains it.
    """
    raise ScalelabError("remove is not there yet")
