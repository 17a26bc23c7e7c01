"""The plan room: a preset becomes rungs, runs, and what they cost, without importing torch."""

from __future__ import annotations

from scalelab.plan.hardware import choose_device, find_devices, spare_devices
from scalelab.plan.ladder import Rung, make_ladder
from scalelab.plan.plan import Cell, Plan, make_plan

__all__ = ["Cell", "Plan", "Rung", "choose_device", "find_devices", "make_ladder", "make_plan", "spare_devices"]
