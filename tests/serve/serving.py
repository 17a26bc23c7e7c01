"""A server process and a browser's half of its talk: requests with and without the cookie, tabs by websocket."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, WSMsgType

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
_STEERING = re.compile(rb"\x1b\[[0-9;?$]*[A-Za-z]|\x1b\][^\x07]*\x07")


@dataclass
class Served:
    """A server that answers."""

    process: subprocess.Popen[str]
    url: str
    """With its token."""

    @property
    def base(self) -> str:
        """Without it."""
        return self.url.partition("/?")[0]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.base.rpartition(":")[2])

    def apps(self) -> list[psutil.Process]:
        """The processes of its tabs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; the exit code, stdout and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Served]:
    """Run `scalelab serve` in a folder, with nothing of the user's."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scalelab", "serve", "--port", "0", "--json", *arguments], cwd=folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(folder),
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    try:
        first = process.stdout.readline()
        assert first, process.stderr.read()
        yield Served(process, json.loads(first)["url"])
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=PATIENCE)


def environment(folder: Path) -> dict[str, str]:
    """Settings, state and cache of nobody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCALELAB", "TEXTUAL"))}
    return kept | {
        "PYTHONPATH": str(ROOT), "SCALELAB_CACHE": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder),
    }  # fmt: skip


@asynccontextmanager
async def admitted(served: Served) -> AsyncIterator[ClientSession]:
    """A client that has been let in."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
        async with client.get(served.url) as answer:
            assert answer.status == 200
        yield client


@asynccontextmanager
async def open_tab(served: Served, client: ClientSession) -> AsyncIterator[ClientWebSocketResponse]:
    """A tab of 100 × 30 cells."""
    address = f"{served.base}/ws?width=100&height=30"
    async with client.ws_connect(address, headers={"Origin": served.base}) as tab:
        yield tab


async def see(tab: ClientWebSocketResponse, *words: str) -> str:
    """Read the tab until all the words have been shown; what was seen, without what steers a terminal."""
    seen = b""
    async with asyncio.timeout(PATIENCE):
        while True:
            text = _STEERING.sub(b"", seen).decode("utf-8", "replace")
            if all(word in text for word in words):
                return text
            message = await tab.receive()
            if message.type is WSMsgType.BINARY:
                seen += message.data
            assert message.type in {WSMsgType.BINARY, WSMsgType.TEXT}, f"{words} not in {text[-2000:]}"


def until(there: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
    """Wait for something; the seconds that it took."""
    began = time.monotonic()
    while not there():
        assert time.monotonic() - began < seconds, f"after {seconds:g} s: no {what}"
        time.sleep(0.02)
    return time.monotonic() - began


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
