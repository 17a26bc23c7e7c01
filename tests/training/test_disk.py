"""Training on disks that are full, read-only or broken: it waits for what passes and claims nothing that is not so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scalelab.records import Decay, Message, Notice, NoticeKind, Outcome, RunKind, RunSpec, RunState, Saved, TokenSet
from scalelab.training import checkpoint
from scalelab.training.device import open_device
from scalelab.training.export import check_model
from scalelab.training.run import train
from tests.reliability.disks import SmallDisk, small_disk
from tests.reliability.tally import Tally
from tests.training.making import Recorder, make_spec, make_tokens, run, steps_to


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenSet:
    return make_tokens(tmp_path_factory.mktemp("tokens"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", "2m") as made:
        yield made


class _Person(Recorder):
    """Fills the disk before a step, and makes room once the run says that it waits."""

    def __init__(self, disk: SmallDisk, fill_at: int, *, stops: bool = False) -> None:
        super().__init__()
        self.disk, self.stops = disk, stops
        self._left = fill_at
        self._asked = False
        self.while_full: list[list[str]] = []

    def report(self, message: Message) -> None:
        super().report(message)
        if isinstance(message, Notice) and message.kind is NoticeKind.PAUSED:
            self.while_full.append(sorted(path.name for path in (self.disk.root / "run" / "checkpoint").glob("*")))
            self._asked = self.stops
            if not self.stops:
                self.disk.make_room()

    def should_stop(self) -> bool:
        self._left -= 1
        if self._left == 0:
            self.disk.fill()
        return self._asked


def _train(spec: RunSpec, tokens: TokenSet, person: _Person, checkpoint_seconds: float = 0.0) -> Outcome:
    return train(
        spec, tokens, attempt=1, run_dir=person.disk.root / "run", device=open_device("cpu"), report=person.report,
        should_stop=person.should_stop, resume_from=None, checkpoint_seconds=checkpoint_seconds,
    )  # fmt: skip


def test_row_09_a_full_disk_holds_the_run_until_there_is_room_and_loses_nothing(
    disk: SmallDisk, tmp_path: Path, tokens: TokenSet, tally: Tally
) -> None:
    whole, _ = run(make_spec(), tokens, tmp_path / "whole")
    expected = (tmp_path / "whole" / "model" / "model.safetensors").read_bytes()
    n, lost = tally.repeats(3, 40), 0
    for trial in range(n):
        disk.make_room()
        for left in (disk.root / "run").glob("*"):
            _remove(left)
        person = _Person(disk, 2 + (7 * trial) % 36)
        outcome = _train(make_spec(), tokens, person)
        kinds = [notice.kind for notice in person.of(Notice)]
        same = (disk.root / "run" / "model" / "model.safetensors").read_bytes() == expected
        points = [point.step for point in person.messages if hasattr(point, "grad_norm")]
        lost += not (outcome.state is RunState.DONE and same and points == list(range(1, 41)))
        assert kinds == [NoticeKind.PAUSED, NoticeKind.GOES_ON]
        assert person.while_full[0][:1] != [] and "tmp" not in "".join(person.while_full[0])
        assert not list(disk.root.glob("run/**/.*.tmp"))
    tally.count(9, "runs on a disk that fills up which lost a step, a point or a bit", lost, of=n, promised="0")
    assert whole.state is RunState.DONE and lost == 0


def test_row_09_the_end_of_a_run_waits_for_room_for_its_model(disk: SmallDisk, tokens: TokenSet) -> None:
    person = _Person(disk, 39)
    assert _train(make_spec(), tokens, person, checkpoint_seconds=1e9).state is RunState.DONE
    assert [notice.kind for notice in person.of(Notice)] == [NoticeKind.PAUSED, NoticeKind.GOES_ON]
    check_model(disk.root / "run" / "model")


def test_row_09_a_run_that_waits_for_room_stops_when_asked_and_says_what_was_not_saved(
    disk: SmallDisk, tokens: TokenSet
) -> None:
    person = _Person(disk, 10, stops=True)
    outcome = _train(make_spec(), tokens, person)
    assert outcome.state is RunState.STOPPED and "disk full" in outcome.reason and "0000000010" in outcome.reason
    saved = {message.step for message in person.of(Saved)}
    newest = checkpoint.latest(disk.root / "run")
    assert newest is not None and int(newest.name) == max(saved) == 9
    assert not list(disk.root.glob("run/**/.*.tmp"))


def test_row_09_room_is_looked_for_before_the_first_byte_is_written(disk: SmallDisk, tokens: TokenSet) -> None:
    trunk = make_spec(kind=RunKind.TRUNK, schedule=steps_to(10, decay=Decay.CONSTANT), branch_steps=(10,))
    person = _Person(disk, 5, stops=True)
    outcome = _train(trunk, tokens, person, checkpoint_seconds=1e9)
    assert "needs" in outcome.reason and "are free at" in outcome.reason
    assert person.while_full == [[]] and not person.of(Saved)


def test_row_10_a_disk_that_turns_read_only_is_told_with_its_path_and_nothing_is_claimed(
    disk: SmallDisk, tokens: TokenSet
) -> None:
    trunk = make_spec(kind=RunKind.TRUNK, schedule=steps_to(30, decay=Decay.CONSTANT), branch_steps=(20,))
    person = _Person(disk, -1)

    def report(message: Message) -> None:
        person.report(message)
        if isinstance(message, Saved) and message.step == 10:
            disk.options("ro")

    outcome = train(
        trunk, tokens, attempt=1, run_dir=disk.root / "run", device=open_device("cpu"), report=report,
        should_stop=person.should_stop, resume_from=None, checkpoint_seconds=0.0,
    )  # fmt: skip
    warned = person.of(Notice)
    assert {notice.kind for notice in warned} == {NoticeKind.WARNING} and "0000000011" in warned[0].text
    assert (outcome.state, outcome.step) == (RunState.FAILED, 20)
    assert "0000000020 was not saved" in outcome.reason and "Read-only" in outcome.reason
    assert max(message.step for message in person.of(Saved)) == 10


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
