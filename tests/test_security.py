"""What a lab never does, held against its sources and its processes: pickle, remote code, shells, sockets."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import scalelab
from scalelab.errors import BadInput, ScalelabError
from scalelab.lab.paths import LabPaths
from tests.lab import mini

ROOT = Path(scalelab.__file__).parent
_PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
_SHELLS = {("os", "system"), ("os", "popen"), ("subprocess", "getoutput"), ("subprocess", "getstatusoutput")}


def _nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path, node


def _dotted(node: ast.AST) -> tuple[str, str]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id, node.attr
    return "", ""


def test_no_source_knows_pickle_and_torch_loads_and_saves_nothing() -> None:
    for path, node in _nodes():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.partition(".")[0] for name in names} & _PICKLES, path
        if isinstance(node, ast.Call):
            assert _dotted(node.func) not in {("torch", "load"), ("torch", "save")}, path
            allowed = [word.value for word in node.keywords if word.arg == "allow_pickle"]
            assert all(isinstance(value, ast.Constant) and value.value is False for value in allowed), path


def test_no_source_runs_remote_code_or_a_shell() -> None:
    for path, node in _nodes():
        if not isinstance(node, ast.Call):
            continue
        assert _dotted(node.func) not in _SHELLS, path
        assert not (isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}), path
        for word in node.keywords:
            if word.arg == "trust_remote_code" or (word.arg == "shell" and _dotted(node.func)[0] == "subprocess"):
                assert isinstance(word.value, ast.Constant) and word.value.value is False, (path, word.arg)


class _Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_in_the_place_of_a_checkpoint_or_a_tokenizer_is_refused_and_never_run(tmp_path: Path) -> None:
    import pickle

    from scalelab.corpora import load_tokenizer
    from scalelab.training import checkpoint

    mark = tmp_path / "ran"
    content = pickle.dumps(_Bomb(mark))
    folder = tmp_path / "run" / "checkpoint" / "0000000007"
    folder.mkdir(parents=True)
    for name in ("state.safetensors", "manifest.json", "tokenizer.json"):
        (folder / name).write_bytes(content)
    with pytest.raises(checkpoint.Damaged):
        checkpoint.load_checkpoint(folder)
    assert checkpoint.latest(tmp_path / "run") is None
    with pytest.raises(ScalelabError):
        load_tokenizer(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/x", "a/b", "a\0b", "a\nb", "x" * 300, "-rf", "\U0001f600", "\x1b[31m", "", ".", ".."]
)
def test_no_name_of_a_run_leads_out_of_its_lab(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        LabPaths(tmp_path).run_dir(name)


@pytest.mark.skipif(not Path("/proc/net").is_dir(), reason="sockets are read from /proc")
def test_neither_a_session_nor_its_workers_listen_on_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALELAB_CACHE", str(tmp_path / "cache"))
    mini.write_text(tmp_path / "text.txt")
    paths = mini.make(tmp_path / "lab", tmp_path / "text.txt")
    child = mini.supervise(paths)
    seen, looks = [], 0
    try:
        deadline = time.monotonic() + 120
        while child.poll() is None:
            assert time.monotonic() < deadline
            with suppress(psutil.Error), mini.family_of(child.pid) as family:
                looks += len(family) >= 4
                for one in family:
                    with suppress(psutil.Error):
                        seen += one.net_connections(kind="inet")
            time.sleep(0.1)
        assert child.wait() == 0 and looks and seen == []
    finally:
        child.kill()
