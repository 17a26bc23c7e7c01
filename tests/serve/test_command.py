"""`scalelab serve` as a line that is typed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.make_braille import SHIPPED, font
from tests.serve.serving import PATIENCE, environment

_WITHOUT = """
import sys
sys.modules["textual_serve"] = None  # as if it were not installed
from scalelab.cli.main import main
sys.exit(main(["serve"]))
"""


def scalelab(folder: Path, *arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    line = ["-c", code] if code else ["-m", "scalelab", *arguments]
    return subprocess.run(
        [sys.executable, *line], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip


def refused(ran: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran.stderr
    return ran.stderr


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    assert "pip install 'scalelab[serve]'" in refused(scalelab(tmp_path, code=_WITHOUT))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "\x1b[31m"])
def test_the_network_is_refused_and_the_way_round_is_named(tmp_path: Path, host: str) -> None:
    line = refused(scalelab(tmp_path, "serve", "--host", host))
    assert "ssh -L" in line
    assert "\x1b" not in line


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refused(scalelab(tmp_path, "serve", "--port", str(port)))
    assert f"port {port} of 127.0.0.1 is taken" in line
    assert "--port 0" in line


@pytest.mark.parametrize("port", ["-1", "65536", "web"])
def test_a_port_that_is_none_is_one_line(tmp_path: Path, port: str) -> None:
    assert "--port" in refused(scalelab(tmp_path, "serve", "--port", port))


@pytest.mark.parametrize("lab", ["labs/new\nline", "\x1b[31mred", "../nowhere", "-x"])
def test_a_name_that_no_lab_has_is_one_line(tmp_path: Path, lab: str) -> None:
    assert "\x1b" not in refused(scalelab(tmp_path, "serve", "--", lab))


def test_a_lab_that_is_none_is_one_line(tmp_path: Path) -> None:
    assert "there is no lab at nowhere" in refused(scalelab(tmp_path, "serve", "nowhere"))
    failed = scalelab(tmp_path, "serve", "nowhere", "--json")
    assert json.loads(failed.stdout)["error"]["exit_code"] == 2


def test_a_theme_that_is_none_is_told_before_a_port_is_taken(tmp_path: Path) -> None:
    assert "dark, light, ansi" in refused(scalelab(tmp_path, "serve", "--theme", "pink"))


def test_help_loads_no_server(tmp_path: Path) -> None:
    code = "import sys\nfrom scalelab.cli.main import main\nmain(['serve', '--help'])\n"
    ran = scalelab(
        tmp_path, code=code + "print([n for n in ('aiohttp', 'textual', 'textual_serve') if n in sys.modules])"
    )
    assert ran.stdout.endswith("[]\n")


def test_the_shipped_braille_font_is_what_its_script_makes() -> None:
    assert font() == SHIPPED.read_bytes()
