"""Imported by the forkserver, once: ties it to the supervisor, then loads what every worker needs.

A worker forked after this takes its first step in under 0.15 s; a process of its own would import for 5 s.
"""

from __future__ import annotations

import os
from importlib import import_module

from scalelab.lab.tether import PARENT, die_with_parent

FORKSERVER = os.getpid()
"""The process that every worker is a child of."""

# The forkserver would notice its parent's end only between two requests, and not at all while it imports torch.
die_with_parent(int(os.environ.get(PARENT, os.getppid())))
import_module("scalelab.lab.worker")
import_module("scalelab.training.preload")
