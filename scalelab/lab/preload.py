"""Imported by the forkserver, once: ties it to the supervisor, then loads what every worker needs.

A worker forked after this takes its first step in under 0.15 s; a process of its own would import for 5 s.
"""

from __future__ import annotations

import contextlib
import gc
import os
from importlib import import_module

from scalelab.lab.tether import PARENT, die_with_parent

FORKSERVER = os.getpid()
"""The process that every worker is a child of."""

# The forkserver would notice its parent's end only between two requests, and not at all while it imports torch.
die_with_parent(int(os.environ.get(PARENT, os.getppid())))
# Looking for garbage among what stays took a sixth of the imports' time; in every fork it would touch shared pages.
gc.disable()
for _name in ("scalelab.lab.worker", "scalelab.training.run", "scalelab.training.preload"):
    # What is missing here is missing in the worker too, and there it can be told.
    with contextlib.suppress(ImportError):
        import_module(_name)
gc.freeze()
gc.enable()
