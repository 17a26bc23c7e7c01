"""Files of a verb: whole or not at all, and a failure names the file that was asked for."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import BinaryIO

import pytest

from scalelab.cli.files import refuse_overwriting, save
from scalelab.errors import BadInput, ScalelabError


def full(stream: BinaryIO) -> None:
    """A disk that fills up halfway."""
    stream.write(b"half")
    raise OSError(errno.ENOSPC, "No space left on device", stream.name)


def test_what_is_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    save(tmp_path / "x.txt", lambda stream: stream.write(b"whole"))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.txt", b"whole")]


def test_a_disk_that_is_full_leaves_the_old_file_and_is_told_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    target.write_bytes(b"old")
    with pytest.raises(ScalelabError) as told:
        save(target, full)
    assert told.value.line() == f"{target} cannot be written: no space left on device"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.txt", b"old")]


def test_a_stop_leaves_nothing_half(tmp_path: Path) -> None:
    def stopped(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "x.txt", stopped)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "words"), [
    ("there.txt", "--force overwrites it"), (".", "is a folder"), ("none/x.txt", "there is no folder"),
])  # fmt: skip
def test_what_cannot_be_is_refused_before_the_work(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "there.txt").write_text("mine")
    with pytest.raises(BadInput, match=words):
        refuse_overwriting(tmp_path / name, force=False)
    refuse_overwriting(tmp_path / "there.txt", force=True)
