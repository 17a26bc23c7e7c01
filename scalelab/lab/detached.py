"""`python -m scalelab.lab.detached LAB [RUN …]`: a supervisor in a session of its own, which no terminal can end.

The starter has checked everything; what goes wrong here stands in supervisor.log.
"""

from __future__ import annotations

import sys

from scalelab.errors import ExitCode, ScalelabError
from scalelab.lab import lock, resume, session
from scalelab.lab.hooks import Hooks
from scalelab.lab.local import LocalExecutor
from scalelab.lab.log import open_log
from scalelab.lab.paths import lab_paths


def main(folder: str, *words: str) -> int:
    """Train the lab in this folder to its end, or the named runs of it again."""
    only = [word for word in words if not word.startswith("--rate=")]
    rate = next((float(word.partition("=")[2]) for word in words if word.startswith("--rate=")), None)
    paths = lab_paths(folder)
    try:
        with lock.acquire(paths.lock):
            summary = session.train(resume.load(paths), LocalExecutor(), Hooks(), only=only, rate=rate)
    except ScalelabError as error:
        open_log(paths)(f"error: {error.line()}")
        return int(error.exit_code)
    if summary.interrupted:
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.FAILED if summary.failed or summary.left else ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
