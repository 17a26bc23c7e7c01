"""A hub on 127.0.0.1 that imitates those endpoints of the real one that `datasets` and `huggingface_hub` ask.

Repositories are dicts of files by branch. Faults are put into `Hub.faults`: each is asked about every request and may
answer it, delay it, or cut it short.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Files = dict[str, bytes]


@dataclass
class Repo:
    branches: dict[str, Files]
    gated: bool = False
    kind: str = "datasets"

    def commit(self, revision: str) -> str | None:
        for name, files in self.branches.items():
            sha = commit_of(name, files)
            if revision in (name, sha):
                return sha
        return None

    def files(self, revision: str) -> Files:
        return next(files for name, files in self.branches.items() if revision in (name, commit_of(name, files)))


def commit_of(branch: str, files: Files) -> str:
    told = hashlib.sha1(branch.encode())
    for path, content in sorted(files.items()):
        told.update(path.encode() + hashlib.sha1(content).digest())
    return told.hexdigest()


@dataclass
class Hub:
    repos: dict[str, Repo] = field(default_factory=dict)
    faults: list[Callable[[Request], bool]] = field(default_factory=list)
    """Each is shown every request; True says that it has been dealt with."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    sent: int = 0
    """Bytes of file contents."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set when the server ends: what stalls lets go then."""
    url: str = ""

    def dataset(self, name: str, files: Files, branch: str = "main", *, gated: bool = False) -> Repo:
        repo = self.repos.setdefault(name, Repo(branches={}, gated=gated))
        repo.branches[branch] = files
        return repo

    def model(self, name: str, files: Files) -> None:
        self.repos[name] = Repo(branches={"main": files}, kind="models")


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if any(fault(self) for fault in list(self.hub.faults)):
                return
            if found := re.fullmatch(r"/api/(datasets|models)/(.+)", path):
                self._api(found[1], found[2], body)
            elif found := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/(.+)", path):
                self._resolve("datasets" if found[1] else "models", found[2], found[3])
            else:
                self.refuse(404, "EntryNotFound", "no such page")

    def refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.send({"error": message}, status, {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})})

    def send(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, each in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, each)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _repo(self, kind: str, name: str, revision: str) -> tuple[Repo, str] | None:
        repo = self.hub.repos.get(name)
        if repo is None or repo.kind != kind:
            # As the real one: who is nobody may not know whether a private one is there.
            self.refuse(401, "RepoNotFound", "Repository not found")
            return None
        sha = repo.commit(revision)
        if sha is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repo, sha

    def _api(self, kind: str, rest: str, body: bytes) -> None:
        found = re.fullmatch(r"([^/]+/[^/]+)(?:/(revision|tree|paths-info)/(.+))?", rest)
        if found is None:
            self.refuse(401, "RepoNotFound", "Repository not found")
            return
        name, what, tail = found.groups()
        revision, _, inner = _branch(tail or "main", self.hub.repos.get(name))
        there = self._repo(kind, name, revision)
        if there is None:
            return
        repo, sha = there
        files = repo.files(revision)
        if what == "tree":
            deep = parse_qs(urlsplit(self.path).query).get("recursive", [""])[0].lower() in ("1", "true")
            entries = _tree(files, inner, deep)
            if inner and not entries:
                self.refuse(404, "EntryNotFound", f"{inner} does not exist")
                return
            self.send(entries)
        elif what == "paths-info":
            asked = _form(body)
            entries = {entry["path"]: entry for entry in _tree(files, "", True)}
            self.send([entries[path] for path in asked if path in entries])
        else:
            siblings = [{"rfilename": path} for path in files]
            told = {"id": name, "sha": sha, "private": False, "gated": "auto" if repo.gated else False}
            self.send({**told, "siblings": siblings, "tags": [], "downloads": 0, "likes": 0})

    def _resolve(self, kind: str, name: str, tail: str) -> None:
        revision, _, path = _branch(tail, self.hub.repos.get(name))
        there = self._repo(kind, name, revision)
        if there is None:
            return
        repo, sha = there
        if repo.gated:
            self.refuse(401, "GatedRepo", f"Access to dataset {name} is restricted. You must be authenticated.")
            return
        content = repo.files(revision).get(path)
        if content is None:
            self.refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": sha})
            return
        self.send_file(content, sha)

    def send_file(self, content: bytes, sha: str) -> None:
        start, end = 0, len(content)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked:
            start, end = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else end, len(content))
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", sha)
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command != "HEAD":
            self.hub.sent += end - start
            self.wfile.write(content[start:end])


def _branch(tail: str, repo: Repo | None) -> tuple[str, str, str]:
    """Revision and path; a branch may have slashes in its name."""
    for name in sorted(repo.branches if repo else [], key=len, reverse=True):
        if tail == name or tail.startswith(f"{name}/"):
            return name, "/", tail[len(name) + 1 :]
    return tail.partition("/")


def _form(body: bytes) -> list[str]:
    text = body.decode()
    return list(json.loads(text)["paths"]) if text.startswith("{") else parse_qs(text).get("paths", [])


def _tree(files: Files, folder: str, deep: bool) -> list[dict[str, Any]]:
    prefix = f"{folder.rstrip('/')}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    for path, content in sorted(files.items()):
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        for depth in range(1, len(parts)):
            inner = prefix + "/".join(parts[:depth])
            if deep or depth == 1:
                entries[inner] = {"type": "directory", "oid": "0" * 40, "size": 0, "path": inner}
        if deep or len(parts) == 1:
            oid = hashlib.sha1(content).hexdigest()
            entries[path] = {"type": "file", "oid": oid, "size": len(content), "path": path}
    return list(entries.values())


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    handler = type("Bound", (Request,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def parquet(texts: list[str], *, column: str = "text", group: int = 100) -> bytes:
    """A parquet file of texts, with another column beside them as real ones have."""
    import pyarrow as pa
    from pyarrow import parquet as files

    out = io.BytesIO()
    table = pa.table({"id": list(range(len(texts))), column: texts})
    files.write_table(table, out, row_group_size=group)
    return out.getvalue()


def first(times: int, path: str, answer: Callable[[Request], None]) -> Callable[[Request], bool]:
    """A fault that answers the first requests whose path holds a text."""
    left = [times]

    def fault(request: Request) -> bool:
        if path not in request.path or request.command == "HEAD" or left[0] <= 0:
            return False
        left[0] -= 1
        answer(request)
        return True

    return fault
