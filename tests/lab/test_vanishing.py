"""Devices that vanish under runs, as the supervisor meets them. The cards are fakes: this machine has none to lose."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scalelab.lab import control, lock
from scalelab.lab.detached import on_hardware
from scalelab.lab.executor import Job, slots_of
from scalelab.lab.hooks import Guarded, Hooks
from scalelab.lab.integrity import check_lab
from scalelab.lab.local import Conversation, LocalExecutor, LocalWorker
from scalelab.lab.paths import LabPaths
from scalelab.lab.pool import Pool
from scalelab.lab.resume import device_for, reopen, stored_preset
from scalelab.plan import choose_device, spare_devices
from scalelab.preset import HardwareSpec
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.store.requests import ask
from scalelab.store.writer import Writer
from tests.lab import mini
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, ended, family
from tests.lab.samples import whole as all_of_it
from tests.reliability.groups import control_group
from tests.reliability.tally import Tally

ECC = "AcceleratorError: CUDA error: uncorrectable ECC error encountered"
CARD = replace(mini.DEVICE, name="cuda:9", label="a fake card", slots=1)


_VANISHES = """
# Two fake cards, which are the CPU underneath; the second one has gone when a file says so.
import sys, threading, time
from pathlib import Path

gone = Path({gone!r})

def patch():
    while not hasattr(module := sys.modules.get("scalelab.training.device"), "reopen_device"):
        time.sleep(0.005)
    from tests.training.fake_device import FakeDevice

    class Card(FakeDevice):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def put(self, array):
            if self.name == "fake:1" and gone.exists():
                raise RuntimeError({ecc!r})
            return super().put(array)

    module.names = lambda: ["fake:0", *([] if gone.exists() else ["fake:1"]), "cpu"]
    module.open_device = lambda name, *, threads=1: Card(name)

if "forkserver" in " ".join(sys.orig_argv):
    threading.Thread(target=patch, daemon=True).start()
