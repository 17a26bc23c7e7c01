"""The app as a process: what it never imports, how it leaves a terminal, and training that outlives it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scalelab.lab import lock
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.tui.settings import THEMES
from tests.lab.mini import write_text

ROOT = Path(__file__).parents[2]
NEVER = ("torch", "transformers", "datasets", "scipy", "plotext", "matplotlib")
PATIENCE = 60.0
_EVERY_VIEW = """
import asyncio, sys
from pathlib import Path
from scalelab.tui.app import LabApp, Opening
async def see():
    app = LabApp(Opening(lab=Path(sys.argv[1])))
    async with app.run_test(size=(120, 40)) as pilot:
        while getattr(app.screen, "snapshot", None) is None:
            await pilot.pause(0.01)
        for key in ("1", "2", "3", "4", "5", "2", "v", "m", "question_mark", "escape", "y", "b"):
            await pilot.press(key)
            await pilot.pause()
asyncio.run(see())
print(",".join(name for name in sys.argv[2].split(",") if name in sys.modules))
"""


def test_no_view_imports_what_trains_or_fits(recorded: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _EVERY_VIEW, str(recorded), ",".join(NEVER)],
        capture_output=True, text=True, timeout=PATIENCE, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.strip() == ""


class Terminal:
    """A pty with a program in it."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process, self._descriptor, self.seen = process, descriptor, ""

    def read(self, seconds: float) -> int:
        """Read what comes until nothing has come for so long; how many bytes."""
        count = 0
        while select.select([self._descriptor], [], [], seconds)[0]:
            try:
                found = os.read(self._descriptor, 65_536)
            except OSError:  # the last process has closed the terminal
                break
            if not found:
                break
            count += len(found)
            self.seen += found.decode("utf-8", "replace")
        return count

    def until(self, there: Callable[[], bool]) -> None:
        """Read until something is there."""
        end = time.monotonic() + PATIENCE
        while not there():
            assert time.monotonic() < end, self.seen[-3000:]
            if select.select([self._descriptor], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self._descriptor, 65_536).decode("utf-8", "replace")
                except OSError:  # the last process has closed the terminal
                    self.process.wait(PATIENCE)
                    return

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())


@contextmanager
def terminal(folder: Path, *arguments: str, size: tuple[int, int] = (100, 30)) -> Iterator[Terminal]:
    """scalelab in a terminal of its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "scalelab", *arguments], cwd=folder, env=environment(folder),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def environment(folder: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SCALELAB", "TEXTUAL", "COLUMNS"))
    }
    return kept | {
        "PYTHONPATH": str(ROOT), "SCALELAB_CACHE": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"), "TERM": "xterm-256color",
    }  # fmt: skip


def test_an_idle_app_writes_nothing_and_leaves_the_terminal_as_it_was(recorded: Path) -> None:
    with terminal(recorded.parents[1], "labs/tiny") as seen:
        seen.until(lambda: "80x1-D150k-s0" in seen.seen)
        seen.read(1.0)
        before = seen.seen
        assert seen.read(2.5) == 0, seen.seen[len(before) :]
        seen.type("q")
        seen.until(lambda: seen.process.poll() is not None)
        seen.read(0.1)
        assert seen.process.returncode == 0
        assert "\x1b[?1049l" in seen.seen  # the other screen is closed
        assert seen.seen.rindex("\x1b[?25h") > seen.seen.rindex("\x1b[?25l")  # the cursor is shown


def test_training_outlives_the_app(tmp_path: Path) -> None:
    """Started without a terminal, looked at, the app killed; the lab ends, and another look shows its law."""
    write_text(tmp_path / "text.txt")
    corpus = ["--set", "corpus.source=text.txt", "--set", "corpus.tokenizer=bytes", "--set", "evaluation.tokens=1024"]
    made = subprocess.run(
        [sys.executable, "-m", "scalelab", "run", "--preset", "smoke", "--lab", "labs/smoke", "--detach", *corpus],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    lab = tmp_path / "labs" / "smoke"
    try:
        with terminal(tmp_path, "labs/smoke") as seen:
            seen.until(lambda: "training" in seen.seen)
            owner = lock.holder(lab / "lock")
            assert owner is not None
            os.kill(seen.process.pid, signal.SIGKILL)
            seen.process.wait()
            assert lock.holder(lab / "lock") == owner
        end = time.monotonic() + PATIENCE
        while lock.holder(lab / "lock") is not None:
            assert time.monotonic() < end
            time.sleep(0.05)
        with Reader(lab / "lab.db") as reader:
            assert {row.state for row in reader.runs()} == {RunState.DONE}
        with terminal(tmp_path, "attach", "labs/smoke") as seen:
            seen.until(lambda: "finished 9 of 9" in seen.seen and "L = " in seen.seen)
            seen.type("q")
            seen.until(lambda: seen.process.poll() is not None)
            assert "keep training" not in seen.seen
    finally:
        if (owner := lock.holder(lab / "lock")) is not None:
            os.kill(owner.pid, signal.SIGTERM)


def test_leaving_says_what_keeps_training(training: Path) -> None:
    with terminal(training.parents[1], "attach", "labs/tiny") as seen:
        seen.until(lambda: "80x1-D150k-s0" in seen.seen)
        seen.type("q")
        seen.until(lambda: seen.process.poll() is not None)
        seen.read(0.1)
        assert "2 runs keep training: `scalelab attach labs/tiny` returns here" in seen.seen.splitlines()[-1]


def test_a_dumb_terminal_is_none(recorded: Path) -> None:
    ours, theirs = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-m", "scalelab", str(recorded)], stdin=theirs, stdout=theirs, stderr=theirs, timeout=PATIENCE,
        env={**environment(recorded.parents[1]), "TERM": "dumb"}, check=False,
    )  # fmt: skip
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)
    assert ran.returncode == 2
    assert "serves without one" in said


def test_the_mouse_is_left_to_the_terminal_where_the_settings_say_so(recorded: Path) -> None:
    home = recorded.parents[1]
    (home / "config" / "scalelab").mkdir(parents=True)
    for written, taken in (("", True), ("mouse = false\n", False)):
        (home / "config" / "scalelab" / "settings.toml").write_text(written)
        with terminal(home, "labs/tiny") as seen:
            seen.until(lambda: "80x1-D150k-s0" in seen.seen)
            assert ("\x1b[?1000h" in seen.seen) == taken
            seen.type("q")
            seen.until(lambda: seen.process.poll() is not None)


@pytest.mark.parametrize("theme", THEMES)
def test_with_no_color_no_colour_reaches_the_terminal(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    home = recorded.parents[1]
    (home / "config" / "scalelab").mkdir(parents=True)
    (home / "config" / "scalelab" / "settings.toml").write_text(f'theme = "{theme}"\n')
    with terminal(home, "labs/tiny") as seen:
        seen.until(lambda: "80x1-D150k-s0" in seen.seen)
        for keys in ("1", "3", "4", "5", "2", "c", "/", "\x1b", "?", "q", ":", "\x1b"):
            seen.type(keys)
            seen.read(0.3)
        seen.type("q")
        seen.until(lambda: seen.process.poll() is not None)
    codes = {code for look in re.findall("\x1b\\[([\\d;]*)m", seen.seen) for code in look.split(";")}
    assert {"1", "2"} <= codes <= {"", "0", "1", "2", "4", "7"}
