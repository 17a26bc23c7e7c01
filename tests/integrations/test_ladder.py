"""The script of the documentation, shortened: what a user copies trains, records and fits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scalelab.lab.table import run_table
from scalelab.store.reader import Reader

SCRIPT = Path(__file__).parents[2] / "docs" / "uses" / "trainer_ladder.py"


def test_the_ladder_of_the_documentation_is_a_lab_with_a_law(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("the quick brown fox jumps over the lazy dog. " * 3000)
    asked = ["labs/short", "--text", "texts", "--widths", "8,16", "--steps", "10,20,40"]
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), *asked], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == 6 and lines[-1].startswith("width  16     20,480 bytes  held-out loss ")
    with Reader(tmp_path / "labs" / "short" / "lab.db") as reader:
        table = run_table(reader)
        fit = reader.latest_fit()
    assert len(table) == 6 and not table.excluded and fit is not None
    assert {f"{loss:.4f}" for loss in table.loss} == {line.split()[6] for line in lines}
