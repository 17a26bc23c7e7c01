"""A recorded lab as one that trains now: its copy at each moment, its lock, its logs, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scalelab.errors import ScalelabError
from scalelab.lab import lock
from scalelab.lab.paths import lab_paths
from scalelab.records import RunState
from scalelab.replay.player import Player, Replay
from scalelab.store.reader import Reader
from scalelab.tui.snapshot import FINISHED, STOPPED, TRAINING, Watch
from tests.replay.labs import CRASHED, LEFT, NIGHT
from tests.replay.same import told


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def player(recorded: Path, clock: Clock) -> Iterator[Player]:
    with closing(Player(Replay(lab=recorded, speed=1.0), clock)) as made:
        yield made


def test_it_trains_until_the_recording_ends(recorded: Path, player: Player, clock: Clock) -> None:
    player.look()
    length = player.tempo.length
    assert length < NIGHT / 100  # which nobody waits for
    states, done = [], []
    with Watch(player.root) as watch:
        for _ in range(40):
            if (shot := watch.poll()) is not None:
                states.append(shot.state)
                done.append(len(shot.finals))
            clock.now += length / 30
            player.look()
        last = watch.poll() or watch.snapshot
    assert set(states[:-1]) == {TRAINING} and len(states) <= 32  # at its end it is told once
    assert done == sorted(done) and len(set(done)) > 4
    assert last.state == STOPPED  # a run of it was never finished
    assert player.tempo.over and lock.holder(player.root / "lock") is None


def test_in_the_end_the_screens_see_what_they_see_of_the_lab(recorded: Path, player: Player) -> None:
    with Watch(recorded) as watch:
        itself = watch.poll()
    with Watch(player_at_end(player)) as watch:
        played = watch.poll()
    assert itself is not None and played is not None
    assert told(played) == told(itself)


def test_in_small_steps_it_ends_the_same(recorded: Path, player: Player, clock: Clock) -> None:
    player.look()
    with Watch(recorded) as theirs, Watch(player.root) as ours:
        for _ in range(60):
            ours.poll()
            clock.now += player.tempo.length / 50
            player.look()
        ours.poll()
        theirs.poll()
        assert told(ours.snapshot) == told(theirs.snapshot)


def test_standing_still_shows_the_same_moment(player: Player, clock: Clock) -> None:
    player.look()
    clock.now += player.tempo.length / 2
    player.look()
    player.tempo.pause(True)
    with Watch(player.root) as watch:
        before = watch.poll()
        clock.now += 1e5
        player.look()
        assert before is not None and (after := watch.poll() or before).rows == before.rows
        assert after.state == TRAINING
        player.tempo.pause(False)
        clock.now += player.tempo.length / 4
        player.look()
        later = watch.poll()
    assert later is not None and len(later.finals) > len(before.finals)


@pytest.mark.parametrize(("share", "least"), [(0.0, 0), (0.5, 2), (1.0, 7)])
def test_it_begins_where_it_was_asked_to(recorded: Path, clock: Clock, share: float, least: int) -> None:
    with closing(Player(Replay(lab=recorded, share=share, paused=True), clock)) as made:
        made.look()
        with Reader(made.root / "lab.db") as reader:
            done = sum(row.state is RunState.DONE for row in reader.runs())
    assert done >= least and (share == 1.0 or done < 9)


def test_logs_come_when_their_runs_are_over(recorded: Path, player: Player, clock: Clock) -> None:
    log = lab_paths(player.root).run_dir(CRASHED) / "log.txt"
    player.look()
    assert not log.exists()
    clock.now = player.tempo.length
    player.look()
    assert log.read_text() == "start\nkilled\n"


def test_nothing_is_written_to_the_recorded_lab_and_nothing_stays(recorded: Path, player: Player) -> None:
    before = files(recorded)
    folder = player_at_end(player)
    player.close()
    assert files(recorded) == before
    assert not folder.exists() and not folder.parents[1].exists()
    player.close()


def test_only_its_owner_may_read_the_copy(player: Player) -> None:
    assert os.stat(player.root.parents[1]).st_mode & 0o077 == 0


def test_a_lab_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "lab.db").write_bytes(b"no database at all, but longer than nothing" * 100)
    with closing(Player(Replay(lab=tmp_path))) as made, pytest.raises(ScalelabError, match="damaged"):
        made.look()


def test_the_shipped_lab_is_played_where_none_is_named(clock: Clock) -> None:
    with closing(Player(Replay(share=1.0), clock)) as made, Watch(player_at_end(made)) as watch:
        shot = watch.poll()
    assert shot is not None
    assert (shot.name, shot.state, len(shot.finals), LEFT in shot.curves) == ("tiny", FINISHED, 20, False)


def files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """All files as they are; what any reader of a store notes for the others of its machine is no part of it."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".db-shm"]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def player_at_end(player: Player) -> Path:
    """Its copy when all is played."""
    player.look()
    player.tempo.to_end()
    player.look()
    return player.root
