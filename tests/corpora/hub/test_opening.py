from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scalelab.corpora import Need
from scalelab.errors import BadInput, ScalelabError
from tests.corpora.conftest import prose
from tests.corpora.hub.samples import STORIES, configs, jsonl_gz, made, texts, two_files
from tests.corpora.loopback import Hub, commit_of, parquet

SOME = STORIES[:60]
"""150 kB: enough to be a corpus."""


def both_sides(hub: Hub | None, source: str, cache: Path, **fields: object) -> list[str]:
    tokens = made(hub, source, cache, Need(), held_out=0.2, **fields)
    return sorted([*texts(tokens), *texts(tokens, "held_out")])


def test_a_config_a_revision_and_a_column_are_named_behind_the_repository(hub: Hub, cache: Path) -> None:
    files = configs(**{"en": {"a.parquet": parquet(SOME, column="body")}, "de": {"a.parquet": parquet(["x"])}})
    hub.dataset("me/both", files, branch="v2")
    hub.dataset("me/both", configs(en={"a.parquet": parquet(["old"])}))
    assert both_sides(hub, "hf:me/both:en@v2#body", cache) == sorted(SOME)


def test_compressed_json_lines_are_read_as_c4_has_them(hub: Hub, cache: Path) -> None:
    parts = {f"c4-train.0000{i}-of-00002.json.gz": jsonl_gz(SOME[i::2]) for i in range(2)}
    hub.dataset("allenai/c4", configs(en=parts, de={"c4.json.gz": jsonl_gz(["x"])}))
    assert both_sides(hub, "c4", cache) == sorted(SOME)


@pytest.mark.parametrize(
    ("source", "repo", "config"),
    [
        ("fineweb-edu:CC-MAIN-2024-10", "HuggingFaceFW/fineweb-edu", "CC-MAIN-2024-10"),
        ("fineweb", "HuggingFaceFW/fineweb", "sample-10BT"),
    ],
)
def test_a_crawl_of_fineweb_is_a_config_and_without_one_it_is_the_sample(
    hub: Hub, cache: Path, source: str, repo: str, config: str
) -> None:
    folders = {name: {"a.parquet": parquet(SOME[:1])} for name in ("default", "sample-10BT", "CC-MAIN-2024-10")}
    hub.dataset(repo, configs(**(folders | {config: {"a.parquet": parquet(SOME)}})))
    assert both_sides(hub, source, cache) == sorted(SOME)


def test_tinystories_has_one_config_and_none_is_named(hub: Hub, cache: Path) -> None:
    hub.dataset("roneneldan/TinyStories", {"data/train-00000-of-00001.parquet": parquet(SOME),
                                           "data/validation-00000-of-00001.parquet": parquet(["x"])})  # fmt: skip
    assert both_sides(hub, "tinystories", cache) == sorted(SOME)


@pytest.mark.parametrize(
    ("source", "config"),
    [("wikitext-103", "wikitext-103-raw-v1"), ("wikitext-103:wikitext-103-v1", "wikitext-103-v1")],
)
def test_wikitext_gives_articles_and_not_lines(hub: Hub, cache: Path, source: str, config: str) -> None:
    articles = [
        f" = Title {i} = \n\n {prose(700, i)[:600]} . \n\n = = Part = = \n\n {prose(900, i)} . " for i in range(90)
    ]
    lines = [line for article in articles for line in ["\n", *article.splitlines(keepends=True)]]
    rows = [line if line.strip() else "" for line in lines]
    other = "wikitext-103-v1" if config.endswith("raw-v1") else "wikitext-103-raw-v1"
    folders = {config: {"train-0.parquet": parquet(rows, group=50)}, other: {"train-0.parquet": parquet(["x"])}}
    hub.dataset("Salesforce/wikitext", configs(**folders))
    found = both_sides(hub, source, cache)
    whole = [text for text in found if text.startswith(" = Title")]
    assert len(whole) == len(articles)
    assert all(text.count(" = Title") == 1 for text in whole)
    assert all(" = = Part = = " in text for text in whole)


SCRIPT = {"README.md": b"# OpenWebText\n", "openwebtext.py": b"raise SystemExit\n"}


def test_openwebtext_is_read_from_the_parquet_copy_where_main_is_a_script(hub: Hub, cache: Path) -> None:
    hub.dataset("Skylion007/openwebtext", SCRIPT)
    copy = {"plain_text/partial-train/0000.parquet": parquet(SOME)}
    hub.dataset("Skylion007/openwebtext", copy, branch="refs/convert/parquet")
    tokens = made(hub, "openwebtext", cache, Need(), held_out=0.2)
    assert sorted([*texts(tokens), *texts(tokens, "held_out")]) == sorted(SOME)
    assert tokens.parts[0].revision == commit_of("refs/convert/parquet", copy)


