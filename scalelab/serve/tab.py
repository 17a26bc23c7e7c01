"""One open tab: its app's process, started without a shell in a session of its own, and surely ended.

The packets between app and browser are textual-serve's. What trains was started by the app in sessions of their own
and is never ended from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shlex
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

import scalelab
from scalelab.gate import clean

LEAVE_SECONDS = 2.0
"""How long an app has to leave by itself, and again after SIGTERM; then it is killed."""
MOST_CELLS = 1000
"""A browser's window has fewer columns and rows; a size from a forged message is cut to it."""
_TAIL = 20_000
_CLEAR = "\x1b[?1049l\x1b[2J\x1b[H"


class Tab(AppService):
    """The app of one tab.

    `write_bytes`, `write_str` and `close` go to the browser and may fail when it has gone; `tell` takes a line for
    whoever runs the server.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        write_bytes: Callable[[bytes], Awaitable[None]],
        write_str: Callable[[str], Awaitable[None]],
        close: Callable[[], Awaitable[object]],
        downloads: DownloadManager,
        tell: Callable[[str], None],
    ) -> None:
        # -P: a file of the user's folder must not become a module of ours.
        self._argv = (sys.executable, "-P", "-m", "scalelab.serve.tab_app", *arguments)
        super().__init__(
            shlex.join(self._argv),
            write_bytes=_unless_gone(write_bytes),
            write_str=_unless_gone(write_str),
            close=_unless_gone(close),
            download_manager=downloads,
        )
        self._tell = tell
        self._stopping = False

    async def start(self, width: int, height: int) -> None:
        """Start the app in a window of so many cells."""
        await super().start(_cells(width, 80), _cells(height, 24))

    async def set_terminal_size(self, width: object, height: object) -> None:
        """Tell the app of a new size, within reason."""
        await super().set_terminal_size(_cells(width, 80), _cells(height, 24))

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        inside = str(Path(scalelab.__file__).parents[1])
        environment = self._build_environment(width, height) | {
            "TEXTUAL_DRIVER": "scalelab.serve.driver:PipeDriver",
            "PYTHONPATH": os.pathsep.join(filter(None, [inside, os.environ.get("PYTHONPATH")])),
            "PYTHONIOENCODING": "utf-8",  # a browser shows every sign, whatever the server's terminal can
        }
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )
        assert process.stdin is not None
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """Hand on what the app writes until it ends; its output is read to the end even if nobody sees it."""
        process = self._process
        assert process is not None and process.stdout is not None and process.stderr is not None
        talk = asyncio.create_task(_tail(process.stderr))
        await self._hand_on(process.stdout)
        code, words = await process.wait(), await talk
        if code and not self._stopping:
            why = _last_words(words) or f"exit code {code}"
            self._tell(f"the app of a tab ended: {why}{_kept(words)}; training is other processes and goes on")
            await self.on_data(f"{_CLEAR}scalelab: {why}\r\n".encode())
        await self.remote_close()

    async def on_meta(self, data: bytes) -> None:
        """Do what the app asks for; that it leaves is known when its process has ended, and how."""
        if json.loads(data)["type"] != "exit":
            await super().on_meta(data)

    async def _hand_on(self, stdout: asyncio.StreamReader) -> None:
        """Packets until the end of the pipe."""
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await stdout.readuntil(b"__GANGLION__\n")
            while True:
                kind = await stdout.readexactly(1)
                payload = await stdout.readexactly(int.from_bytes(await stdout.readexactly(4), "big"))
                match kind:
                    case b"D":
                        await self.on_data(payload)
                    case b"M":
                        await self.on_meta(payload)
                    case b"P":
                        await self.on_packed(payload)

    async def stop(self) -> None:
        """End the app and wait for it: asked, then terminated, then killed."""
        task, process = self._task, self._process
        if task is None or process is None:
            return
        self._stopping, self._task = True, None
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        for end in (self._ask_to_leave, process.terminate, process.kill):
            with contextlib.suppress(ProcessLookupError):
                end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), LEAVE_SECONDS)
                break
        await asyncio.wait([task], timeout=LEAVE_SECONDS)

    def _ask_to_leave(self) -> None:
        """Close its input, which its driver takes for the end, even when the app does not read just now."""
        self.stdin.close()


def _unless_gone(send: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[None]]:
    """Send while there is somebody: a closed tab is no reason to leave the app's pipe unread."""

    async def sent(*what: object) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            await send(*what)

    return sent


async def _tail(stream: asyncio.StreamReader) -> str:
    kept = b""
    while found := await stream.read(4096):
        kept = (kept + found)[-_TAIL:]
    return kept.decode("utf-8", "replace")


def _last_words(talk: str) -> str:
    """What stands below a boxed traceback, or last."""
    below = itertools.takewhile(
        lambda line: line.strip() and line[0] not in "│╭╰", reversed(talk.rstrip().splitlines())
    )
    return clean(" ".join(reversed(list(below))), 300)


def _kept(talk: str) -> str:
    """Where the whole of it was written, as a clause; empty where it cannot be."""
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile("w", prefix="scalelab-", suffix=".txt", delete=False, encoding="utf-8") as file,
    ):
        file.write(talk)
        return f" (all it said is in {file.name})"
    return ""


def _cells(given: object, otherwise: int) -> int:
    return min(max(given, 1), MOST_CELLS) if isinstance(given, int) else otherwise
