from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from scalelab.lab import lock
from scalelab.lab.lock import Owned

_HOLD = """
import sys
from pathlib import Path
from scalelab.lab import lock
held = lock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    return child


def test_a_second_starter_is_told_who_owns_the_lab(tmp_path: Path) -> None:
    child = holder(tmp_path / "lock")
    try:
        with pytest.raises(Owned, match=f"process {child.pid}"):
            lock.acquire(tmp_path / "lock")
        owner = lock.holder(tmp_path / "lock")
        assert owner is not None and owner.pid == child.pid
    finally:
        child.kill()
        child.communicate()


def test_a_killed_owners_lock_is_taken_over_at_once(tmp_path: Path) -> None:
    child = holder(tmp_path / "lock")
    child.kill()
    child.communicate()
    assert lock.holder(tmp_path / "lock") is None
    began = time.monotonic()
    with lock.acquire(tmp_path / "lock"):
        assert time.monotonic() - began < 1.0
        owner = lock.holder(tmp_path / "lock")
        assert owner is not None and owner.pid == os.getpid()


def test_after_release_nobody_holds_it_and_the_next_one_may(tmp_path: Path) -> None:
    for _ in range(2):
        with lock.acquire(tmp_path / "lock"):
            assert lock.holder(tmp_path / "lock") is not None
        assert lock.holder(tmp_path / "lock") is None


def test_a_pid_given_anew_is_not_the_owner() -> None:
    assert lock.me().alive
    assert not replace(lock.me(), started="1").alive
    assert not replace(lock.me(), boot="another boot").alive
    assert not replace(lock.me(), pid=2**22 + 1).alive


def test_without_flock_the_written_owner_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    path = tmp_path / "lock"
    path.write_text(json.dumps(asdict(replace(lock.me(), started="1"))))
    with lock.acquire(path) as held:
        assert not held.kernel
        with pytest.raises(Owned):
            lock.acquire(path)


@pytest.mark.parametrize("content", ["", "nonsense", "[1]", '{"pid": 1}'])
def test_a_lock_file_with_nonsense_in_it_is_a_free_lock(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    assert lock.holder(tmp_path / "lock") is None
    lock.acquire(tmp_path / "lock").release()
