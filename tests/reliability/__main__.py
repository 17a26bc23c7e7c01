"""`python -m tests.reliability` shows the figures as a table; with `--soak` it first injects every fault many times."""

from __future__ import annotations

import argparse
import subprocess
import sys

from tests.reliability.tally import FIGURES, Figure, read


def main() -> int:
    """Show the table; 1 where a test failed or there is nothing to show."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--soak", action="store_true", help="run the long repeats first (an hour or more)")
    parser.add_argument(
        "--row", type=int, action="append", help="only this row of the table of faults; may be repeated"
    )
    asked = parser.parse_args()
    code = _soak(asked.row or []) if asked.soak else 0
    figures = [figure for figure in read() if not asked.row or figure.row in asked.row]
    if not figures:
        print(f"no figures in {FIGURES}: `python -m tests.reliability --soak` makes them", file=sys.stderr)
        return 1
    print("\n".join(table(figures)))
    return code


def table(figures: list[Figure]) -> list[str]:
    """As Markdown."""
    lines = ["| row | what | found | promised | when | on |", "| --- | --- | --- | --- | --- | --- |"]
    for one in figures:
        cells = (str(one.row), one.what, one.found, one.promised, one.when, one.machine)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def chosen(rows: list[int]) -> str:
    """Pytest's expression for the tests of these rows, of all where there are none: one may be of several rows, as
    `test_row_07_08_16_…` is.
    """
    return "test_row_" + (f" and ({' or '.join(f'_{row:02}_' for row in rows)})" if rows else "")


def _soak(rows: list[int]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--soak", "--timeout", "7200", "-k", chosen(rows)]
    return int(subprocess.run(command, check=False).returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
