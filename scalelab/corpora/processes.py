"""How this room starts a process of its own: our interpreter and packages, and nothing from the folder we stand in.

A datasets.py there would be taken for the library. Knows nothing of what the process is for.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def command(module: str) -> list[str]:
    """The words that run a module's main()."""
    return [sys.executable, "-P", "-c", f"from {module} import main; main()"]


def environment() -> dict[str, str]:
    """Ours, with the packages found where we found them, this one first."""
    own = str(Path(__file__).parents[2])
    paths = dict.fromkeys([own, *(path for path in sys.path if path)])
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
