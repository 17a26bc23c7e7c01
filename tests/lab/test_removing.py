"""A lab is removed whole and nothing else with it, never while somebody trains it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from scalelab.errors import BadInput, ScalelabError
from scalelab.lab import control, lock, removing
from scalelab.lab.lock import Owned
from scalelab.lab.paths import LabPaths
from tests.simulated import SimulatedLab


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    """A lab with a link to tokens in a cache, and runs with links that lead out."""
    SimulatedLab(tmp_path / "labs" / "smoke").close()
    paths = LabPaths(tmp_path / "labs" / "smoke")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "train.bin").write_bytes(b"tokens")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years")
    paths.tokens.symlink_to(tmp_path / "cache")
    run = paths.runs / "12x1-D40k-s0"
    run.mkdir(parents=True)
    (run / "log.txt").write_text("lines")
    (run / "checkpoint").symlink_to(tmp_path / "home")
    paths.preset.write_text("")
    paths.log.write_text("")
    return paths


def _outside(paths: LabPaths) -> list[str]:
    top = paths.root.parent.parent
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if paths.root not in path.parents)


def test_what_is_the_labs_goes_and_what_links_lead_to_stays(paths: LabPaths) -> None:
    before = _outside(paths)
    assert control.remove(paths.root) == ()
    assert not os.path.lexists(paths.root)
    assert _outside(paths) == [each for each in before if each != "labs/smoke"]


def test_strangers_in_its_folder_stay_there_and_are_named(paths: LabPaths) -> None:
    (paths.root / "notes.md").write_text("mine")
    (paths.root / "lab.db.notes").write_text("mine")
    assert control.remove(paths.root) == ("lab.db.notes", "notes.md")
    assert sorted(os.listdir(paths.root)) == ["lab.db.notes", "notes.md"]
    with pytest.raises(BadInput, match="there is no lab"):
        control.remove(paths.root)


def test_an_owned_lab_stays_whole(paths: LabPaths) -> None:
    before = sorted(os.listdir(paths.root))
    with lock.acquire(paths.lock), pytest.raises(Owned, match=str(os.getpid())):
        control.remove(paths.root)
    assert sorted(os.listdir(paths.root)) == sorted({*before, "lock"})


def test_links_and_what_is_no_lab_are_refused(paths: LabPaths, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(paths.root)
    other = tmp_path / "other"
    other.mkdir()
    (other / "lab.db").write_bytes(b"SQLite format 3\0" + b"\0" * 100)
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, words in ((link, "is a link"), (other, "not a store of scalelab"), (empty, "there is no lab")):
        with pytest.raises(BadInput, match=words):
            control.remove(folder)
    assert paths.store.is_file() and (other / "lab.db").is_file() and os.listdir(other) == ["lab.db"]


def test_a_damaged_store_is_a_labs_all_the_same(paths: LabPaths) -> None:
    size = paths.store.stat().st_size
    with open(paths.store, "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (size - 100))
    control.remove(paths.root)
    assert not paths.root.exists()


def test_a_starter_meets_a_whole_lab_or_none(paths: LabPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment between the rename and the end, held open."""
    renamed, go_on = threading.Event(), threading.Event()
    own = removing._remove_own

    def slowly(going: LabPaths) -> None:
        renamed.set()
        assert go_on.wait(10)
        own(going)

    monkeypatch.setattr(removing, "_remove_own", slowly)
    remover = threading.Thread(target=control.remove, args=(paths.root,))
    remover.start()
    assert renamed.wait(10)
    with pytest.raises(BadInput, match="there is no lab"):
        control.start(None, paths.root)
    again = SimulatedLab(paths.root)  # a new lab may take the place at once
    again.close()
    go_on.set()
    remover.join()
    assert paths.store.is_file()
    assert [path.name for path in paths.root.parent.iterdir()] == ["smoke"]


def test_who_waited_for_the_lock_of_a_removed_lab_does_not_get_its_successors(paths: LabPaths) -> None:
    held = lock.acquire(paths.lock)
    waiting: list[BaseException | None] = []

    def wait() -> None:
        try:
            lock.acquire(paths.lock, patience=10)
            waiting.append(None)
        except ScalelabError as error:
            waiting.append(error)

    # A holder that is not known to live is waited for.
    os.truncate(paths.lock, 0)
    waiter = threading.Thread(target=wait)
    waiter.start()
    while not any(os.path.samefile(f"/proc/self/fd/{fd}", paths.lock) for fd in _others(held)):
        pass
    paths.lock.unlink()
    paths.lock.touch()
    held.release()
    waiter.join()
    assert "removed meanwhile" in str(waiting[0])


def _others(held: lock.Lock) -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if "/lock" in os.readlink(f"/proc/self/fd/{name}") and int(name) != held._descriptor:
                found.append(int(name))
        except OSError:
            continue
    return found
