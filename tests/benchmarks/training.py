"""Tokens per second of the whole box: ours and a nanoGPT-style loop in one process a core, Trainer with all threads.

Interleaved, medians of the repeats; ratios travel between machines, the absolute numbers do not. Needs the extra
`benchmark` (accelerate, which Trainer wants).
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import statistics
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from scalelab.records import ModelShape, TokenSet

SHAPES = {
    "16x1": (16, 1, 1, 64, 512),
    "32x1": (32, 1, 1, 64, 512),
    "64x2": (64, 2, 2, 64, 512),
    "128x4": (128, 4, 2, 128, 2_048),
    "256x6": (256, 6, 4, 128, 2_048),
    "12x1": (12, 1, 1, 64, 512),
    "20x1": (20, 1, 1, 64, 512),
    "48x1": (48, 1, 1, 64, 512),
    "80x1": (80, 1, 2, 64, 512),
}
"""Name → d_model, layers, heads, context, vocabulary: the table of shapes, then the rest of the tiny preset."""

TABLE = ("16x1", "32x1", "64x2", "128x4", "256x6")
ROWS = {"ours": (0, 1), "nanogpt": (0, 1), "guide": (1, 0), "trainer": (1, 0)}
"""Peer → (runs in one process with all threads, runs in one process a core)."""


def shape_of(name: str) -> ModelShape:
    """The GPT-2 of that name."""
    width, layers, heads, context, vocab_size = SHAPES[name]
    return ModelShape(
        architecture="gpt2", n_layer=layers, d_model=width, n_head=heads, d_ff=4 * width, context=context,
        vocab_size=vocab_size,
    )  # fmt: skip


def make_tokens(folder: Path, vocab_size: int = 512, n: int = 400_000) -> TokenSet:
    """Tokens with the frequencies of text: what they say does not matter for speed."""
    for part, length in (("train", n), ("held_out", 10_000)):
        drawn = np.random.default_rng(0).zipf(1.3, length) % vocab_size
        drawn.astype("<u2").tofile(folder / f"{part}.bin")
    return TokenSet(
        key="b", directory=str(folder), corpus="b", tokenizer="b", dtype="uint16", vocab_size=vocab_size,
        train_tokens=n, train_bytes=n, held_out_tokens=10_000, held_out_bytes=10_000,
    )  # fmt: skip


def _serve(pipe: Connection, threads: int) -> None:
    """A worker: measures what it is told to, until it is told nothing."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    from scalelab.training.device import open_device
    from tests.benchmarks.peers import PEERS

    device = open_device("cpu", threads=threads)
    pipe.send("ready")
    while (task := pipe.recv()) is not None:
        peer, name, batch, tokens, seconds = task
        torch.set_num_threads(threads)
        try:
            if peer == "gemm":
                pipe.send(device.measure_peak(seconds=seconds).peak_flops)
            else:
                pipe.send(PEERS[peer](shape_of(name), batch, tokens, seconds))
        except ImportError as error:
            pipe.send(error)


class Box:
    """One worker a core with one thread each, and one worker with all threads; only one kind works at a time."""

    def __init__(self, cores: int) -> None:
        context = mp.get_context("spawn")
        self._workers: list[tuple[Any, Connection]] = []
        for threads in [1] * cores + [cores]:
            here, there = context.Pipe()
            worker = context.Process(target=_serve, args=(there, threads), daemon=True)
            worker.start()
            self._workers.append((worker, here))
        for _, pipe in self._workers:
            pipe.recv()

    def measure(self, peer: str, name: str, batch: int, tokens: TokenSet | None, seconds: float) -> float:
        """Tokens (or, for "gemm", FLOPs) per second of the whole box."""
        whole = peer in ROWS and ROWS[peer][0]
        chosen = self._workers[-1:] if whole else self._workers[:-1]
        for _, pipe in chosen:
            pipe.send((peer, name, batch, tokens, seconds))
        answers = [pipe.recv() for _, pipe in chosen]
        for answer in answers:
            if isinstance(answer, Exception):
                raise SystemExit(f"{peer}: {answer}; install the extra: pip install 'scalelab[benchmark]'")
        return float(sum(answers))

    def close(self) -> None:
        """Lets the workers go."""
        for worker, pipe in self._workers:
            pipe.send(None)
            worker.join()


def main(arguments: list[str]) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks training", description=__doc__)
    parser.add_argument("--shapes", nargs="+", default=list(TABLE), choices=list(SHAPES), metavar="WIDTHxLAYERS")
    parser.add_argument("--peers", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--batch", type=int, default=16, help="sequences a step; the guide's Trainer keeps its 4")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args(arguments)
    found: dict[tuple[str, str], list[float]] = {}
    peaks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        tokens = make_tokens(Path(folder))
        box = Box(asked.cores)
        for repeat in range(asked.repeats):
            peaks.append(box.measure("gemm", "", 0, None, 0.5))
            for name in asked.shapes:
                for peer in asked.peers:
                    rate = box.measure(peer, name, asked.batch, tokens, asked.seconds)
                    found.setdefault((name, peer), []).append(rate)
                print(f"repeat {repeat + 1}: {name}", file=sys.stderr, flush=True)
        box.close()
    _print(asked, {key: statistics.median(rates) for key, rates in found.items()}, statistics.median(peaks))


def _print(asked: argparse.Namespace, rates: dict[tuple[str, str], float], peak: float) -> None:
    from scalelab.training.model import count

    print(f"{asked.cores} cores, batch {asked.batch}, medians of {asked.repeats}; GEMM peak {peak / 1e9:.0f} GFLOP/s")
    header = ["tokens/s", *asked.shapes]
    table = [[peer, *(f"{rates[name, peer]:,.0f}" for name in asked.shapes)] for peer in asked.peers]
    if "ours" in asked.peers:
        for peer in asked.peers[1:]:
            ratios = (rates[name, "ours"] / rates[name, peer] for name in asked.shapes)
            table.append([f"ours / {peer}", *(f"{ratio:.2f}" for ratio in ratios)])
        table.append(["share of peak"])
        for name in asked.shapes:
            shape = shape_of(name)
            per_token = 6 * count(shape).n_params + 12 * shape.n_layer * shape.d_model * shape.context
            table[-1].append(f"{rates[name, 'ours'] * per_token / peak:.0%}")
    for row in [header, *table]:
        print(f"{row[0]:16}" + "".join(f"{cell:>12}" for cell in row[1:]))
