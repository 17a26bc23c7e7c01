from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalelab.corpora import load_tokenizer, prepare
from scalelab.corpora.passages import MIN_TEXT_BYTES
from scalelab.corpora.sources.files import FileSource
from scalelab.errors import BadInput, ScalelabError
from scalelab.preset import CorpusSpec
from scalelab.records import TokenSet
from tests.corpora.conftest import prose

Write = Callable[..., CorpusSpec]
TEXT = prose(150_000)


def side(tokens: TokenSet, name: str) -> np.ndarray:
    return np.fromfile(Path(tokens.directory) / f"{name}.bin", dtype=np.dtype(tokens.dtype).newbyteorder("<"))


def passages(tokens: TokenSet, name: str) -> list[str]:
    tokenizer = load_tokenizer(Path(tokens.directory))
    flat = side(tokens, name)
    ends = np.flatnonzero(flat == tokens.vocab_size - 1)
    starts = np.concatenate([[0], ends[:-1] + 1])
    assert ends[-1] == len(flat) - 1
    return [tokenizer.decode(flat[a:b].tolist()) for a, b in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("kind", ["bytes", "bpe"])
def test_tokens_and_bytes_are_counted_exactly_and_the_text_comes_back(corpus: Write, cache: Path, kind: str) -> None:
    text = TEXT.replace("they", "thëy")
    tokens = prepare(corpus(text, tokenizer=kind, vocab_size=300), cache)
    assert (tokens.dtype, tokens.vocab_size) == ("uint16", 257 if kind == "bytes" else 300)
    train, held_out = passages(tokens, "train"), passages(tokens, "held_out")
    assert (len(side(tokens, "train")), len(side(tokens, "held_out"))) == (tokens.train_tokens, tokens.held_out_tokens)
    assert sum(len(part.encode()) for part in train) == tokens.train_bytes
    assert sum(len(part.encode()) for part in held_out) == tokens.held_out_bytes
    assert set(train).isdisjoint(held_out)
    assert sorted("\n\n".join([*train, *held_out]).split("\n\n")) == sorted(text.split("\n\n"))
    assert 0.05 <= tokens.held_out_bytes / (tokens.train_bytes + tokens.held_out_bytes) < 0.09
    if kind == "bytes":
        assert tokens.train_tokens == tokens.train_bytes + len(train)


def test_the_merges_come_from_the_training_side_alone(corpus: Write, cache: Path) -> None:
    spec = corpus(TEXT, tokenizer="bpe", vocab_size=320, held_out=0.3)
    tokens = prepare(spec, cache)
    from scalelab.corpora.tokenizers import KINDS

    library = KINDS["bpe"].make(spec, passages(tokens, "train"))
    assert library.to_str() == (Path(tokens.directory) / "tokenizer.json").read_text()


def test_the_key_follows_text_tokenizer_and_split_and_nothing_else(corpus: Write, cache: Path, tmp_path: Path) -> None:
    def key(text: str = TEXT, name: str = "text.txt", **fields: Any) -> str:
        return prepare(corpus(text, name, **fields), cache).key

    first = key()
    assert first == key(name="other.md") == key(vocab_size=999) == key(text_column="body") == key("\ufeff" + TEXT)
    bpe = key(tokenizer="bpe", vocab_size=300)
    others = [key(TEXT + "!"), key(held_out=0.2), bpe, key(tokenizer="bpe", vocab_size=301)]
    assert len({first, *others}) == 5
    assert first == prepare(corpus(TEXT), tmp_path / "another cache").key


def refuse_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def documents(self: FileSource) -> Any:
        raise AssertionError("the text was read again")

    monkeypatch.setattr(FileSource, "documents", documents)


def test_an_unchanged_corpus_is_not_read_again(corpus: Write, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.corpora.preparing._SETTLED_NS", -1)
    spec = corpus(TEXT)
    tokens = prepare(spec, cache)
    refuse_reading(monkeypatch)
    assert prepare(spec, cache) == tokens


def test_a_file_that_was_written_this_instant_is_read_again(
    corpus: Write, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scalelab.corpora.preparing._SETTLED_NS", 10**12)
    spec = corpus(TEXT)
    prepare(spec, cache)
    refuse_reading(monkeypatch)
    with pytest.raises(AssertionError, match="read again"):
        prepare(spec, cache)


def test_a_changed_text_is_seen_though_size_and_mtime_are_the_same(corpus: Write, cache: Path) -> None:
    spec = corpus(TEXT)
    found = Path(spec.source).stat()
    before = prepare(spec, cache)
    corpus("X" + TEXT[1:])
    os.utime(spec.source, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert prepare(spec, cache).key != before.key


def test_a_touched_file_is_read_and_not_tokenized_again(
    corpus: Write, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = corpus(TEXT)
    before = prepare(spec, cache)
    os.utime(spec.source, (1, 1))
    stages: list[str] = []
    assert prepare(spec, cache, progress=lambda stage, share: stages.append(stage)) == before
    assert set(stages) == {"reading"}


@pytest.mark.parametrize("damage", ["bigger", "smaller", "flipped", "gone", "no manifest", "manifest of nothing"])
def test_a_damaged_token_set_is_made_again(corpus: Write, cache: Path, damage: str) -> None:
    spec = corpus(TEXT)
    tokens = prepare(spec, cache)
    path = Path(tokens.directory) / ("manifest.json" if "manifest" in damage else "train.bin")
    good = path.read_bytes()
    damaged = {"bigger": good + b"x", "smaller": good[:-2], "flipped": b"\x7f" + good[1:], "manifest of nothing": b"[]"}
    path.unlink() if damage not in damaged else path.write_bytes(damaged[damage])
    assert prepare(spec, cache) == tokens
    assert path.read_bytes() == good
    assert not list(cache.glob(".making-*/train.bin"))


def test_the_manifest_tells_what_is_there(corpus: Write, cache: Path) -> None:
    tokens = prepare(corpus(TEXT + "\n\n" + prose(150_000)), cache)
    folder = Path(tokens.directory)
    assert sorted(path.name for path in folder.iterdir()) == [
        "held_out.bin",
        "manifest.json",
        "tokenizer.json",
        "train.bin",
    ]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert TokenSet.from_dict(manifest["tokens"]) == replace(tokens, directory="", corpus="")
    assert manifest["files"]["train.bin"]["bytes"] == 2 * tokens.train_tokens
    assert manifest["passages"]["train"] + manifest["passages"]["held_out"] > 30


def test_nothing_is_left_of_a_refused_corpus(corpus: Write, cache: Path) -> None:
    with pytest.raises(BadInput, match=f"at least {MIN_TEXT_BYTES} bytes"):
        prepare(corpus("x"), cache)
    with pytest.raises(BadInput, match="no UTF-8 at byte 150"):
        prepare(corpus(TEXT.encode()[:150] + b"\xff"), cache)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["a.txt", "b.txt"])
def test_a_folder_in_which_a_file_changes_while_it_is_read_is_refused(corpus: Write, cache: Path, name: str) -> None:
    folder = Path(corpus(TEXT, "a.txt").source).parent
    corpus(prose(9000, 7), "b.txt")
    told: list[str] = []

    def change(stage: str, share: float) -> None:
        told.append(stage)
        if len(told) == 3:  # the first passage of b.txt is there
            (folder / name).write_text("other text")

    with pytest.raises(BadInput, match="changed while it was read"):
        prepare(CorpusSpec(source=str(folder)), cache, progress=change)


def test_a_cache_that_cannot_be_written_is_told_in_one_line(corpus: Write, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ScalelabError, match=r"token cache .* cannot be written: .*SCALELAB_CACHE"):
        prepare(corpus(TEXT), tmp_path / "file" / "cache")


def test_what_a_killed_process_left_is_swept_a_day_later(corpus: Write, cache: Path) -> None:
    for name, age in (("old", 90_000), ("new", 10)):
        folder = cache / f".making-{name}"
        folder.mkdir(parents=True)
        now = os.stat(folder).st_mtime
        os.utime(folder, (now - age, now - age))
    prepare(corpus(TEXT), cache)
    assert [path.name for path in cache.glob(".making-*")] == [".making-new"]


def test_progress_ends_at_one(corpus: Write, cache: Path) -> None:
    told: list[tuple[str, float]] = []
    prepare(corpus(TEXT), cache, progress=lambda stage, share: told.append((stage, share)))
    assert list(dict(told)) == ["reading", "training the tokenizer", "encoding"]
    assert all(0 <= share <= 1 for _, share in told)
    assert told[-1] == ("encoding", 1.0)


def _prepare_in_child(spec: dict[str, Any], cache: str, gate: Any, results: Any) -> None:
    gate.wait(60)
    results.put(prepare(CorpusSpec.model_validate(spec), Path(cache)).to_json())


def test_two_processes_at_once_both_succeed_with_one_folder(corpus: Write, cache: Path) -> None:
    spec = corpus(TEXT, tokenizer="bpe", vocab_size=300)
    context = multiprocessing.get_context("spawn")
    gate, results = context.Barrier(2), context.Queue()
    arguments = (spec.model_dump(), str(cache), gate, results)
    children = [context.Process(target=_prepare_in_child, args=arguments) for _ in range(2)]
    for child in children:
        child.start()
    first, second = (results.get(timeout=60) for _ in children)
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert first == second
    assert [path.name for path in cache.iterdir() if path.name != "notes"] == [TokenSet.from_json(first).key]


def test_neither_torch_nor_datasets_nor_pandas_is_loaded(corpus: Write, cache: Path) -> None:
    spec = corpus(TEXT, tokenizer="bpe", vocab_size=300)
    code = (
        "import sys; from pathlib import Path; from scalelab.corpora import prepare, load_tokenizer; "
        "from scalelab.preset import CorpusSpec; "
        "tokens = prepare(CorpusSpec.model_validate_json(sys.argv[1]), Path(sys.argv[2])); "
        "load_tokenizer(Path(tokens.directory)); "
        "print(*({'torch', 'transformers', 'datasets', 'pandas', 'pyarrow', 'scipy'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, spec.model_dump_json(), str(cache)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ""
