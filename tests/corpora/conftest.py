"""Small texts that are enough to be a corpus, and a cache of the test's own."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scalelab.preset import CorpusSpec
from tests.corpora.loopback import Hub, serving

WORDS = re.findall(
    r"\w+", "the of and to in a is that for it was as with be by on not he his but at are this have from"
)


def prose(n_bytes: int, seed: int = 0) -> str:
    """Words in paragraphs: different for every seed, the same for one."""
    dice = random.Random(seed)
    paragraphs: list[str] = []
    size = 0
    while size < n_bytes:
        words = [dice.choice(WORDS) + (str(dice.randrange(100)) if dice.random() < 0.1 else "") for _ in range(60)]
        paragraphs.append(" ".join(words) + ".")
        size += len(paragraphs[-1]) + 2
    return "\n\n".join(paragraphs)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., CorpusSpec]:
    """Write a text into a file and give the spec of it, by bytes unless told otherwise."""

    def write(text: str | bytes, name: str = "text.txt", **fields: object) -> CorpusSpec:
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return CorpusSpec.model_validate({"source": str(path), "tokenizer": "bytes", **fields})

    return write


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 100 kB, so that a small text makes several."""
    monkeypatch.setattr("scalelab.corpora.shards.filling.SHARD_BYTES", 100_000)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_shards: None) -> Iterator[Hub]:
    """A hub on this machine, which the unmodified libraries take for theirs, and no cache of the user's."""
    for name in (
        "HF_TOKEN",
        "HF_HUB_OFFLINE",
        "HF_DATASETS_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "http_proxy",
        "HTTP_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SCALELAB_ENCODERS", "1")  # two are for tests of what they do beside each other
    with serving() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        yield made
