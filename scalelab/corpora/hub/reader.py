"""The other end of the streaming process: starts it, hears it, ends it when it says nothing for too long.

The libraries wait and retry on their own, for minutes or for ever; who waits for them from outside can say when it is
enough whatever they do. Imports none of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from scalelab.corpora.hub import frames
from scalelab.corpora.hub.names import HubSpec
from scalelab.corpora.processes import command, environment
from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean

STALL_SECONDS = 50.0
"""Without a document for so long, the stream is given up: a minute with what comes before and after."""
STALL = "SCALELAB_STALL_SECONDS"
"""Environment variable with more patience, for lines so slow that one row group takes a minute."""
PROBE_SECONDS = 2.0
"""A hub that takes no connection in this time is not there; with what comes before, it is said within 3 s."""
TICK_SECONDS = 0.2
# Freed pages go back at once: of 150 MB read, the libraries kept 280 MB and keep 200 so.
_FRUGAL = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "100000",
    "MALLOC_MMAP_THRESHOLD_": "100000",
}
_ENDPOINT = "https://huggingface.co"
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})

Message = tuple[bytes, bytes]


def is_offline() -> bool:
    """Whether the user forbids the hub, by the libraries' own variables."""
    return any(os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))


def refuse_unreachable(cached: str) -> None:
    """Raise ScalelabError within 3 s where the hub takes no connection; `cached` says what there is without it.

    BadInput where the address of the hub or of the proxy is none.
    """
    if is_offline():
        return
    parts = urlsplit(os.environ.get("HF_ENDPOINT") or _ENDPOINT)
    proxy = getproxies().get(parts.scheme)
    if proxy and parts.hostname not in {"localhost", "127.0.0.1"}:
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    try:
        place = (parts.hostname or "huggingface.co", parts.port or {"http": 80}.get(parts.scheme, 443))
    except ValueError as error:
        raise BadInput("HF_ENDPOINT or the proxy is no address", allowed=f"an address such as {_ENDPOINT}") from error
    if not _connects(place):
        raise ScalelabError(f"the hub cannot be reached: {place[0]} takes no connection", todo=cached)


def stall_seconds() -> float:
    """How long to wait for a document."""
    try:
        return max(1.0, float(os.environ[STALL]))
    except (KeyError, ValueError):
        return STALL_SECONDS


def _connects(place: tuple[str, int]) -> bool:
    reached = threading.Event()

    def attempt() -> None:
        with contextlib.suppress(OSError), socket.create_connection(place, timeout=PROBE_SECONDS):
            reached.set()

    # In a thread, since looking a name up knows no time limit.
    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return reached.is_set()


class Reader:
    """One streaming process and what it says."""

    def __init__(self, request: dict[str, Any], name: str) -> None:
        self._name = name
        self.waited_since = time.monotonic()
        """When it last said something."""
        self._talk = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._process = subprocess.Popen(
            command("scalelab.corpora.hub.child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._talk,
            start_new_session=True,  # Ctrl-C is for us to hear; we end it
            env=_FRUGAL | environment(),
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def messages(self) -> Iterator[Message | None]:
        """What it says, and None now and then while it says nothing.

        Raises BadInput or ScalelabError as the process did, and ScalelabError when it stalls or dies.
        """
        parser, pipe = frames.Parser(), self._stdout()
        self.waited_since = time.monotonic()
        while True:
            if not select.select([pipe], [], [], TICK_SECONDS)[0]:
                self._refuse_stall()
                yield None
                continue
            block = os.read(pipe.fileno(), 1 << 18)
            if not block:
                raise ScalelabError(
                    f"the process that reads {self._name} ended with {self._process.wait()}: {self._last_words()}",
                    todo="repeat the command: what was taken is kept",
                )
            for kind, payload in parser.feed(block):
                if kind == frames.PROBLEM:
                    raise _problem(payload)
                yield kind, payload
                if kind == frames.END:
                    return
            # What its receiver did meanwhile is no silence of the hub's.
            self.waited_since = time.monotonic()

    def _refuse_stall(self) -> None:
        patience = stall_seconds()
        if time.monotonic() - self.waited_since > patience:
            raise ScalelabError(
                f"{self._name}: the hub has sent no document for {patience:.0f} s",
                todo=f"repeat the command: it goes on from what was taken; {STALL} waits longer on a slow line",
            )

    def _last_words(self) -> str:
        self._talk.seek(0, os.SEEK_END)
        self._talk.seek(max(0, self._talk.tell() - 4096))
        lines = self._talk.read().decode("utf-8", "replace").strip().splitlines()
        return clean(lines[-1], 200) if lines else "without a word"

    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._talk):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _problem(payload: bytes) -> ScalelabError:
    told = json.loads(payload)
    kind = BadInput if told["bad"] else ScalelabError
    return kind(told["what"], allowed=told["allowed"], todo=told["todo"])


def stream(
    spec: HubSpec, column: str, *, pinned: str | None, repo: str | None, position: Any, shard_bytes: int
) -> Reader:
    """Start reading a corpus from a position; its first message says what was opened."""
    request = {
        "do": "documents", "spec": asdict(spec), "column": column, "pinned": pinned, "repo": repo,
        "position": position, "shard_bytes": shard_bytes,
    }  # fmt: skip
    return Reader(request, spec.name)


def fetch_tokenizer(repo: str) -> str:
    """The tokenizer.json of a hub repository."""
    refuse_unreachable("give a folder with a tokenizer.json, or use bpe or bytes")
    reader = Reader({"do": "tokenizer", "repo": repo}, f"tokenizer {repo}")
    try:
        return b"".join(message[1] for message in reader.messages() if message is not None).decode()
    finally:
        reader.close()
