"""Datasets as they stand on the hub, in small, and what is read from a token set made of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np

from scalelab.corpora import Need, load_tokenizer, prepare
from scalelab.preset import CorpusSpec
from scalelab.records import TokenSet
from tests.corpora.conftest import prose
from tests.corpora.loopback import Files, Hub, parquet

STORIES = [prose(2500, seed) for seed in range(400)]
"""A megabyte in 400 documents."""
NEED = Need(train=150_000, held_out=2_000)


def two_files(texts: list[str] = STORIES, column: str = "text") -> Files:
    half = len(texts) // 2
    return {
        "README.md": b"# Stories\n",
        "data/train-00000-of-00002.parquet": parquet(texts[:half], column=column, group=20),
        "data/train-00001-of-00002.parquet": parquet(texts[half:], column=column, group=20),
    }


def configs(**folders: dict[str, bytes]) -> Files:
    """A repository with a config a folder."""
    card = "---\nconfigs:\n"
    files: Files = {}
    for name, content in folders.items():
        shown = name.replace("_", "-")
        card += f"- config_name: {shown}\n  data_files:\n  - split: train\n    path: {shown}/*\n"
        files |= {f"{shown}/{path}": each for path, each in content.items()}
    return {"README.md": f"{card}---\n# Text\n".encode(), **files}


def jsonl_gz(texts: list[str]) -> bytes:
    return gzip.compress("".join(json.dumps({"text": text, "url": "u"}) + "\n" for text in texts).encode(), mtime=0)


def made(hub: Hub | None, source: str, cache: Path, need: Need = NEED, **fields: object) -> TokenSet:
    told = {"source": source, "tokenizer": "bytes", **fields}
    return prepare(CorpusSpec.model_validate(told), cache, need=need)


def texts(tokens: TokenSet, name: str = "train") -> list[str]:
    """The passages of a side, as text."""
    tokenizer = load_tokenizer(Path(tokens.directory))
    flat = np.fromfile(Path(tokens.directory) / f"{name}.bin", dtype=np.dtype(tokens.dtype).newbyteorder("<"))
    ends = np.flatnonzero(flat == tokenizer.end_of_text)
    starts = np.concatenate([[0], ends[:-1] + 1])
    assert ends[-1] == len(flat) - 1
    return [tokenizer.decode(flat[a:b].tolist()) for a, b in zip(starts, ends, strict=True)]
