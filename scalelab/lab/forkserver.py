"""Python's forkserver, set up for workers: safe to start, quiet at signals, and blind to the caller's `__main__`.

A worker is a fork of a process that has imported torch and the model class once. Must not know what workers do.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import scalelab
from scalelab.lab import scratch
from scalelab.lab.tether import PARENT

_PRELOAD = ["scalelab.lab.preload"]
_ENVIRONMENT = {
    # One process a core with one thread each beats one process with two threads by 10–25 %.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # glibc keeps freed memory: larger batches ran 20–35 % slower without.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    # A pool of tokenizer threads does not survive a fork, and nothing here may ask a network.
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    # Asking CUDA for its devices in the parent would forbid it to the forks.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    # A file random.py in the user's folder must not become the module random of the workers.
    "PYTHONSAFEPATH": "1",
}
_MOST_SECONDS_TO_END = 2.0
_turn = threading.Lock()
"""One start, or one end, at a time."""
_steward = ThreadPoolExecutor(1, "scalelab-forkserver")
"""A thread that lives as long as the process."""


def warm() -> None:
    """Start the forkserver, which begins to import at once; returns without waiting for that.

    It dies with the thread that starts it (PR_SET_PDEATHSIG is about threads), so a thread that stays does it.
    """
    if threading.current_thread() is threading.main_thread():
        _warm()
    else:
        _steward.submit(_warm).result()


def _warm() -> None:
    from multiprocessing import forkserver, resource_tracker

    scratch.use()
    multiprocessing.get_context("forkserver").set_forkserver_preload(_PRELOAD)
    # Starting the tracker unblocks signals, so it must stand before they are blocked.
    with _own_stderr():
        resource_tracker.ensure_running()
    with _no_main(), _environment(), _blocked_signals():
        forkserver.ensure_running()
    atexit.unregister(_end)
    atexit.register(_end, os.getpid())


def _end(owner: int) -> None:
    """At the end of the process that owns it: a command that has ended must have left nothing, and the kernel takes
    some time over the memory of a forkserver that it ends for want of a parent.
    """
    from multiprocessing import forkserver

    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if pid is None or os.getpid() != owner:
        return
    with suppress(ProcessLookupError, ChildProcessError):  # it has ended, and somebody has seen that
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _MOST_SECONDS_TO_END
        while os.waitpid(pid, os.WNOHANG)[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.002)


def start(target: Callable[..., None], name: str, *values: Any) -> tuple[ForkServerProcess, Connection]:
    """A worker running target(pipe, *values), and our end of its pipe. The first start waits for the imports."""
    with _turn:
        return _start(target, name, *values)


def _start(target: Callable[..., None], name: str, *values: Any) -> tuple[ForkServerProcess, Connection]:
    warm()
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=True)
    process = context.Process(target=target, args=(theirs, *values), name=name, daemon=True)
    try:
        with _no_main():
            process.start()
    finally:
        theirs.close()
    return process, ours


def rest() -> bool:
    """End the forkserver, which keeps 440 MB of libraries loaded, where no worker lives; whether it has ended.

    The next start begins another. For who asks a worker now and then and lives on, such as an app.
    """
    from multiprocessing import forkserver

    with _turn:
        if multiprocessing.active_children():
            return False
        forkserver._forkserver._stop()  # type: ignore[attr-defined]  # what the module's own tests end it by
        return True


@contextmanager
def _no_main() -> Iterator[None]:
    """Hide the caller's main module: a worker would import it again, and a script without a main guard would start a
    second lab inside each worker.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _own_stderr() -> Iterator[None]:
    """The process's own stderr: what an app has put in its place has no file, and the tracker takes -1 for one."""
    shown = sys.stderr
    sys.stderr = sys.__stderr__
    try:
        yield
    finally:
        sys.stderr = shown


@contextmanager
def _environment() -> Iterator[None]:
    path = os.pathsep.join(filter(None, [str(Path(scalelab.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    wanted = {**_ENVIRONMENT, "PYTHONPATH": path, PARENT: str(os.getpid())}
    saved = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Block what a terminal sends, for the forkserver and all that it forks: Ctrl-C reaches every process of a
    terminal, and only the supervisor may decide what follows. What arrives meanwhile reaches us afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
