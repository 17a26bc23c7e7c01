"""What `check_lab` finds in a real, very small lab: nothing wrong; then each thing that can be wrong, one at a time."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from scalelab.errors import ScalelabError
from scalelab.lab import control
from scalelab.lab.hooks import Hooks
from scalelab.lab.integrity import check_lab
from scalelab.lab.paths import LabPaths
from tests.lab import mini
from tests.reliability.tally import Tally


@pytest.fixture(scope="module")
def trained(text: Path, tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A lab of which one rung is done and one was stopped, with checkpoints."""
    paths = mini.make(tmp_path_factory.mktemp("trained") / "lab", text)
    watch = mini.Watch()

    def on_tick(reader: object) -> None:
        if len(watch.told("done")) >= 3 and watch.struck is None:
            watch.struck = 0
            control.request_stop(paths.root)

    control.start(None, paths.root, hooks=Hooks(on_event=watch.event, on_tick=on_tick), checkpoint_seconds=0.1)
    return paths


@pytest.fixture
def lab(trained: LabPaths, tmp_path: Path) -> LabPaths:
    shutil.copytree(trained.root, tmp_path / "lab", symlinks=True)
    return LabPaths(tmp_path / "lab")


def _wrong(paths: LabPaths) -> list[tuple[str, str]]:
    return [(found.level, found.what) for found in check_lab(paths.root) if found.level != "ok"]


def test_a_whole_lab_has_nothing_wrong(trained: LabPaths) -> None:
    found = check_lab(trained.root)
    assert [one for one in found if one.level != "ok"] == []
    assert {one.what for one in found} == {"store", "runs", "curves", "checkpoints", "models", "tokens", "disk"}
    assert all(not one.todo for one in found)


def _sql(sql: str) -> Callable[[LabPaths], None]:
    def change(paths: LabPaths) -> None:
        connection = sqlite3.connect(paths.store)
        connection.executescript(sql)
        connection.close()

    return change


def _flip(pattern: str) -> Callable[[LabPaths], None]:
    def change(paths: LabPaths) -> None:
        path = sorted(paths.root.glob(pattern))[0]
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(bytes(content))

    return change


def _tear(paths: LabPaths) -> None:
    content = bytearray(paths.store.read_bytes())
    content[5 * 4096 : 6 * 4096] = random.Random(0).randbytes(4096)
    paths.store.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_sql("UPDATE point SET loss = loss * 1.0000001 WHERE id = 3"), ("fail", "store")),
        (_sql("DELETE FROM evaluation WHERE final; DELETE FROM seal"), ("fail", "store")),
        (_sql("UPDATE run SET state = 'running'; DELETE FROM seal"), ("warn", "runs")),
        (_sql("DELETE FROM seal; DELETE FROM point WHERE step BETWEEN 20 AND 30"), ("fail", "curves")),
        (_sql("DELETE FROM seal; UPDATE point SET n_tokens = n_tokens + 1 WHERE id = 5"), ("fail", "curves")),
        (_sql("UPDATE run SET not_exact = 'threads 1 → 3' WHERE position = 0; DELETE FROM seal"), ("warn", "runs")),
        (_flip("runs/*/checkpoint/*/state.safetensors"), ("fail", "checkpoints")),
        (_flip("runs/*/checkpoint/*/manifest.json"), ("fail", "checkpoints")),
        (_flip("runs/*/model/model.safetensors"), ("fail", "models")),
        (lambda paths: (paths.runs / next(paths.runs.iterdir()).name / ".model.tmp").mkdir(), ("warn", "leftovers")),
        (_tear, ("fail", "store")),
    ],
)
def test_row_11_what_is_wrong_is_found(
    lab: LabPaths, change: Callable[[LabPaths], None], expected: tuple[str, str]
) -> None:
    change(lab)
    wrong = _wrong(lab)
    assert expected in wrong
    assert all(found.todo for found in check_lab(lab.root) if found.level != "ok")


def test_row_18_tokens_that_are_gone_or_changed_are_found(lab: LabPaths) -> None:
    tokens = Path(os.readlink(lab.tokens))
    changed, away = tokens / "train.bin", tokens.with_name("away")
    sound = changed.read_bytes()
    changed.chmod(0o600)
    changed.write_bytes(sound[:-1] + b"\x07")
    assert _wrong(lab) == [("fail", "tokens")]
    changed.write_bytes(sound)
    tokens.rename(away)
    assert _wrong(lab) == [("warn", "tokens")]
    away.rename(tokens)
    assert _wrong(lab) == []


def test_row_11_rows_that_are_not_as_they_were_written_are_trained_again(
    lab: LabPaths, whole: LabPaths, tmp_path: Path, tally: Tally
) -> None:
    expected, silent = mini.results(whole), 0
    n = tally.repeats(1, 5)
    for trial in range(n):
        root = tmp_path / f"damaged{trial}"
        shutil.copytree(lab.root, root, symlinks=True)
        paths = LabPaths(root)
        _sql("UPDATE evaluation SET loss = loss * 0.9 WHERE final")(paths)
        _sql("UPDATE point SET loss = loss * 0.9 WHERE id = 3")(paths)
        watch = mini.Watch()
        summary = control.start(None, paths.root, hooks=Hooks(on_event=watch.event))
        assert summary.done == 6 and watch.told("warning")
        silent += mini.results(paths) != expected or bool(_wrong(paths))
    tally.count(11, "labs whose damaged losses stayed in the fit", silent, of=n, promised="0")
    assert silent == 0


def test_row_11_of_a_store_with_a_torn_page_what_reads_is_kept_and_the_rest_is_trained_again(
    lab: LabPaths, whole: LabPaths, tmp_path: Path, tally: Tally
) -> None:
    expected, draw = mini.results(whole), random.Random(5)
    pages = lab.store.stat().st_size // 4096
    wrong = mended = 0
    n = 0
    # Some pages only a copy mends: a quick run goes on until there was another.
    for trial in range(12):
        if trial >= tally.repeats(1, 12) and mended:
            break
        n = trial + 1
        paths = LabPaths(tmp_path / f"torn{trial}")
        shutil.copytree(lab.root, paths.root, symlinks=True)
        content = bytearray(paths.store.read_bytes())
        at = draw.randrange(0 if trial else 2, pages) * 4096
        content[at : at + 4096] = draw.randbytes(4096)
        paths.store.write_bytes(bytes(content))
        try:
            away, kept = control.mend(paths.root)
        except ScalelabError as refused:
            wrong += "put back a copy" not in refused.line() and "no page" not in refused.line()
            continue
        mended += 1
        assert away.read_bytes() == bytes(content) and kept["run"] == 6
        assert control.start(None, paths.root).done == 6
        wrong += mini.results(paths) != expected or any(level == "fail" for level, _ in _wrong(paths))
    what = f"labs with a torn page that were neither refused nor whole in the end ({mended} mended)"
    tally.count(11, what, wrong, of=n, promised="0")
    assert mended and wrong == 0