if "scalelab.lab.detached" in sys.orig_argv:
    from scalelab import plan
    from scalelab.records import DeviceInfo

    plan.choose_device = lambda wanted: DeviceInfo.from_json({cards!r})
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks without the minute between them."""
    monkeypatch.setattr("scalelab.lab.pool.LOOK_SECONDS", 0.01)


def _cards(gone: set[str], only: str = "", answers: Callable[[str], bool] | None = None) -> FakeExecutor:
    """Two fake cards, one slot each, of which those in `gone` bring every run down that is started there (`only` that
    one), after some steps without a checkpoint.
    """

    def play(job: Job) -> Any:
        device = executor.places[-1][1]
        if device in gone and only in ("", job.spec.run):
            return [*all_of_it(job)[:5], ended(job, RunState.FAILED, ECC, lost=device)]
        return all_of_it(job)

    executor = FakeExecutor(play, devices=("cuda:0", "cuda:1"), answers=answers or (lambda device: device not in gone))
    return executor


def test_row_17_real_runs_under_which_a_card_vanishes_end_on_the_other_one(
    text: Path, tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, whole: LabPaths
) -> None:
    """Real sessions and workers; the cards are fakes, equal ones, so that even their losses must be the same."""
    n, completed, strange = tally.repeats(1, 20), 0, 0
    modules, gone = tmp_path / "modules", tmp_path / "gone"
    modules.mkdir()
    cards = replace(mini.DEVICE, name="cuda", members=("fake:0", "fake:1"))
    told = _VANISHES.format(gone=str(gone), ecc=ECC, cards=cards.to_json())
    (modules / "sitecustomize.py").write_text(told)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(mini.ROOT), str(modules)]))
    draw = random.Random(17)
    for trial in range(n):
        paths = mini.make(tmp_path / f"lab{trial}", text, device=cards)
        pid = control.start_detached(None, paths.root)
        at = draw.randint(20, 400)
        mini.wait_for(lambda at=at, paths=paths: mini.steps(paths) >= at, 60, "points")  # type: ignore[misc]
        gone.touch()
        mini.wait_for(lambda paths=paths: lock.holder(paths.lock) is None, 120, "end")  # type: ignore[misc]
        gone.unlink()
        with Reader(paths.store) as reader:
            rows, aside = reader.runs(), control.set_aside(reader)
        completed += {row.state for row in rows} == {RunState.DONE}
        moved = [row for row in rows if row.attempt > 1]
        strange += not all(row.not_exact for row in moved) or mini.results(paths) != mini.results(whole)
        assert aside.keys() <= {"fake:1"} and bool(moved) <= bool(aside), (pid, aside)
    tally.count(17, "labs completed after one of two cards (fakes) vanished", completed, of=n, promised="20/20")
    tally.count(17, "of them with a moved run that is not called so, or another loss", strange, of=n, promised="0")
    assert completed == n and strange == 0


def test_row_17_a_device_that_vanishes_is_set_aside_and_its_runs_go_on_on_another(bench: Bench) -> None:
    bench.plan([*family("a"), *family("b")])
    executor = _cards({"cuda:1"})
    summary = bench.session(executor)
    assert (summary.done, summary.failed, summary.problem) == (6, 0, "")
    on_it = [run for run, device in executor.places if device == "cuda:1"]
    assert len(on_it) == 1, "nothing else was started there"
    with bench.reader() as reader:
        assert control.set_aside(reader) == {"cuda:1": ECC}
        rows = {row.run: row for row in reader.runs()}
        moved = rows[on_it[0]]
        assert moved.not_exact == "goes on on cuda:0: cuda:1 was lost"
        branches = [row for row in rows.values() if row.spec.parent == moved.run]
        assert branches and all("its trunk is not" in row.not_exact for row in branches)
        others = [row for row in rows.values() if row is not moved and row not in branches]
        assert others and not any(row.not_exact for row in others)
        assert [point.step for point in reader.points(moved.run)] == list(range(1, 21))
    assert bench.states(on_it[0]) == ["running", "failed", "planned", "running", "done"]
    assert ("warning", f"cuda:1 is set aside: {ECC}") in bench.events
    assert any(f.what == "devices" and "cuda:1 is set aside" in f.text for f in check_lab(bench.paths.root))


def test_row_17_without_another_device_runs_wait_with_a_banner_and_go_on_when_one_answers(bench: Bench) -> None:
    bench.plan(family("a"))
    gone, seen = {"cuda:0", "cuda:1"}, []
    with lock.acquire(bench.paths.lock):
        executor = _cards(gone)

        def beat(it: FakeExecutor) -> None:
            time.sleep(0.001)
            owner = lock.read_owner(bench.paths.lock)
            if "cuda:0" in gone and owner and owner.waiting:
                with bench.reader() as reader:
                    seen.append((owner.waiting, next(row for row in reader.runs() if row.attempt)))
                gone.discard("cuda:0")

        executor.on_beat = beat
        summary = bench.session(executor)
        owner = lock.read_owner(bench.paths.lock)
        assert owner is not None and owner.waiting == ""
    assert (summary.done, summary.failed, summary.problem) == (3, 0, "")
    (waiting, row), *_ = seen
    assert waiting.startswith("paused: no device is left: cuda:") and ECC in waiting
    assert row.state is RunState.PLANNED and row.reason.startswith("waits for a device: cuda:")
    with bench.reader() as reader:
        assert control.set_aside(reader) == {"cuda:1": ECC}
    assert ("resume", "cuda:0 answers again") in bench.events


def test_row_17_a_look_whose_process_not_even_a_kill_ends_is_joined_by_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen process outlives SIGKILL, as one does that a driver does not let go of."""
    frozen: list[LocalWorker] = []
    converse = LocalExecutor.converse

    def stuck(self: LocalExecutor, task: str) -> Conversation:
        asked = converse(self, task)
        (group / "cgroup.procs").write_text(str(asked._asked.pid))
        frozen.append(asked._asked)
        return asked

    freezer = control_group("freezer", "freezer.state", "FROZEN")
    with Writer(bench.paths.store) as writer, contextlib.closing(LocalExecutor()) as executor, freezer as group:
        monkeypatch.setattr(LocalExecutor, "converse", stuck)
        executor.slots = slots_of(replace(CARD, name="cpu"))
        pool = Pool(executor, (), writer, Guarded(Hooks(), log=lambda _: None))
        pool.lost("a", "cpu", ECC)
        look = pool._looks["cpu"]
        mini.wait_for(lambda: bool(frozen) and frozen[0].closed, 30, "end of the patience with it")
        for _ in range(30):  # longer than the two seconds that a killed process is given
            pool.follow()
            time.sleep(0.1)
        assert len(frozen) == 1 and frozen[0].process.is_alive() and pool._looks["cpu"] is look
        (group / "freezer.state").write_text("THAWED")
        mini.wait_for(lambda: look.is_over, 30, "end of the process")
        pool.follow()
        assert pool._looks["cpu"] is not look


def test_row_17_a_session_that_waits_for_a_device_ends_when_asked_and_the_next_one_looks_anew(bench: Bench) -> None:
    bench.plan(family("a"))
    gone = {"cuda:0", "cuda:1"}

    def beat(it: FakeExecutor) -> None:
        if it.beats == 300:
            ask(bench.paths.store, "stop")

    executor = _cards(gone)
    executor.on_beat = beat
    summary = bench.session(executor)
    assert summary.interrupted and (summary.done, summary.failed, summary.left) == (0, 0, 3)
    gone.clear()
    assert bench.session(_cards(gone)).done == 3
    with bench.reader() as reader:
        assert control.set_aside(reader) == {}


