"""Seconds of CPU and memory that a table of a million runs takes to read, beside pandas reading the same file.

pandas only reads: it checks no unit, names no line, drops no repeats. Each reader runs in a process of its own, so that
the peak is its own; the best of three.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROWS = 1_000_000
READERS = {
    "read_runs, CSV": "from scalelab import laws; runs = laws.read_runs('runs.csv')",
    "  one bad row in ten": "from scalelab import laws; runs = laws.read_runs('bad.csv')",
    "  --where, two conditions": "from scalelab import laws; runs = laws.read_runs('runs.csv', "
    "where=\"tokens/n_params between 1 and 250 and series = 'a'\")",
    "read_runs, JSON lines": "from scalelab import laws; runs = laws.read_runs('runs.jsonl')",
    "read_runs, Parquet": "from scalelab import laws; runs = laws.read_runs('runs.parquet')",
    "pandas.read_csv": "import pandas; runs = pandas.read_csv('runs.csv')",
    "pandas.read_json": "import pandas; runs = pandas.read_json('runs.jsonl', lines=True)",
}
MEASURE = (
    "import json, resource; {code}; used = resource.getrusage(resource.RUSAGE_SELF); "
    "print(json.dumps([len(runs), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))"
)


def write(folder: Path, rows: int) -> None:
    """The same table three times, and once with every tenth loss missing."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    generator = np.random.default_rng(1)
    n = np.round(10 ** generator.uniform(6, 9, rows))
    d = np.round(n * generator.uniform(1, 500, rows))
    loss = np.round(1.7 + 400 / n**0.34 + 400 / d**0.28, 5)
    columns = {
        "run_id": [f"run-{i}" for i in range(rows)], "n_params": n, "tokens": d, "loss": loss, "flops": 6 * n * d,
        "series": ["ab"[i % 2] for i in range(rows)],
    }  # fmt: skip
    table = pa.table(columns)
    csv.write_csv(table, folder / "runs.csv", csv.WriteOptions(quoting_style="none"))
    parquet.write_table(table, folder / "runs.parquet")
    lines = (folder / "runs.csv").read_text().splitlines()
    broken = [line if i % 10 else line.replace(",", ",n/a,", 1) for i, line in enumerate(lines, 1)]
    (folder / "bad.csv").write_text("\n".join(broken) + "\n")
    with (folder / "runs.jsonl").open("w") as file:
        for row in table.to_pylist():
            file.write(json.dumps(row) + "\n")


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks reading", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeats", type=int, default=3)
    rows, repeats = parser.parse_args(arguments).rows, parser.parse_args(arguments).repeats
    with tempfile.TemporaryDirectory() as folder:
        # A child begins with its parent's peak: who measures memory must not have written a million rows itself.
        code = f"from pathlib import Path; from tests.benchmarks.reading import write; write(Path({folder!r}), {rows})"
        _python(code, folder)
        print(f"{rows:,} rows".ljust(28), "runs".rjust(10), "CPU s".rjust(8), "peak MB".rjust(9))
        for name, code in READERS.items():
            found, seconds, peak = min((_measured(code, folder) for _ in range(repeats)), key=lambda each: each[1])
            print(name.ljust(28), f"{found:10,.0f} {seconds:8.2f} {peak:9.0f}")


def _measured(code: str, folder: str) -> list[float]:
    measured: list[float] = json.loads(_python(MEASURE.format(code=code), folder))
    return measured


def _python(code: str, folder: str) -> str:
    script = f"import sys; sys.path[:0] = [{str(Path(__file__).parents[2])!r}]; {code}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, check=True).stdout
