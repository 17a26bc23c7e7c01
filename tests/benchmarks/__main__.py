"""python -m tests.benchmarks NAME: runs one benchmark and prints its table."""

from __future__ import annotations

import argparse
import importlib

BENCHMARKS = {
    "training": "tokens per second of the whole box against Trainer and a nanoGPT-style loop",
    "sweep": "the whole tiny sweep against the guide's Trainer, one run after another",
    "tokenising": "megabytes a second of text to tokens, its memory, and seconds to the first step on a warm cache",
    "lab": "rows a second of the store, refits, a worker's first step, the supervisor's own time",
    "startup": "seconds to the answer of --help and plan",
    "splits": "what the automatic choice misses on public tables, against single laws",
    "robustness": "how far one wrong run moves a tenfold prediction",
    "coverage": "how often 95 % intervals hold the truth on simulated labs",
    "optima": "how often a fit ends above the best minimum known, by law",
    "fits": "milliseconds of the fits, against a general optimiser",
    "reading": "seconds and memory of a table of a million runs, beside pandas",
    "charts": "milliseconds and bytes of the app's charts over a pty, beside plotext",
    "app": "the app over a pty: first paint, traffic, key to screen beside training, a million points",
    "curves": "forecasts of final losses beside what came: simulated curves, and labs given as arguments",
}


def main() -> None:
    listed = "\n".join(f"  {name:12} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=f"{__doc__}\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=list(BENCHMARKS))
    name, rest = parser.parse_known_args()
    importlib.import_module(f"tests.benchmarks.{name.name}").main(rest)


if __name__ == "__main__":
    main()
