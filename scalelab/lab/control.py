"""What readers may do to a lab: start, go on, stop, retry, extend, remove, ask about it. The only door of this room.

Everything that needs torch happens in a worker process; importing this file is cheap.
"""

from scalelab.lab.asking import ended_badly, request_stop, resume, retry
from scalelab.lab.evaluating import Evaluated, evaluate
from scalelab.lab.extending import Extension, extend
from scalelab.lab.forkserver import rest
from scalelab.lab.hooks import Hooks
from scalelab.lab.lock import Owned
from scalelab.lab.mending import NotTorn, mend
from scalelab.lab.opening import start, start_detached
from scalelab.lab.pool import set_aside
from scalelab.lab.proving import Proof, prove
from scalelab.lab.questions import Sample, Scribe, devices, sample, samples
from scalelab.lab.removing import remove
from scalelab.lab.status import Status, status, stored_preset
from scalelab.lab.supervisor import Summary

__all__ = [
    "Evaluated",
    "Extension",
    "Hooks",
    "NotTorn",
    "Owned",
    "Proof",
    "Sample",
    "Scribe",
    "Status",
    "Summary",
    "devices",
    "ended_badly",
    "evaluate",
    "extend",
    "mend",
    "prove",
    "remove",
    "request_stop",
    "rest",
    "resume",
    "retry",
    "sample",
    "samples",
    "set_aside",
    "start",
    "start_detached",
    "status",
    "stored_preset",
]
