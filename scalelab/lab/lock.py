"""One owner for a lab: flock, and beside it who holds it, so that a second starter can be told.

The kernel lets go of a flock when its holder dies, however it dies: a stale lock is taken over at once. Where the file
system has no flock, the owner written in the file decides: boot, pid and the process's start, so that a pid given
anew by the kernel is not taken for the owner. Must not know what a lab is.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from scalelab.errors import ScalelabError

_NO_FLOCK = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
_BYTES, _NOTE = 4096, 300
"""Size of the file, so that a note needs no more room than it has, and characters of a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that holds a lab."""

    pid: int
    boot: str
    """The kernel's id of this boot: pids of another boot say nothing."""
    started: str
    """The process's start as the kernel counts it; with the pid it is unique within a boot."""
    since: float
    """When the lock was taken, seconds since the epoch."""
    waiting: str = ""
    """Why the lab's store is not written now, where it cannot say so itself; empty while it is."""

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return self.boot == _boot() and self.started == _started(self.pid) != ""

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """From its JSON; None where the text says nobody."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


class Owned(ScalelabError):
    """Another process owns the lab."""

    def __init__(self, folder: Path, owner: Owner | None) -> None:
        who = f"process {owner.pid}" if owner else "another process"
        self.owner = owner
        super().__init__(
            f"lab {folder} is already being trained by {who}",
            todo=f"`scalelab status {folder}` shows it, `scalelab stop {folder}` ends it",
        )


class Lock:
    """The lock on a lab while it is held; leave it with `release` or as a context."""

    def __init__(self, path: Path, descriptor: int, *, kernel: bool) -> None:
        self.path = path
        self.kernel = kernel
        """False where the file system has no flock and only the written owner protects."""
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one in; the file stays, since removing it would let two in."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(path: Path, *, patience: float = 1.0) -> Lock:
    """Take the lock.

    Raises
    ------
    Owned
        A living process holds it; a dead one's helpers get `patience` seconds to follow it.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + patience
    try:
        while not (taken := _flock(descriptor)):
            owner = read_owner(path)
            if taken is None:
                if owner is None or not owner.alive:
                    break
                raise Owned(path.parent, owner)
            if (owner and owner.alive) or time.monotonic() > deadline:
                raise Owned(path.parent, owner)
            time.sleep(0.02)
        if not _is_at(path, descriptor):
            # The lab was removed while we waited; what stands there now, if anything, is another one.
            raise ScalelabError(f"lab {path.parent} was removed meanwhile", todo="type the same command again")
        _write(descriptor, me())
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(path, descriptor, kernel=taken is not None)


def holder(path: Path) -> Owner | None:
    """The living process that holds the lock, if one does; changes nothing."""
    owner = read_owner(path)
    return owner if owner and owner.alive else None


def read_owner(path: Path) -> Owner | None:
    """The owner written in the file, dead or alive."""
    try:
        return Owner.from_json(path.read_text())
    except (OSError, ValueError):
        return None


def me() -> Owner:
    """Who we are."""
    return Owner(pid=os.getpid(), boot=_boot(), started=_started(os.getpid()), since=time.time())


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def note(path: Path, waiting: str) -> None:
    """Have the owner, which must be us, say why nothing is written; in bytes that a full disk has given already."""
    owner = read_owner(path)
    if owner is None or owner.pid != os.getpid():
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.pwrite(descriptor, _content(replace(owner, waiting=waiting[:_NOTE])), 0)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _flock(descriptor: int) -> bool | None:
    """Whether the kernel gave us the lock; None where it has none to give."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_FLOCK:
            return None
        raise


def _write(descriptor: int, owner: Owner) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, _content(owner), 0)


def _content(owner: Owner) -> bytes:
    return owner.to_json().encode().ljust(_BYTES)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(round(psutil.boot_time()))


def _started(pid: int) -> str:
    """The start of a process in clock ticks since boot; empty where there is no such process, or only its zombie."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.Error:
        return ""
