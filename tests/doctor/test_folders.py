"""Folders, tried for real."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from scalelab.doctor import folders
from scalelab.doctor.line import Line, Verdict
from scalelab.lab import lock

Usage = namedtuple("Usage", "total used free")


def said(found: list[Line], word: str) -> Line:
    [line] = [line for line in found if word in line.said]
    return line


def test_a_local_folder_serves_and_keeps_nothing(tmp_path: Path) -> None:
    found = list(folders.look("labs", tmp_path / "not" / "yet"))
    assert {line.verdict for line in found} == {Verdict.OK}
    assert said(found, "second owner").check == "labs"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_fails_in_one_line() -> None:
    [line] = folders.look("labs", Path("/proc/labs"))
    assert line.verdict is Verdict.FAIL
    assert "/proc/labs cannot be written" in line.said


def test_a_name_that_would_steer_a_terminal_is_shown_harmlessly(tmp_path: Path) -> None:
    assert all("\x1b" not in line.said for line in folders.look("labs", tmp_path / "\x1b[31mred"))


@pytest.mark.parametrize(("free", "verdict"), [(1e12, Verdict.OK), (1e9, Verdict.WARN), (1e8, Verdict.FAIL)])
def test_room(free: float, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(1e12, 0, free))  # no disk here is that full
    assert next(folders.look("labs", tmp_path)).verdict is verdict


def test_a_network_file_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.store.schema.on_network", lambda *_: True)  # there is none here to mount
    assert said(list(folders.look("labs", tmp_path)), "network file system").verdict is Verdict.WARN


def test_locks_that_do_not_hold_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock.fcntl, "flock", lambda *_: None)  # a mount that says yes to everybody
    assert said(list(folders.look("labs", tmp_path)), "locks do not hold").verdict is Verdict.FAIL


def test_a_slow_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "SLOW_SYNC", 0.0)
    assert said(list(folders.look("labs", tmp_path)), "synced write").verdict is Verdict.WARN
