"""A stored law is used without scipy: in a process of its own, from JSON."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .test_allocate import judged, law

SCRIPT = """
import sys
from scalelab import laws
fit = laws.Fit.from_json(open(sys.argv[1]).read())
seen = laws.Assessment.from_json(open(sys.argv[2]).read())
for each in (fit, seen):
    best = laws.allocate(each, seconds=3600.0, flops_per_second=1e15, max_params=1e9, max_tokens=1e11).best
    laws.off_frontier(each, best.n_params / 3, 1e20)
    laws.compute_for(each, best.loss)
    laws.measures(each.predict(best.n_params, best.n_tokens), 4.2)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("scipy", "torch")))
"""


def test_using_a_stored_law_loads_no_scipy(tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_text(law().to_json())
    (tmp_path / "seen.json").write_text(judged().to_json())
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "fit.json"), str(tmp_path / "seen.json")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stderr, ran.stdout.strip()) == ("", "[]")
