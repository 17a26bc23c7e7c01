"""The records that pass from room to room: what is planned, what is trained, what was measured.

Every arrow in the way of the data (preset → plan → store → worker → store → fit) carries one of these. They are
frozen, made of plain values, and go to JSON and back without loss; this room imports the standard library only, so
that every room may know it and it knows nobody.
"""

from __future__ import annotations

from scalelab.records.base import field_names
from scalelab.records.devices import DeviceInfo, SetAside, Usage
from scalelab.records.measured import (
    Evaluation,
    Message,
    Notice,
    NoticeKind,
    Outcome,
    PartEvaluation,
    Point,
    Saved,
    Score,
    pack,
    unpack,
)
from scalelab.records.runs import (
    MAX_POINTS,
    AdamW,
    Decay,
    ModelShape,
    ParameterCount,
    RunKind,
    RunSpec,
    RunState,
    Schedule,
)
from scalelab.records.tokens import PairCounts, TokenPart, TokenSet

__all__ = [
    "MAX_POINTS",
    "AdamW",
    "Decay",
    "DeviceInfo",
    "Evaluation",
    "Message",
    "ModelShape",
    "Notice",
    "NoticeKind",
    "Outcome",
    "PairCounts",
    "ParameterCount",
    "PartEvaluation",
    "Point",
    "RunKind",
    "RunSpec",
    "RunState",
    "Saved",
    "Schedule",
    "Score",
    "SetAside",
    "TokenPart",
    "TokenSet",
    "Usage",
    "field_names",
    "pack",
    "unpack",
]
