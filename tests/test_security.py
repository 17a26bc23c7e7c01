"""What a lab never does, held against its sources and its processes: pickle, remote code, shells, sockets."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import scalelab
from scalelab import recorded
from scalelab.errors import BadInput, ScalelabError
from scalelab.lab.paths import LabPaths
from tests.lab import mini
from tests.reliability.terminals import Terminal, environment
from tests.reliability.terminals import scalelab as scalelab_

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


_AUDIT = """
import os, sys

def heard(name, arguments):
    if name in {"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto"} or name.endswith(".listen"):
        descriptor = os.open(SEEN, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, (name + " " + repr(arguments[1:]) + " " + repr(sys.argv) + chr(10)).encode())
        os.close(descriptor)

SEEN = os.environ["AUDITED"]
sys.addaudithook(heard)
"""
"""Run by every Python process that is started with its folder in PYTHONPATH, and by those that it starts."""


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., list[str]]:
    """What the sockets of a real process did, after `work` has run it in this environment."""
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "sitecustomize.py").write_text(_AUDIT)

    def seen(work: Callable[[dict[str, str]], object]) -> list[str]:
        told = tmp_path / "told"
        told.unlink(missing_ok=True)
        work({"PYTHONPATH": f"{mini.ROOT}{os.pathsep}{tmp_path / 'audit'}", "AUDITED": str(told)})
        return told.read_text().splitlines() if told.exists() else []

    return seen


_VERBS = """
import sys
from scalelab.cli.main import main
lab, table, out = sys.argv[1:]
for line in (
    ["fit", lab], ["fit", table], ["predict", lab, "--compute", "1e15"], ["predict", table, "--params", "1M",
    "--tokens", "20M"], ["report", lab, "-o", out + ".html"], ["status", lab], ["compare", lab], ["plan"], ["devices"],
    ["presets"], ["export", lab, "-o", out + ".csv"],
):
    code = main(line)
    assert code == 0 or line[0] == "compare", line  # of one group alone there is nothing to compare
"""


def test_no_verb_that_reads_opens_a_socket(audited: Callable[..., list[str]], tmp_path: Path) -> None:
    lab, table = recorded.unpack(tmp_path / "lab"), tmp_path / "runs.csv"
    rows = [f"{n},{d},{1.5 + 30 / n**0.4 + 200 / d**0.4}" for n in (10**4, 10**5, 10**6) for d in (10**6, 10**7, 10**8)]
    table.write_text("\n".join(["n_params,tokens,loss", *rows]))
    command = [sys.executable, "-c", _VERBS, str(lab), str(table), str(tmp_path / "out")]

    def run(more: dict[str, str]) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=120, env=environment(tmp_path, **more))

    assert audited(run) == []


def test_the_app_opens_no_socket(audited: Callable[..., list[str]], tmp_path: Path) -> None:
    lab = recorded.unpack(tmp_path / "lab")

    def look(more: dict[str, str]) -> None:
        with Terminal(tmp_path, *scalelab_("attach", lab), **more) as seen:
            seen.until(lambda: "16x1-trunk" in seen.seen, "app")
            for key in "12345":
                seen.type(key)
                seen.look(0.3)
            seen.type("q")
            seen.ends()
            assert seen.process.returncode == 0

    assert audited(look) == []


def test_the_audit_would_have_seen_one(audited: Callable[..., list[str]], tmp_path: Path) -> None:
    code = "import socket; one = socket.socket(); one.bind(('127.0.0.1', 0)); one.listen()"

    def run(more: dict[str, str]) -> None:
        subprocess.run([sys.executable, "-c", code], check=True, env=environment(tmp_path, **more))

    assert next(iter(audited(run))).startswith("socket.bind ")
