"""Seconds from the shell to the answer: `--help` and `plan`, beside bare Python and an import of numpy."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "scalelab --help": ["-m", "scalelab", "--help"],
    "scalelab plan": ["-m", "scalelab", "plan", "--preset", "tiny"],
}


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks startup", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args(arguments).repeats
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeats + 1):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            found[name].append(time.perf_counter() - began)
    # The first round fills the page cache and does not count.
    bare = statistics.median(found["python -c pass"][1:])
    for name, seconds in found.items():
        middle = statistics.median(seconds[1:])
        print(f"{name:16}  {middle:6.3f} s  {middle / bare:5.1f} × bare Python")
