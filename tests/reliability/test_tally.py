from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import tally as tallies
from tests.reliability.__main__ import chosen, table
from tests.reliability.tally import Tally


def test_quick_counts_are_printed_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tallies, "FIGURES", tmp_path / "figures")
    quick = Tally(soak=False)
    assert (quick.repeats(3, 200), quick.within(2.0)) == (3, 10.0)
    quick.count(2, "unreadable", 0, of=3, promised="0")
    assert capsys.readouterr().out == "row  2: unreadable: 0/3 (promised 0)\n"
    assert list(tmp_path.iterdir()) == []


def test_long_counts_are_kept_and_the_newest_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "FIGURES", tmp_path / "figures")
    long = Tally(soak=True)
    assert (long.repeats(3, 200), long.within(2.0)) == (200, 2.0)
    long.value(13, "rows a second", "9,000", promised="5,000 or more")
    long.count(2, "unreadable", 1, of=200, promised="0")
    long.count(2, "unreadable", 0, of=200, promised="0")
    shown = tallies.read(tmp_path / "figures")
    assert [(one.row, one.found) for one in shown] == [(2, "0/200"), (13, "9,000")]
    assert table(shown)[2].startswith("| 2 | unreadable | 0/200 | 0 |")


def test_a_row_is_all_tests_that_name_it(pytestconfig: pytest.Config) -> None:
    """Also one that is of three rows."""
    several = "tests/lab/test_others.py", "tests/reliability/test_kills.py"
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-k", chosen([16, 3]), *several]
    out = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=True).stdout
    assert "test_row_07_08_16" in out and "test_row_03" in out
    assert "test_row_01" not in out and "test_row_04" not in out
