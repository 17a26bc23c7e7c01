"""Curves of single runs: how the learning rate shapes them, and where a running one will end."""

from __future__ import annotations

from scalelab.laws.curves.annealing import annealing_area, area
from scalelab.laws.curves.curve import Curve
from scalelab.laws.curves.forecast import MEMORIES, forecast, forecast_curve
from scalelab.laws.curves.outlook import Believed, CurveForecast, Outlook
from scalelab.laws.curves.prior import Prior, annealing_seen, family_effect, pooled

__all__ = [
    "MEMORIES", "Believed", "Curve", "CurveForecast", "Outlook", "Prior", "annealing_area", "annealing_seen", "area",
    "family_effect", "forecast", "forecast_curve", "pooled",
]  # fmt: skip
