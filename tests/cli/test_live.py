"""The view of `run`: lines where there is no terminal, a table where there is one, silence when nobody reads."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import time
from pathlib import Path

import pytest

from scalelab.cli import live
from scalelab.cli.live import Lines, Screen, view
from scalelab.store.reader import Reader
from tests.simulated import LARGER, SimulatedLab


def drive(lab: SimulatedLab, seen: Lines | Screen) -> None:
    """Finish the whole plan under the eyes of a view."""
    with Reader(lab.folder / "lab.db") as reader:
        seen.on_event("tokens", "5 tokens of \x1b[2J")
        for name in lab.specs:
            lab.train(name, 0.5)
            seen.on_tick(reader)
            lab.finish(name)
            seen.on_tick(reader)
        lab.refit(name)
        seen.on_tick(reader)
        seen.close(reader)


def test_one_line_a_finished_point_and_one_a_refit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = SimulatedLab(tmp_path / "smoke")
    drive(lab, Lines("smoke"))
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert [line.split()[0] for line in lines if "  loss " in line] == [str(n) for n in range(1, 10)]
    assert sum(line.startswith("law of 9 points") for line in lines) == 1
    assert "\x1b" not in err


def test_shares_of_something_under_way_are_not_a_flood(capsys: pytest.CaptureFixture[str]) -> None:
    seen = Lines("smoke")
    for share in range(100):
        seen.on_event("tokens", f"reading {share}%")
    assert len(capsys.readouterr().err.splitlines()) <= 1


def test_what_an_earlier_session_finished_is_no_news(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = SimulatedLab(tmp_path / "smoke")
    for spec in lab.points[:4]:
        lab.finish(spec.run)
    seen = Lines("smoke")
    with Reader(lab.folder / "lab.db") as reader:
        seen.on_tick(reader)
        assert capsys.readouterr().err == ""
        lab.finish(lab.points[5].run)
        seen.on_tick(reader)
    assert capsys.readouterr().err.startswith("  5 of 9  ")


def test_lines_where_stderr_is_no_terminal_or_a_dumb_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(view("x"), Lines)
    main, other = pty.openpty()
    with open(other, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm-256color")
        assert isinstance(view("x"), Screen)
        monkeypatch.setenv("TERM", "dumb")
        assert isinstance(view("x"), Lines)
    os.close(main)


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_table_is_redrawn_and_the_cursor_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr(live, "FRAME_SECONDS", 0.0)
    drive(SimulatedLab(tmp_path / "smoke"), Screen("smoke"))
    text = terminal.getvalue()
    assert text.count("9 of 9 points") >= 1
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "\x1b[2J" not in text


def test_long_news_is_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    words = "16x1 140,153 tokens/s, 24x1 121,401 tokens/s, 40x1 93,378 tokens/s"
    Screen("x").on_event("probe", words)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert max(map(len, shown.splitlines())) <= 40
    assert " ".join(shown.split()) == f"probe: {words}"


def test_the_pace_is_that_of_training_not_of_what_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(live.time, "monotonic", lambda: now)
    seen, lab = live.Follower("smoke"), SimulatedLab(tmp_path / "smoke")
    now += 1000.0  # imports and a corpus to prepare
    with Reader(lab.folder / "lab.db") as reader:
        seen.snapshot(reader)
        lab.finish_all(but=tuple(point.run for point in lab.points[4:]))
        now += 10.0
        left = seen.snapshot(reader).left
    assert left is not None and 0 < left < 100


class Gone(Terminal):
    """A stderr whose reader has gone."""

    def write(self, _: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


@pytest.mark.parametrize("kind", [Lines, Screen])
def test_nobody_reads_and_nothing_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Lines] | type[Screen]
) -> None:
    monkeypatch.setattr(sys, "stderr", Gone())
    monkeypatch.setattr(live, "FRAME_SECONDS", 0.0)
    drive(SimulatedLab(tmp_path / "smoke"), kind("smoke"))


def test_watching_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of the tiny plan against two frames a second: printed, and far below what would be noticed."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    lab = SimulatedLab(tmp_path / "tiny", LARGER).finish_all()
    seen = Screen("tiny")
    with Reader(lab.folder / "lab.db") as reader:
        seen._draw(reader)
        start = time.process_time()
        for _ in range(20):
            seen._draw(reader)
        cost = (time.process_time() - start) / 20
        seen.close()
    print(f"a frame takes {1000 * cost:.1f} ms: {100 * cost / live.FRAME_SECONDS:.1f} % of a core")
    assert cost / live.FRAME_SECONDS < 0.1
