"""The process that workers are forked from, asked by a thread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.lab import mini

ROOT = Path(__file__).parents[2]
ASKED = """
import threading, time
import psutil
from multiprocessing import forkserver
from scalelab.lab.forkserver import rest, warm
def ask():
    warm()
    server = psutil.Process(forkserver._forkserver._forkserver_pid)
    while server.memory_info().rss < 80e6:  # it imports: by now it is tied to whoever started it
        time.sleep(0.05)
asking = threading.Thread(target=ask)
asking.start()
asking.join()
pid = forkserver._forkserver._forkserver_pid
time.sleep(0.2)
print(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE, rest(), psutil.pid_exists(pid))
"""


def test_it_outlives_the_thread_that_asked_for_it_and_ends_when_told_to() -> None:
    ran = subprocess.run([sys.executable, "-c", ASKED], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.stdout == "True True False\n", ran.stdout + ran.stderr


LEFT = """
import time
import psutil
from multiprocessing import forkserver
from scalelab.lab.forkserver import warm
warm()
server = psutil.Process(forkserver._forkserver._forkserver_pid)
while server.memory_info().rss < 80e6:
    time.sleep(0.05)
print(server.pid, flush=True)
"""


def test_it_is_gone_when_the_process_that_has_it_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", LEFT], cwd=ROOT, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        server = psutil.Process(int(owner.stdout.readline()))
        assert owner.wait(60) == 0
        assert not mini.alive([server])
