"""The process that fits accuracy: it ends with the app that waits for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.lab import mini
from tests.reliability.terminals import environment

_APP = """
import sys
from scalelab.tui.views import link
link._ask(["status", sys.argv[1], "--watch", "--forever"], lambda: False)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no kernel ends it, and it ends when it has its answer")
def test_row_04_what_a_killed_app_asked_of_a_process_ends_with_it(recorded: Path, tmp_path: Path) -> None:
    app = subprocess.Popen([sys.executable, "-P", "-c", _APP, str(recorded)], env=environment(tmp_path))
    try:
        top = psutil.Process(app.pid)
        mini.wait_for(lambda: any("status" in " ".join(one.cmdline()) for one in top.children()), 30, "process")
        (asked,) = top.children()
    finally:
        app.kill()
        app.wait()
    assert mini.wait_for(lambda: not mini.alive([asked]), 30, "end of it") < 2.0
