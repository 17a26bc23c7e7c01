"""What a command loads, seen in a process of its own: the heavy libraries only where they are needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numpy", "pydantic", "textual", "torch", "scipy", "rich", "plotext", "transformers", "datasets", "matplotlib")


def loaded(code: str) -> set[str]:
    """Which of the heavy libraries are loaded after this code."""
    seen = f"','.join(name for name in {HEAVY!r} if name in sys.modules)"
    script = f"import sys\n{code}\nprint('loaded:' + {seen}, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(filter(None, ran.stderr.strip().splitlines()[-1].removeprefix("loaded:").split(",")))


def verb(*arguments: str) -> str:
    """Code that runs a command line."""
    return f"from scalelab.cli.main import main\nmain({list(arguments)!r})"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], [], ["run", "--help"], ["fit", "--help"], ["report", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(verb(*arguments)) == set()


def test_only_a_report_loads_matplotlib(tmp_path: Path) -> None:
    table, page = tmp_path / "runs.csv", tmp_path / "report.html"
    rows = [f"{n},{d},{1.5 + 300 / n**0.4 + 900 / d**0.4}" for n in (1e5, 1e6, 1e7) for d in (1e6, 1e7, 1e8)]
    table.write_text("n_params,tokens,loss\n" + "\n".join(rows) + "\n")
    fitted = loaded(verb("fit", str(table), "--json"))
    assert "scipy" in fitted
    assert not fitted & {"matplotlib", "torch", "plotext", "textual"}
    assert "matplotlib" in loaded(verb("report", str(table), "-o", str(page)))


def test_plan_loads_neither_torch_nor_scipy_nor_datasets() -> None:
    assert loaded(verb("plan", "--preset", "smoke")) <= {"numpy", "pydantic"}


def test_presets_load_pydantic_alone() -> None:
    assert loaded(verb("presets")) == {"pydantic"}


def test_what_draws_never_imports_what_trains() -> None:
    code = "\n".join(
        f"import {name}"
        for name in ("scalelab.figures", "scalelab.report.terminal", "scalelab.report.progress",
                     "scalelab.report.export", "scalelab.report.document", "scalelab.report.prediction",
                     "scalelab.cli.run", "scalelab.cli.live", "scalelab.cli.status", "scalelab.cli.sample",
                     "scalelab.lab.control", "scalelab.tui")
    )  # fmt: skip
    assert not loaded(code) & {"torch", "transformers", "datasets", "textual"}


def test_figures_draw_a_stored_law_without_scipy() -> None:
    assert not loaded("import scalelab.figures, scalelab.report.plot") & {"scipy", "plotext", "rich", "pydantic"}