def test_row_17_who_trains_on_a_device_that_is_set_aside_and_ends_without_a_word_moves_too(bench: Bench) -> None:
    bench.plan([*family("a", (10,)), *family("b", (10,)), *family("c", (10,))])

    def play(job: Job) -> Any:
        run, device = executor.places[-1]
        if device == "cuda:1" and run == "a-trunk-s0":
            return [ended(job, RunState.FAILED, ECC, lost=device)]
        return "killed by SIGABRT" if device == "cuda:1" else all_of_it(job)

    executor = FakeExecutor(
        play, n_slots=4, devices=("cuda:1", "cuda:1", "cuda:1", "cuda:0"), answers=lambda device: False
    )
    assert bench.session(executor).done == 6
    with bench.reader() as reader:
        assert sum(row.not_exact.startswith("goes on on cuda:0") for row in reader.runs()) >= 2


def test_row_17_a_run_that_brings_down_devices_which_answer_again_is_itself_to_blame(bench: Bench) -> None:
    """What a card cannot compute must not cost a box its cards."""
    bench.plan([*family("a", (10,)), *family("b", (10, 20, 30))])
    executor = _cards({"cuda:0", "cuda:1"}, only="a-trunk-s0", answers=lambda device: True)
    summary = bench.session(executor)
    assert (summary.done, summary.failed, summary.problem) == (4, 2, "")
    with bench.reader() as reader:
        assert control.set_aside(reader) == {}
        row = reader.run("a-trunk-s0")
        assert row is not None and row.reason.endswith("the devices that it lost answer again")
    assert executor.order.count("a-trunk-s0") in {3, 4}, "a card may answer after the other one was lost too"


def test_row_17_a_lab_that_takes_what_is_best_goes_on_on_the_next_best(bench: Bench) -> None:
    bench.plan(family("a"))
    executor = _cards({"cuda:0", "cuda:1"})
    executor.devices = ("cuda:0",)
    assert bench.session(executor, spares=[CARD, replace(CARD, name="cuda:10")]).done == 3
    assert {device for _, device in executor.places} == {"cuda:0", "cuda:9"}
    with bench.reader() as reader:
        assert all("on cuda:9: cuda:0 was lost" in row.not_exact or row.not_exact.startswith("its trunk is not")
                   for row in reader.runs())  # fmt: skip


@pytest.mark.parametrize(("device", "found"), [("auto", ["cuda:1"]), ("cuda:0", []), ("cuda", [])])
def test_row_17_only_a_lab_that_leaves_the_choice_has_another_device(
    monkeypatch: pytest.MonkeyPatch, device: str, found: list[str]
) -> None:
    here = [replace(CARD, name="cuda:0"), replace(CARD, name="cuda:1"), mini.DEVICE]
    monkeypatch.setattr("scalelab.plan.hardware.find_devices", lambda: here)
    assert [each.name for each in spare_devices(HardwareSpec(device=device), here[0])] == found
    assert all(each.slots == 3 for each in spare_devices(HardwareSpec(device=device, slots=3), here[0]))
    assert spare_devices(HardwareSpec(device="auto"), mini.DEVICE) == []


def test_row_17_what_this_start_asks_for_decides_and_not_what_the_first_did(text: Path, whole: LabPaths) -> None:
    """Who names a card today must not find the lab on another one."""
    own = stored_preset(whole)
    again = own.model_copy(update={"hardware": own.hardware.model_copy(update={"slots": 1})})
    assert reopen(again, whole, Hooks()).hardware == again.hardware != own.hardware
    assert reopen(None, whole, Hooks()).hardware == own.hardware
    lab = on_hardware(whole, again.hardware.model_dump_json())
    assert (lab.device.slots, lab.hardware) == (1, again.hardware)


def test_the_labs_own_device_stays_as_it_was_measured(whole: LabPaths) -> None:
    found = choose_device(stored_preset(whole).hardware)
    measured = replace(found, peak_flops=1.5 * found.peak_flops, peak_source="measured")
    assert device_for(HardwareSpec(device="cpu", slots=2), measured) == measured
    assert device_for(HardwareSpec(device="cpu", slots=1), measured).slots == 1
    elsewhere = device_for(HardwareSpec(device="cpu", slots=2), replace(measured, label="another box"))
    assert (elsewhere.label, elsewhere.peak_source) == (found.label, found.peak_source) != ("another box", "measured")
