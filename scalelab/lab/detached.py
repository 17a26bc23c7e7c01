"""`python -m scalelab.lab.detached LAB HARDWARE RATE [RUN …]`: a supervisor in its own session, which no terminal ends.

The starter has checked everything; what goes wrong here stands in supervisor.log.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from scalelab.errors import ExitCode, ScalelabError
from scalelab.lab import lock, resume, session
from scalelab.lab.hooks import Hooks
from scalelab.lab.local import LocalExecutor
from scalelab.lab.log import open_log
from scalelab.lab.paths import LabPaths, lab_paths
from scalelab.lab.prepare import Lab


def main(folder: str, hardware: str, rate: str, *only: str) -> int:
    """Train the lab in this folder to its end, or the named runs of it again; `hardware` is JSON, `rate` may be ""."""
    paths = lab_paths(folder)
    try:
        with lock.acquire(paths.lock):
            lab = on_hardware(paths, hardware)
            summary = session.train(lab, LocalExecutor(), Hooks(), only=only, rate=float(rate) if rate else None)
    except ScalelabError as error:
        open_log(paths)(f"error: {error.line()}")
        return int(error.exit_code)
    if summary.interrupted:
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.FAILED if summary.failed or summary.left else ExitCode.OK)


def on_hardware(paths: LabPaths, hardware: str) -> Lab:
    """The lab, on what its starter asked for: that may be another device than it began on."""
    from scalelab.preset import HardwareSpec

    wanted, lab = HardwareSpec.model_validate_json(hardware), resume.load(paths)
    return replace(lab, device=resume.device_for(wanted, lab.device), hardware=wanted)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
