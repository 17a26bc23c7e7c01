"""What `status --watch` shows of a lab that changes: only what is new, on a terminal, down a pipe and as documents."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scalelab.cli import watching
from scalelab.lab import lock
from scalelab.lab.paths import LabPaths
from tests.cli.conftest import Ran
from tests.cli.screen import Screen
from tests.simulated import SimulatedLab

Run = Callable[..., Ran]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[SimulatedLab]:
    """Owned by this process, which stands for its supervisor."""
    lab = SimulatedLab(tmp_path / "smoke")
    with lock.acquire(LabPaths(lab.folder).lock):
        yield lab
        lab.close()


def _watch(lab: SimulatedLab, *options: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "scalelab", "status", str(lab.folder), "--watch", "--interval", "0.1", *options]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "", "LINES": ""}
    env = {key: value for key, value in env.items() if value}
    return subprocess.Popen(line, stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=env)


def _line(child: subprocess.Popen[str], seconds: float = 30.0) -> str:
    """The next line, from the pipe itself: what a stream has read ahead, select does not see."""
    assert child.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        assert select.select([child.stdout], [], [], seconds)[0], f"nothing came after {line!r}"
        line += os.read(child.stdout.fileno(), 1)
        assert line, "it has ended"
    return line.decode()


def _until(child: subprocess.Popen[str], word: str) -> list[str]:
    lines = [_line(child)]
    while word not in lines[-1]:
        lines.append(_line(child))
    return lines


def test_down_a_pipe_only_changed_lines_come_and_it_ends_with_the_session(lab: SimulatedLab) -> None:
    with _watch(lab) as child:
        first = _until(child, "trained by process")
        assert sum("12x1-D40k-s0" in line for line in first) == 1
        lab.train("12x1-D40k-s0", 0.5)
        (news,) = [line for line in _until(child, "12x1-D40k-s0") if "12x1" in line]
        assert "running" in news and news[2] == news[5] == ":"
        lab.finish("12x1-D40k-s0")
        later = _until(child, "done")
        assert not any("24x1" in line for line in later), "what has not changed is not told again"
        os.truncate(LabPaths(lab.folder).lock, 0)  # the supervisor has let go
        rest, errors = child.communicate(timeout=30)
        assert "nobody trains it now" in rest
        assert (child.returncode, errors) == (0, "")


def test_every_change_is_one_document_and_none_is_told_twice(lab: SimulatedLab) -> None:
    with _watch(lab, "--json") as child:
        first = json.loads(_line(child))
        assert first["schema"] == "scalelab.status/1" and first["states"] == {"planned": 12}
        lab.writer.set_meta("nothing", "of interest")
        lab.finish("12x1-trunk-s0")
        told = json.loads(_line(child))
        while told["states"].get("done") != 1:
            told = json.loads(_line(child))
        lab.writer.set_meta("stopping", "after the current runs")
        lab.train("12x1-D40k-s0", 0.1)
        while not told["stopping"]:
            told = json.loads(_line(child))
        assert told["stopping"] == "after the current runs"
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=30)
        assert child.returncode == 130 and "training is another process" in errors
        documents = [told, *map(json.loads, rest.splitlines())]
        assert documents[-1]["error"]["exit_code"] == 130, "with --json an end is a document too"


def test_a_reader_that_goes_away_ends_it_while_nothing_happens(lab: SimulatedLab) -> None:
    with _watch(lab) as child:
        _until(child, "trained by process")
        assert child.stdout is not None
        child.stdout.close()
        assert child.wait(timeout=10) == 0
        assert child.stderr is not None and child.stderr.read() == ""


def test_a_lab_that_nobody_trains_is_shown_once(scalelab: Run, finished: Path) -> None:
    ran = scalelab("status", str(finished), "--watch")
    assert ran.code == 0 and ran.out.count("nobody trains it now") == 1
    told = scalelab("status", str(finished), "--watch", "--json")
    assert json.loads(told.out)["states"] == {"done": 11, "diverged": 1}


def test_forever_waits_for_the_next_session(lab: SimulatedLab) -> None:
    paths = LabPaths(lab.folder)
    owner = paths.lock.read_bytes()
    os.truncate(paths.lock, 0)
    with _watch(lab, "--forever") as child:
        _until(child, "nobody trains it now")
        paths.lock.write_bytes(owner)
        lab.writer.set_meta("x", "y")
        _until(child, "trained by process")
        child.terminate()
        child.communicate(timeout=30)


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--forever"], "--forever without --watch"), (["--interval", "1"], "--interval without --watch"),
     (["--watch", "--interval", "0"], "0.1 to 86400"), (["--watch", "--interval", "nan"], "0.1 to 86400")],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(scalelab: Run, finished: Path, options: list[str], words: str) -> None:
    ran = scalelab("status", str(finished), *options)
    assert (ran.code, ran.out) == (2, "") and words in ran.err and ran.err.count("\n") == 1


@pytest.mark.parametrize("size", [(80, 24), (20, 4), (1, 2)])
def test_on_a_terminal_the_frame_stays_in_place(lab: SimulatedLab, size: tuple[int, int]) -> None:
    import fcntl
    import struct
    import termios

    columns, rows = size
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    screen = Screen(columns, rows)
    child = _watch(lab, stdout=theirs)
    os.close(theirs)

    def read(until: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not until():
            assert time.monotonic() < end and child.poll() is None, screen.lines
            if select.select([ours], [], [], 0.05)[0]:
                # A sign or a sequence may be cut in two; a whole frame follows at once.
                screen.feed(_whole(ours))

    read(lambda: any(line.strip() for line in screen.lines))
    lab.train("12x1-D40k-s0", 0.5)
    if size == (80, 24):
        read(lambda: any("running" in line and "12x1-D40k-s0" in line for line in screen.lines))
        lab.finish("12x1-D40k-s0")
        read(lambda: any("done" in line and "12x1-D40k-s0" in line for line in screen.lines))
        assert sum("12x1-D40k-s0" in line for line in screen.lines) == 1
    child.send_signal(signal.SIGINT)
    child.wait(30)
    child.communicate()
    os.close(ours)
    assert child.returncode == 130


def test_of_a_frame_only_other_lines_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "10")
    screen, seen = Screen(20, 10), io.StringIO()
    painter = watching.Painter(seen)

    def paint(*lines: str) -> str:
        seen.seek(0)
        seen.truncate()
        painter.paint(lines)
        screen.feed(seen.getvalue())
        return seen.getvalue()

    paint("one", "two", "three")
    assert "one" not in paint("one", "2", "three", "four")
    assert [line.rstrip() for line in screen.lines[:5]] == ["one", "2", "three", "four", ""]
    paint("one")
    assert [line.rstrip() for line in screen.lines[:3]] == ["one", "", ""]
    monkeypatch.setenv("COLUMNS", "10")
    screen = Screen(10, 10)
    assert "one" in paint("one", "a line that is too long"), "after a resize everything is drawn again"
    assert screen.lines[1] == "a line th…"
    paint("一二三四五六七八")
    assert screen.lines[0].rstrip().endswith("…") and screen.lines[1].strip() == ""


def _whole(terminal: int) -> str:
    """What is there to read, to the end of a line."""
    read = b""
    while not read.endswith(b"\n") and not read.endswith(b"J"):
        read += os.read(terminal, 65536)
    return read.decode()