def test_openwebtext_is_read_from_main_once_that_holds_text_and_from_a_mirror_where_nothing_else_does(
    hub: Hub, cache: Path, tmp_path: Path
) -> None:
    hub.dataset("Skylion007/openwebtext", SCRIPT)
    hub.dataset("dylanebert/openwebtext", two_files(SOME))
    assert both_sides(hub, "openwebtext", cache) == sorted(SOME)
    hub.repos["Skylion007/openwebtext"].branches["main"] = two_files(SOME[::-1])
    assert both_sides(hub, "openwebtext", tmp_path / "another") == sorted(SOME)
    assert not any("dylanebert" in path for _, path in hub.asked[-12:])


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("hf:me/nothing", "there is no dataset 'me/nothing' on the hub, or it is private"),
        ("hf:me/both:fr", r"has no config 'fr' \(allowed: en, de\)"),
        ("hf:me/both", r"has several configs \(allowed: en, de\): choose one: hf:me/both:en"),
        ("hf:me/both:en@v9", "has no revision 'v9'"),
        ("hf:me/both:en#txt", r"has no column 'txt' \(allowed: its columns: id, text\): did you mean text"),
        ("hf:me/both:en#id", "column 'id' holds int"),
        ("hf:me/gated", "is gated: its owner asks for consent first: accept its terms"),
        ("hf:me/script", "is a script, which is not run, and has no parquet copy"),
        ("openwebtext", "'Skylion007/openwebtext' is a script, .* no parquet copy: name a copy of it as hf:OWNER/NAME"),
        ("hf:me/empty", "holds no data files"),
        ("hf:me/small", "holds 3 B of different text"),
        ("hf:", "names no dataset"),
        ("hf:me/a/b", "names no dataset"),
        ("hf:./nowhere", "is no folder"),
        ("wikitext", "did you mean wikitext-103"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(hub: Hub, cache: Path, source: str, match: str) -> None:
    hub.dataset("me/both", configs(en={"a.parquet": parquet(SOME)}, de={"a.parquet": parquet(["x"])}))
    hub.dataset("me/gated", two_files(SOME), gated=True)
    hub.dataset("me/script", {"README.md": b"# x\n", "script.py": b""})
    hub.dataset("Skylion007/openwebtext", SCRIPT)
    hub.dataset("me/empty", {"README.md": b"# x\n"})
    hub.dataset("me/small", {"a.jsonl": b'{"text": "abc"}\n'})
    with pytest.raises(BadInput, match=match) as caught:
        made(hub, source, cache)
    assert caught.value.line().isprintable()
    assert caught.value.exit_code == 2


def test_a_folder_laid_out_like_a_repository_is_read_without_a_hub_and_again_when_it_changes(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_shards: None
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    folder = tmp_path / "data set"
    for path, content in configs(en={"a.parquet": parquet(SOME)}, de={"b.jsonl": b'{"text": "x"}\n'}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    source = f"hf:{folder}:en"
    assert both_sides(None, source, cache) == sorted(SOME)
    (folder / "en" / "b.parquet").write_bytes(parquet(STORIES[60:80]))
    assert both_sides(None, source, cache) == sorted(STORIES[:80])


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"damaged.parquet": b"PAR1"}, "holds a file that cannot be read: ArrowInvalid"),
        ({"test-0.jsonl": b'{"text": "x"}\n'}, r"has no split 'train' \(allowed: test\): only 'train' is read"),
        ({"words.py": b"import datasets\n"}, "is a script, which is not run: name a copy"),
    ],
)
def test_a_folder_that_cannot_be_read_says_why(
    cache: Path, tmp_path: Path, files: dict[str, bytes], match: str
) -> None:
    (tmp_path / "words").mkdir()
    for name, content in files.items():
        (tmp_path / "words" / name).write_bytes(content)
    with pytest.raises(BadInput, match=match) as caught:
        made(None, f"hf:{tmp_path / 'words'}", cache)
    assert caught.value.line().isprintable()


def test_equal_text_of_two_sources_is_told_under_the_name_that_was_asked_for(cache: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.parquet").write_bytes(parquet(SOME))
    sources = [f"hf:{tmp_path / name}" for name in ("one", "two")]
    first, second = (made(None, source, cache, held_out=0.2) for source in sources)
    assert first.key == second.key
    assert [(each.corpus, each.parts[0].corpus) for each in (first, second)] == [(source, source) for source in sources]


def test_an_endpoint_that_is_no_address_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:99999")
    with pytest.raises(BadInput, match="HF_ENDPOINT or the proxy is no address"):
        made(None, "tinystories", cache)


def in_child(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


@pytest.mark.parametrize("left", ["snapshot", "prepared"])
def test_what_an_earlier_download_left_serves_offline(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    hub.dataset("me/both", configs(en={"a.parquet": parquet(SOME)}, de={"a.parquet": parquet(["x"])}))
    ways = {
        "snapshot": "import huggingface_hub as h; h.snapshot_download('me/both', repo_type='dataset')",
        "prepared": "import datasets; datasets.load_dataset('me/both', 'en')",
    }
    in_child(ways[left])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = len(hub.asked)
    assert both_sides(hub, "hf:me/both:en", cache) == sorted(SOME)
    assert len(hub.asked) == asked


def test_offline_and_in_no_cache_is_told_with_what_is_there(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        ScalelabError, match=r"HF_HUB_OFFLINE is set and dataset 'roneneldan/TinyStories' is in no cache"
    ) as caught:
        made(hub, "tinystories", cache)
    assert caught.value.exit_code == 1
    assert not hub.asked
