"""The terminal under `run` and under the app: Ctrl-C, Ctrl-Z, hang-up, no reader, odd sizes. Rows 5, 6 and 20."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scalelab.lab import control
from scalelab.lab.paths import LabPaths
from scalelab.store.reader import Reader
from tests.lab import mini
from tests.reliability.tally import Tally
from tests.reliability.terminals import Terminal, environment, scalelab

LONG = {"budgets": {"tokens": [640_000, 6_400_000]}, "hardware": {"device": "cpu", "slots": 1}}
"""Trains for longer than anybody looks, and leaves a core to who does."""
STOP_SECONDS = 10.0


@pytest.fixture
def lab(text: Path, tmp_path: Path) -> LabPaths:
    return mini.make(tmp_path / "lab", text, **LONG)


def _trains(seen: Terminal, paths: LabPaths, more: int = 20) -> None:
    """Read until there are new points."""
    before = mini.steps(paths)
    seen.until(lambda: mini.steps(paths) >= before + more, "training")
    seen.known()


def _restored(seen: Terminal) -> bool:
    """Whether the terminal is as it was: its modes, its cursor, its screen."""
    on, off = "\x1b[?1049h", "\x1b[?1049l"
    hidden, shown = seen.seen.rfind("\x1b[?25l"), seen.seen.rfind("\x1b[?25h")
    return seen.modes == seen.before and shown >= hidden and seen.seen.rfind(off) >= seen.seen.rfind(on)


_WAYS: dict[str, tuple[Callable[[Terminal], None], int]] = {
    "Ctrl-C": (lambda seen: seen.type("\x03"), 130),
    "Ctrl-C twice": (lambda seen: (seen.type("\x03"), seen.look(0.1), seen.type("\x03"))[0], 130),
    "SIGTERM": (lambda seen: seen.process.terminate(), 130),
}


@pytest.mark.parametrize("way", _WAYS)
def test_row_05_an_end_that_is_asked_for_is_quick_and_leaves_nothing(
    lab: LabPaths, tmp_path: Path, tally: Tally, way: str
) -> None:
    n, slowest, left, torn, traces = tally.repeats(1, 10), 0.0, 0, 0, 0
    strike, code = _WAYS[way]
    for _ in range(n):
        with Terminal(tmp_path, *scalelab("run", "--lab", lab.root)) as seen:
            _trains(seen, lab)
            began = time.monotonic()
            strike(seen)
            seen.ends()
            slowest = max(slowest, time.monotonic() - began)
            assert seen.process.returncode == code, seen.seen[-2000:]
            torn += not _restored(seen)
            traces += "Traceback" in seen.seen
            left += len(seen.left())
        states = control.status(lab.root).states
        assert "running" not in states and states.get("stopped"), states
    tally.value(5, f"{way}: slowest end of a session", f"{slowest:.1f} s", promised=f"≤ {STOP_SECONDS:g} s")
    tally.count(5, f"{way}: processes left, terminals not restored, tracebacks", left + torn + traces, of=n,
                promised="0")  # fmt: skip
    assert (left, torn, traces) == (0, 0, 0) and slowest < 2 * STOP_SECONDS


@pytest.mark.parametrize("way", ["q", "SIGTERM"])
def test_row_05_the_app_gives_the_terminal_back_as_it_was(
    lab: LabPaths, tmp_path: Path, tally: Tally, way: str
) -> None:
    n, wrong = tally.repeats(1, 10), 0
    for _ in range(n):
        with Terminal(tmp_path, *scalelab("attach", lab.root)) as seen:
            seen.until(lambda seen=seen: "16x1-trunk" in seen.seen, "app")  # type: ignore[misc]
            assert seen.modes != seen.before
            seen.known()
            if way == "q":
                seen.type("q")
            else:
                seen.process.terminate()
            seen.ends()
            wrong += not _restored(seen) or "Traceback" in seen.seen or bool(seen.left())
    tally.count(5, f"the app, {way}: ends with processes left, a terminal not restored, a traceback", wrong, of=n,
                promised="0")  # fmt: skip
    assert wrong == 0


@pytest.mark.parametrize("nohup", [False, True])
def test_row_04_an_app_whose_terminal_is_gone_ends(lab: LabPaths, tmp_path: Path, nohup: bool) -> None:
    command = scalelab("attach", lab.root)
    with Terminal(tmp_path, *(["env", "--ignore-signal=HUP", *command] if nohup else command)) as seen:
        seen.until(lambda: "16x1-trunk" in seen.seen, "app")
        seen.hang_up()
        seen.process.wait(15)


def test_row_06_ctrl_z_and_fg_and_a_suspended_session_are_slow_and_not_failed(
    text: Path, tmp_path: Path, tally: Tally
) -> None:
    """A shell with job control; then the whole session is suspended in the middle of things, again and again."""
    paths = mini.make(tmp_path / "lab", text, budgets={"tokens": [64_000, tally.repeats(320_000, 400_000)]})
    n, met, draw = tally.repeats(2, 20), 0, random.Random(6)
    with Terminal(tmp_path, "bash", "--norc", "--noprofile", "-i", PS1="$ ") as seen:
        seen.until(lambda: "$ " in seen.seen, "prompt")
        seen.type(" ".join(scalelab("run", "--lab", paths.root)) + "\n")
        _trains(seen, paths)
        seen.type("\x1a")
        seen.until(lambda: "Stopped" in seen.seen, "word of the shell")
        time.sleep(0.3)
        rested = mini.steps(paths)
        time.sleep(0.7)
        assert mini.steps(paths) == rested
        seen.type("fg\n")
        _trains(seen, paths)
        for trial in range(n):
            family = [one for one in mini.alive(seen.known()) if one.pid != seen.process.pid]
            met += len(family) > 1
            for one in family:
                one.suspend()
            time.sleep(60.0 if tally.soak and trial == 0 else draw.uniform(0.2, 3.0 if tally.soak else 0.6))
            for one in family:
                one.resume()
            seen.look(draw.uniform(0.1, 0.6))
        seen.until(lambda: control.status(paths.root).pid is None, "end", patience=600.0)
    with Reader(paths.store) as reader:
        rows = reader.runs()
        failed = sum(row.state != "done" or row.attempt != 1 for row in rows)
        steps = [[point.step for point in reader.points(row.run)] for row in rows]
    twice = sum(len(each) - len(set(each)) for each in steps)
    tally.count(6, "suspensions after which a run was given up or tried again", failed, of=met + 1, promised="0/20")
    tally.value(6, "points counted twice", str(twice), promised="0")
    assert failed == 0 and twice == 0 and met == n, "it must not have ended before"


def _pace(paths: LabPaths, look: Callable[[float], None], seconds: float) -> float:
    """Steps a second that reach the store while the terminal is looked at in this way."""

    def steps() -> int:
        with Reader(paths.store, busy_seconds=5.0) as reader:
            first = {row.run: row.spec.first_step for row in reader.runs()}
            return sum(point.step - first[run] for run, point in reader.latest_points().items())

    before, began = steps(), time.monotonic()
    look(seconds)
    return (steps() - before) / (time.monotonic() - began)


def test_row_20_a_terminal_that_nobody_reads_does_not_slow_training(text: Path, tmp_path: Path, tally: Tally) -> None:
    """In turn the terminal is read, is not, is not, is read: other load and its drift fall on both alike."""
    span, turns = float(tally.repeats(2, 60)), tally.repeats(2, 4)
    budgets = [12_000_000, 24_000_000] if tally.soak else [640_000, 1_280_000]
    shapes = ["48x3", "64x3"]  # steps that take a while, so that there is something to slow down
    paths = mini.make(tmp_path / "lab", text, budgets={"tokens": budgets}, ladder={"shapes": shapes})
    paces = {True: 0.0, False: 0.0}
    with Terminal(tmp_path, *scalelab("run", "--lab", paths.root), size=(200, 60)) as seen:
        _trains(seen, paths, more=2)
        for turn in range(turns):
            for read in (turn % 2 == 0, turn % 2 == 1):
                paces[read] += _pace(paths, seen.look if read else time.sleep, span)
        seen.look(0.5)
        seen.type("\x03")
        seen.ends()
    ratio = paces[False] / paces[True]
    tally.value(20, f"steps/s with a terminal not read for {span:g} s against one that is", f"{ratio:.3f}",
                promised="≥ .98")  # fmt: skip
    assert ratio > 0.5, "training stands still with its terminal"


def test_row_20_a_terminal_stopped_by_ctrl_s_holds_nobody_up(lab: LabPaths, tmp_path: Path) -> None:
    with Terminal(tmp_path, *scalelab("run", "--lab", lab.root)) as seen:
        _trains(seen, lab)
        seen.type("\x13")
        time.sleep(1.0)
        at = mini.steps(lab)
        time.sleep(1.0)
        assert mini.steps(lab) > at
        seen.type("\x11")
        seen.type("\x03")
        seen.ends()
        assert seen.process.returncode == 130 and _restored(seen)


_ODD = {
    "a tiny terminal": ({}, (4, 2)),
    "TERM=dumb": ({"TERM": "dumb"}, (80, 24)),
    "no UTF-8": ({"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, (80, 24)),
    "NO_COLOR": ({"NO_COLOR": "1"}, (80, 24)),
}


@pytest.mark.parametrize("odd", _ODD)
@pytest.mark.parametrize("verb", ["run", "attach"])
def test_row_20_odd_terminals_end_nobody(lab: LabPaths, tmp_path: Path, odd: str, verb: str) -> None:
    more, size = _ODD[odd]
    if verb == "attach" and odd == "TERM=dumb":
        pytest.skip("there the app names the command that serves, which another test sees")
    command = scalelab("run", "--lab", lab.root) if verb == "run" else scalelab("attach", lab.root)
    with Terminal(tmp_path, *command, size=size, **more) as seen:
        if verb == "run":
            _trains(seen, lab)
            seen.type("\x03")
        else:
            seen.until(lambda: "\x1b[?1049h" in seen.seen, "app")
            seen.look(1.0)
            seen.type("q")
        seen.ends()
        assert seen.process.returncode == (130 if verb == "run" else 0), seen.seen[-1500:]
        assert "Traceback" not in seen.seen and _restored(seen)
        assert odd != "NO_COLOR" or not any(f"\x1b[{colour}m" in seen.seen for colour in range(30, 38))


@pytest.mark.parametrize("verb", ["run", "attach"])
def test_row_20_a_storm_of_resizes_ends_nobody(lab: LabPaths, tmp_path: Path, tally: Tally, verb: str) -> None:
    n, draw = tally.repeats(40, 1000), random.Random(20)
    command = scalelab("run", "--lab", lab.root) if verb == "run" else scalelab("attach", lab.root)
    with Terminal(tmp_path, *command) as seen:
        if verb == "run":
            _trains(seen, lab)
        else:
            seen.until(lambda: "16x1-trunk" in seen.seen, "app")
        for _ in range(n):
            seen.resize(draw.choice((1, 2, 5, 20, 80, 300)), draw.choice((1, 2, 5, 24, 100)))
            seen.look(draw.choice((0.0, 0.01, 0.05)))
        assert seen.process.poll() is None, seen.seen[-2000:]
        seen.resize(100, 30)
        seen.look(0.5)
        seen.type("\x03" if verb == "run" else "q")
        seen.ends()
        assert seen.process.returncode == (130 if verb == "run" else 0) and "Traceback" not in seen.seen
        assert _restored(seen)
    tally.count(20, f"`{verb}` ended by a storm of resizes", 0, of=n, promised="0")


def test_row_20_a_reader_of_the_output_that_goes_away_stops_no_training(text: Path, tmp_path: Path) -> None:
    """`scalelab run 2>&1 | head -1`: what is said then goes nowhere; training ends as planned."""
    paths = mini.make(tmp_path / "lab", text)
    child = subprocess.Popen(
        scalelab("run", "--lab", paths.root), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=environment(tmp_path), cwd=tmp_path, start_new_session=True,
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(120) == 0
    assert control.status(paths.root).states == {"done": 6}
