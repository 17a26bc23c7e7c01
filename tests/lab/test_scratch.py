"""Folders of sockets: gone with their process, and after its SIGKILL with the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.mini import ROOT

_USE = """
import os, signal, sys
from multiprocessing import util
from scalelab.lab import scratch
scratch.use()
assert util.get_temp_dir() == scratch.process.current_process()._config["tempdir"]
print(util.get_temp_dir(), flush=True)
if sys.argv[1] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "wait":
    sys.stdin.read()
"""


def _use(how: str, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", _USE, how], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _age(folder: Path) -> None:
    os.utime(folder, (1e9, 1e9))


def test_a_folder_goes_with_its_process_and_a_killed_ones_with_the_next(tmp_path: Path) -> None:
    killed, waits, foreign = _use("kill", tmp_path), _use("wait", tmp_path), tmp_path / "pymp-another"
    foreign.mkdir()
    assert killed.stdout and waits.stdout
    left, held = Path(killed.stdout.readline().strip()), Path(waits.stdout.readline().strip())
    killed.communicate()
    assert left.parent == tmp_path and left.is_dir() and held.is_dir()
    assert held.stat().st_mode & 0o077 == 0
    young, _ = _use("end", tmp_path).communicate()
    assert left.is_dir(), "it might be one whose maker has not got as far as its lock"
    for each in (left, held, foreign):
        _age(each)
    gone, _ = _use("end", tmp_path).communicate()
    assert not left.exists() and held.is_dir() and foreign.is_dir()
    assert not Path(young.strip()).exists() and not Path(gone.strip()).exists()
    waits.communicate()
    assert not held.exists()
