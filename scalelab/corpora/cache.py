"""The token cache: one folder a key, whole or absent, shared by labs and by processes that prepare at once.

A folder is written under another name, synced and renamed, so that who sees it sees all of it. Short notes
beside the folders remember which key a corpus had, so that an unchanged one is not read again. Knows no text.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from scalelab.records import TokenSet

FORMAT = 1
"""Part of every key: raised when cutting, splitting or packing changes."""
MANIFEST = "manifest.json"
_HASHED_UP_TO = 1 << 26  # hashing takes 1 s a GB or two: above 64 MB the sizes alone are compared
_STALE_SECONDS = 86_400.0
_TEMPORARY = ".making-"


def digest(*parts: str) -> str:
    """A short hash of texts, whose borders count."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(cache: Path, key: str) -> TokenSet | None:
    """The token set of a key, if its folder is there and is what its manifest says."""
    folder = cache / key
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["format"] != FORMAT or manifest["tokens"]["key"] != key:
            return None
        if not all(_is_intact(folder / name, claimed) for name, claimed in manifest["files"].items()):
            return None
        return replace(TokenSet.from_dict(manifest["tokens"]), directory=str(folder.resolve()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # whatever is wrong with it, it will be made again


def _is_intact(path: Path, claimed: dict[str, Any]) -> bool:
    size = path.stat().st_size
    return size == claimed["bytes"] and (size > _HASHED_UP_TO or file_sha256(path) == claimed["sha256"])


@contextlib.contextmanager
def workshop(cache: Path) -> Iterator[Path]:
    """A folder to make a token set in; what is not published from it is gone afterwards."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(cache)
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=cache))
    held = _hold(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:  # None where a sweep has looked at it just now
            os.close(held)


def _hold(folder: Path) -> int | None:
    """The folder's lock, which a killed process loses; None where another holds it."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        pass  # a file system without locks: there its age alone must serve
    return descriptor


def publish(cache: Path, folder: Path, tokens: TokenSet, details: dict[str, Any]) -> TokenSet:
    """Rename the finished folder to its key; where another process was faster, its equal one is taken."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in sorted(folder.iterdir())
    }
    manifest = {"format": FORMAT, "tokens": replace(tokens, directory="").to_dict(), "files": files, **details}
    _write_synced(folder / MANIFEST, json.dumps(manifest, indent=1))
    target = cache / tokens.key
    for _ in range(10):
        try:
            folder.rename(target)
            break
        except OSError:
            if found := find(cache, tokens.key):
                return found
            if not target.exists():
                raise
            # What stands there is damaged: it goes out of the way whole, as it must never be seen by halves.
            with contextlib.suppress(FileNotFoundError):
                target.rename(Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=cache)) / "damaged")
    _sync_folder(cache)
    return replace(tokens, directory=str(target.resolve()))


def remember(cache: Path, note: str, key: str) -> None:
    """Note the key under which a corpus was found."""
    folder = cache / "notes"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=_TEMPORARY)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(key)
    os.replace(name, folder / note)


def recall(cache: Path, note: str) -> TokenSet | None:
    """The token set that a note speaks of, if it is still there and intact."""
    try:
        key = (cache / "notes" / note).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return find(cache, key) if len(key) == 32 and key.isalnum() else None


def _sweep(cache: Path) -> None:
    """Clear away what a killed process left behind, a day later; what is held is in use whatever the clock says."""
    for path in [*cache.glob(f"{_TEMPORARY}*"), *cache.glob(f"notes/{_TEMPORARY}*")]:
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS and (held := _hold(path)) is not None:
                try:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                finally:
                    os.close(held)


def _write_synced(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
