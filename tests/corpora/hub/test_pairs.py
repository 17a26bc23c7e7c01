"""Pairs of the hub: taken as far as they are needed, kept, and gone on from, whatever broke off."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from scalelab.corpora import Need, prepare_pairs
from scalelab.corpora.pairs.fields import Pair
from scalelab.corpora.pairs.taken import Taken
from scalelab.errors import BadInput, ScalelabError
from scalelab.preset import CorpusSpec
from scalelab.records import TokenSet
from tests.corpora.conftest import prose
from tests.corpora.hub.samples import configs
from tests.corpora.loopback import Files, Hub, Request, parquet

SOURCE = "hf:wmt/wmt14:de-en#translation.de,translation.en"
ROWS = [{"de": f"{n} {prose(600, n)}", "en": f"{prose(600, 1000 + n)} {n}"} for n in range(400)]
"""Half a megabyte."""


def two_files(rows: list[dict[str, str]] = ROWS) -> Files:
    half = len(rows) // 2
    files = {
        f"train-{number}.parquet": parquet(part, column="translation", group=20)  # type: ignore[arg-type]
        for number, part in enumerate((rows[:half], rows[half:]))
    }
    return configs(de_en=files, fr_en={"train-0.parquet": parquet(["x"])})


@pytest.fixture
def wmt(hub: Hub) -> Hub:
    hub.dataset("wmt/wmt14", two_files())
    return hub


def made(cache: Path, need: Need, source: str = SOURCE, **told: object) -> TokenSet:
    spec = CorpusSpec(source=source, tokenizer="bytes", held_out=0.1)
    return prepare_pairs("translation", spec, 2048, cache, need=need, **told)  # type: ignore[arg-type]


def kept(cache: Path) -> dict[Path, int]:
    found = (path for path in cache.glob("streams/*/*.json") if path.stem.isdigit())
    return {path: path.stat().st_mtime_ns for path in found}


def asked(hub: Hub, file: str) -> int:
    return sum(method == "GET" and path.endswith(file) for method, path in hub.asked)


SOME, ALL = Need(train=100_000, held_out=2_000), Need(train=10**9, held_out=1)


def test_only_what_is_needed_is_taken_and_more_goes_on_from_there(wmt: Hub, cache: Path, tmp_path: Path) -> None:
    small = made(cache, SOME)
    assert asked(wmt, "train-1.parquet") == 0 and small.pairs is not None and small.pairs.train_pairs < 200
    before = kept(cache)
    assert before
    # Another commit on the main branch: the one that was begun with is still there, and is gone on with.
    repo = wmt.repos["wmt/wmt14"]
    begun, old = repo.commit("main"), repo.branches["main"]
    repo.commit = lambda revision: begun if revision == begun else "0" * 40  # type: ignore[method-assign]
    repo.files = lambda revision: old if revision == begun else two_files(ROWS[:40])  # type: ignore[method-assign]
    large = made(cache, ALL)
    assert large.pairs is not None and large.pairs.train_pairs + large.pairs.held_out_pairs == len(ROWS)
    assert before.items() <= kept(cache).items()
    del repo.commit, repo.files
    assert made(tmp_path / "another", ALL).key == large.key


def test_all_that_was_taken_serves_without_the_hub(wmt: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made(cache, ALL)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    again = made(cache, Need(train=10**8, held_out=1))
    assert again.key == whole.key
    with pytest.raises(
        ScalelabError,
        match=r"cannot be reached.*ready in the cache: hf:wmt/wmt14:de-en#.*conlang, facts and pairs:FILE",
    ):
        made(cache, SOME, "hf:opus/books#de,en")


def test_stopped_and_continued_is_as_never_stopped(wmt: Hub, cache: Path, tmp_path: Path) -> None:
    def stop(stage: str, share: float) -> None:
        if len(kept(cache)) >= 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scalelab.corpora.pairs.preparing._TOLD_EVERY", 1)
        with pytest.raises(KeyboardInterrupt):
            made(cache, ALL, progress=stop)
    assert not psutil.Process().children(recursive=True)
    before = kept(cache)
    assert len(before) >= 3
    tokens = made(cache, ALL)
    assert before.items() <= kept(cache).items()
    assert made(tmp_path / "another", ALL).key == tokens.key


def test_a_kill_at_the_very_end_doubles_no_pair(tmp_path: Path) -> None:
    """The last pairs and that they are the last are kept by one file: there is no moment between the two."""
    first, last = Pair(prompt="eins", targets=("one",)), Pair(prompt="zwei", targets=("two",))
    taken = Taken(tmp_path)
    assert not taken.is_whole
    taken.add([first], {"row": 1})
    assert not Taken(tmp_path).is_whole and Taken(tmp_path).position == {"row": 1}
    taken.add([last], None)
    again = Taken(tmp_path)
    assert again.is_whole and list(again.pairs()) == [first, last]
    (tmp_path / "00001.json").unlink()  # killed before the place was written: what stands there is read again
    assert not Taken(tmp_path).is_whole and list(Taken(tmp_path).pairs()) == [first]


def test_a_stall_ends_in_its_time_and_what_was_taken_is_gone_on_from(
    wmt: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []

    def stall(request: Request) -> bool:
        if "train-1" not in request.path or request.command != "GET":
            return False
        if not began:  # only now: the imports of a busy machine are no stall
            began.append(time.monotonic())
            monkeypatch.setenv("SCALELAB_STALL_SECONDS", "2")
        request.send_response(206)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        request.wfile.write(b"PAR1")
        wmt.released.wait(60)
        return True

    wmt.faults.append(stall)
    with pytest.raises(ScalelabError, match=r"sent no document for 2 s: repeat the command: it goes on from"):
        made(cache, ALL)
    assert time.monotonic() - began[0] < 25
    monkeypatch.delenv("SCALELAB_STALL_SECONDS")
    before = kept(cache)
    wmt.faults.clear()
    wmt.asked.clear()
    tokens = made(cache, ALL)
    assert before and before.items() <= kept(cache).items()
    assert tokens.pairs is not None and tokens.pairs.train_pairs + tokens.pairs.held_out_pairs == len(ROWS)
    assert asked(wmt, "train-0.parquet") <= 4  # the schema, and what was in hand


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("hf:wmt/wmt14#translation.de,translation.en", r"has several configs \(allowed: de-en, fr-en\)"),
        ("hf:wmt/wmt14:de-en#de,en", r"has no column 'de' \(allowed: its columns: id, translation\).*#PROMPT,TARGET"),
        ("hf:wmt/wmt14:de-en#translation.de,translation.fr", r"row 1 has no 'translation.fr'|no column"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(wmt: Hub, cache: Path, source: str, match: str) -> None:
    with pytest.raises(BadInput, match=match) as caught:
        made(cache, SOME, source)
    assert caught.value.line().isprintable()
