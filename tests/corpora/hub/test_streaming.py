from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scalelab.corpora import Need, prepare
from scalelab.errors import ScalelabError
from scalelab.preset import CorpusSpec
from tests.corpora.hub.samples import NEED, STORIES, made, texts, two_files
from tests.corpora.loopback import Hub, Request, first

SOURCE = "hf:me/stories"


@pytest.fixture
def stories(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("SCALELAB_ENCODERS", "2")
    hub.dataset("me/stories", two_files())
    return hub


def files_asked(hub: Hub) -> list[str]:
    return [path.rpartition("/")[2] for method, path in hub.asked if method == "GET" and path.endswith(".parquet")]


def shards(cache: Path, kind: str = "json") -> list[Path]:
    return sorted(path for path in cache.glob(f"streams/*/*/*.{kind}") if path.stem.isdigit())


def test_only_what_is_needed_is_taken_and_the_text_is_the_hubs(stories: Hub, cache: Path) -> None:
    tokens = made(stories, SOURCE, cache)
    assert 150_000 <= tokens.train_tokens < 300_000
    assert tokens.held_out_tokens >= 2_000
    assert set(files_asked(stories)) == {"train-00000-of-00002.parquet"}
    train, held_out = texts(tokens), texts(tokens, "held_out")
    assert set(train).isdisjoint(held_out)
    assert {*train, *held_out} <= set(STORIES)
    assert (sum(map(len, train)), sum(map(len, held_out))) == (tokens.train_bytes, tokens.held_out_bytes)
    assert tokens.parts[0].revision == stories.repos["me/stories"].commit("main")


def test_what_is_in_the_cache_needs_no_hub(stories: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = made(stories, SOURCE, cache)
    asked = len(stories.asked)
    assert made(stories, SOURCE, cache) == tokens
    assert len(stories.asked) == asked
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert made(None, SOURCE, cache) == tokens


def test_a_larger_budget_goes_on_from_a_smaller_one_whatever_the_main_branch_became(stories: Hub, cache: Path) -> None:
    small = made(stories, SOURCE, cache)
    kept = {path: path.stat().st_mtime_ns for path in shards(cache, "tokens")}
    before = stories.repos["me/stories"].commit("main")
    old = stories.repos["me/stories"].branches.pop("main")
    stories.repos["me/stories"].branches = {"main": two_files(["other text"] * 50), "old": old}
    # The branch is called otherwise now; the commit that was begun with is still there.
    assert before is not None
    stories.repos["me/stories"].commit = lambda revision: before if revision == before else "0" * 40  # type: ignore[method-assign]
    stories.repos["me/stories"].files = lambda revision: old  # type: ignore[method-assign]
    large = made(stories, SOURCE, cache, Need(train=600_000, held_out=2_000))
    assert large.train_tokens >= 600_000
    assert set(texts(small)) < set(texts(large)) <= set(STORIES)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert large.parts[0].revision == before


def test_a_corpus_that_ends_before_the_budget_is_taken_whole(stories: Hub, cache: Path) -> None:
    tokens = made(stories, SOURCE, cache, Need(train=10**9, held_out=10**6))
    assert sorted([*texts(tokens), *texts(tokens, "held_out")]) == sorted(STORIES)
    assert made(stories, SOURCE, cache, Need()) == tokens or made(stories, SOURCE, cache, Need()).key == tokens.key


def test_stopped_and_continued_is_as_never_stopped_and_no_shard_is_made_twice(
    stories: Hub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(stage: str, share: float) -> None:
        if len(shards(cache, "tokens")) >= 6:
            raise KeyboardInterrupt

    monkeypatch.setattr("scalelab.corpora.shards.telling._EVERY_SECONDS", 0.0)
    spec = CorpusSpec(source=SOURCE, tokenizer="bytes")
    with pytest.raises(KeyboardInterrupt):
        prepare(spec, cache, need=Need(), progress=stop)
    assert not psutil.Process().children(recursive=True)
    kept = {path: path.stat().st_mtime_ns for path in shards(cache, "tokens")}
    assert len(kept) >= 6
    stories.asked.clear()
    tokens = prepare(spec, cache, need=Need())
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert files_asked(stories).count("train-00000-of-00002.parquet") < files_asked(stories).count(
        "train-00001-of-00002.parquet"
    )
    monkeypatch.setenv("SCALELAB_ENCODERS", "1")
    assert prepare(spec, tmp_path / "another", need=Need()).key == tokens.key


def test_a_killed_process_leaves_no_process_and_a_cache_that_goes_on(stories: Hub, cache: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from scalelab.corpora import prepare, Need; "
        "from scalelab.corpora.shards import filling; from scalelab.preset import CorpusSpec; "
        "filling.SHARD_BYTES = 100_000; "
        "prepare(CorpusSpec(source=sys.argv[1], tokenizer='bytes'), Path(sys.argv[2]), need=Need())"
    )

    # The hub holds its breath after some bytes, so that the kill meets a process in the middle of its work.
    def breath(request: Request) -> bool:
        if "00001-of" in request.path and request.command == "GET":
            stories.released.wait(30)
        return False

    stories.faults.append(breath)
    parent = subprocess.Popen([sys.executable, "-c", code, SOURCE, str(cache)])
    deadline = time.monotonic() + 60
    while len(shards(cache, "tokens")) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    children = psutil.Process(parent.pid).children(recursive=True)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    stories.faults.clear()
    stories.released.set()
    kept = {path: path.stat().st_mtime_ns for path in shards(cache, "tokens")}
    tokens = made(stories, SOURCE, cache, Need())
    assert kept and {path: path.stat().st_mtime_ns for path in kept} == kept
    assert sorted([*texts(tokens), *texts(tokens, "held_out")]) == sorted(STORIES)


def test_a_stall_ends_with_a_clear_line_and_what_was_taken_is_kept(
    stories: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []

    def stall(request: Request) -> bool:
        if "00001-of" not in request.path or request.command != "GET":
            return False
        if not began:  # only now: the imports of a busy machine are no stall
            began.append(time.monotonic())
            monkeypatch.setenv("SCALELAB_STALL_SECONDS", "3")
        request.send_response(206)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        request.wfile.write(b"PAR1")
        stories.released.wait(60)
        return True

    stories.faults.append(stall)
    with pytest.raises(ScalelabError, match=r"sent no document for 3 s: repeat the command: it goes on"):
        made(stories, SOURCE, cache, Need())
    assert 3 <= time.monotonic() - began[0] < 25
    monkeypatch.delenv("SCALELAB_STALL_SECONDS")
    kept = len(shards(cache))
    assert kept >= 4
    stories.faults.clear()
    stories.asked.clear()
    tokens = made(stories, SOURCE, cache, Need())
    assert sorted([*texts(tokens), *texts(tokens, "held_out")]) == sorted(STORIES)
    assert files_asked(stories).count("train-00000-of-00002.parquet") <= 4  # the schema, and what was in hand


def test_errors_that_pass_are_waited_for(stories: Hub, cache: Path) -> None:
    def busy(request: Request) -> None:
        request.send({"error": "busy"}, 503)

    def limited(request: Request) -> None:
        request.send({"error": "slow down"}, 429, {"Retry-After": "0"})

    def cut(request: Request) -> None:
        request.send_response(206)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        request.wfile.write(b"PAR1")
        request.close_connection = True

    stories.faults += [
        first(1, "/resolve/", busy),
        first(1, "00000-of", limited),
        first(1, "00001-of", cut),
        first(1, "/tree/", busy),
    ]
    tokens = made(stories, SOURCE, cache, Need())
    assert sorted([*texts(tokens), *texts(tokens, "held_out")]) == sorted(STORIES)


def test_the_progress_tells_bytes_tokens_rate_and_time_left(
    stories: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scalelab.corpora.shards.telling._EVERY_SECONDS", 0.0)
    told: list[str] = []
    spec = CorpusSpec(source=SOURCE, tokenizer="bpe", vocab_size=300)
    prepare(spec, cache, need=Need(train=250_000, held_out=100), progress=lambda text, _: told.append(text))
    assert any("training the tokenizer" in text for text in told)
    assert any(" MB" in text and " tokens" in text and "/s" in text for text in told)


def test_bpe_learns_from_the_training_side_alone(stories: Hub, cache: Path) -> None:
    from scalelab.corpora.tokenizers import KINDS

    spec = CorpusSpec(source=SOURCE, tokenizer="bpe", vocab_size=300)
    tokens = prepare(spec, cache, need=Need())
    library = KINDS["bpe"].make(spec, texts(tokens))
    assert library.to_str() == (Path(tokens.directory) / "tokenizer.json").read_text()


def test_equal_documents_are_taken_once(hub: Hub, cache: Path) -> None:
    hub.dataset("me/stories", two_files([*STORIES[:100], *STORIES[:100]]))
    tokens = made(hub, SOURCE, cache, Need())
    assert sorted([*texts(tokens), *texts(tokens, "held_out")]) == sorted(STORIES[:100])


def test_two_processes_that_want_the_same_make_it_once(stories: Hub, cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from scalelab.corpora import prepare, Need; "
        "from scalelab.corpora.shards import filling; from scalelab.preset import CorpusSpec; "
        "filling.SHARD_BYTES = 100_000; "
        "spec = CorpusSpec(source=sys.argv[1], tokenizer='bytes'); "
        "print(prepare(spec, Path(sys.argv[2]), need=Need(train=9000)).to_json())"
    )
    command = [sys.executable, "-c", code, SOURCE, str(cache)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) for _ in range(2)]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert said[0] == said[1]
    assert len({path for method, path in stories.asked if method == "GET" and path.endswith("README.md")}) == 1
    assert NEED.train > 9000


@pytest.mark.timeout(20)
def test_without_a_network_it_is_said_within_three_seconds(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    # A listener whose queue is full answers nothing, like an address behind a dead line.
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))
    deaf.listen(0)
    fillers = [socket.socket() for _ in range(3)]
    for each in fillers:
        each.setblocking(False)
        each.connect_ex(deaf.getsockname())
    for url in (f"http://127.0.0.1:{deaf.getsockname()[1]}", "http://127.0.0.1:9", "http://no-such-host.invalid"):
        monkeypatch.setenv("HF_ENDPOINT", url)
        began = time.monotonic()
        with pytest.raises(ScalelabError, match=r"cannot be reached.*sotu, python and files:PATH") as caught:
            made(None, SOURCE, cache)
        assert time.monotonic() - began < 3
        assert caught.value.exit_code == 1
    for each in [deaf, *fillers]:
        each.close()


def test_a_streaming_process_that_dies_says_its_last_word(
    stories: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "datasets.py").write_text("raise OSError('no such wheel')")
    monkeypatch.syspath_prepend(tmp_path / "broken")
    with pytest.raises(ScalelabError, match=r"ended with 1: OSError: no such wheel"):
        made(stories, SOURCE, cache)
