"""`scalelab doctor` as a line that is typed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scalelab.doctor import devices
from scalelab.doctor.examination import _guarded
from scalelab.doctor.line import Line, Verdict
from scalelab.lab import lock
from scalelab.lab.integrity import check_lab
from scalelab.store.check import is_whole
from tests.cli.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def no_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Training takes seconds, and has tests of its own."""
    monkeypatch.setattr(devices, "look", lambda _: iter(()))
    monkeypatch.setenv("SCALELAB_CACHE", str(tmp_path / "cache"))


def test_the_whole_examination_of_this_machine(scalelab: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALELAB_CACHE", str(tmp_path / "cache"))
    ran = scalelab("doctor", "--folder", str(tmp_path), "--json")
    told = json.loads(ran.out)
    assert told["schema"] == "scalelab.doctor/1"
    checks = [line["check"] for line in told["lines"]]
    assert {"python", "libraries", "terminal", "memory", "cores", "descriptors", "labs", "cache", "cpu"} <= set(checks)
    proved = [line for line in told["lines"] if line["check"] == "cpu"]
    assert [line["verdict"] for line in proved] == ["ok", "ok"]
    assert "off float64" in proved[0]["said"] and "same bits" in proved[1]["said"]
    assert sum(told["counts"].values()) == len(checks)
    assert ran.code == (1 if told["counts"]["fail"] else 0)


@pytest.mark.usefixtures("no_devices")
def test_a_line_each_with_its_verdict_first_and_the_counts_last(scalelab: Run, tmp_path: Path) -> None:
    ran = scalelab("doctor", "--folder", str(tmp_path))
    *lines, last = ran.out.splitlines()
    assert all(line.split()[0] in {"ok", "warn", "fail"} for line in lines)
    assert last.endswith("to mend")


@pytest.mark.usefixtures("no_devices")
def test_what_fails_makes_the_exit_code_1_with_json_too(scalelab: Run) -> None:
    ran = scalelab("doctor", "--folder", "/proc/nowhere")
    assert ran.code == 1
    assert "fail  labs" in ran.out
    told = scalelab("doctor", "--folder", "/proc/nowhere", "--json")
    assert told.code == 1
    assert json.loads(told.out)["counts"]["fail"] >= 1


@pytest.mark.usefixtures("no_devices")
def test_a_folder_that_would_steer_a_terminal_is_shown_harmlessly(scalelab: Run, tmp_path: Path) -> None:
    assert "\x1b" not in scalelab("doctor", "--folder", str(tmp_path / "\x1b[31mred")).out


def test_a_check_that_breaks_is_a_line_and_stops_nothing() -> None:
    def breaks() -> Iterator[Line]:
        yield Line(check="x", verdict=Verdict.OK, said="first")
        raise RuntimeError("odd \x1b[31m thing")

    first, broken = _guarded("machine", breaks)
    assert (first.verdict, broken.verdict, broken.check) == (Verdict.OK, Verdict.FAIL, "machine")
    assert "RuntimeError" in broken.said and "\x1b" not in broken.said


@pytest.fixture
def lab(finished: Path, tmp_path: Path) -> Path:
    """A copy of a lab that may be harmed."""
    folder = tmp_path / "labs" / "smoke"
    shutil.copytree(finished, folder)
    return folder


def test_a_lab_is_read_whole_and_left_as_it_was(scalelab: Run, lab: Path) -> None:
    before = (lab / "lab.db").read_bytes()
    told = json.loads(scalelab("doctor", str(lab), "--json").out)
    assert told["lab"] == str(lab)
    assert [(line["check"], line["verdict"]) for line in told["lines"]] == [(f.what, f.level) for f in check_lab(lab)]
    assert (told["lines"][0]["check"], told["lines"][0]["verdict"]) == ("store", "ok")
    assert (lab / "lab.db").read_bytes() == before


def test_a_torn_page_of_a_lab_is_a_fail_with_what_to_do(scalelab: Run, lab: Path) -> None:
    size = (lab / "lab.db").stat().st_size
    with (lab / "lab.db").open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\x1b" * 8192)
    ran = scalelab("doctor", str(lab))
    assert ran.code == 1
    assert "fail  store" in ran.out and "\x1b" not in ran.out


def test_of_several_labs_each_is_read_and_each_torn_one_is_mended(scalelab: Run, lab: Path) -> None:
    whole, other, trained = (lab.with_name(name) for name in ("whole", "other", "trained"))
    for folder in (whole, other, trained):
        shutil.copytree(lab, folder)
    for torn in (lab, other, trained):
        with (torn / "lab.db").open("r+b") as file:
            file.seek(-4096, 2)
            file.write(b"\xff" * 4096)
    names = [str(folder) for folder in (lab, whole, other, trained)]
    assert scalelab("doctor", *names).code == 1
    with lock.acquire(trained / "lock"):
        ran = scalelab("doctor", *names, "--mend", "--json")
    told = json.loads(ran.out)
    assert told["labs"] == names and told["lab"] is None and ran.code == 1
    assert {line["lab"] for line in told["lines"]} == set(names)
    assert [is_whole(Path(name) / "lab.db") for name in names] == [True, True, True, False]
    assert {path.parent.name for path in lab.parent.glob("*/lab.db.damaged-1")} == {"smoke", "other"}
    first, second, third, fourth = ran.err.splitlines()
    assert "smoke: kept" in first and "no page of" in second and "other: kept" in third and "trained" in fourth
    seen = scalelab("doctor", *names[:3])
    assert [line for line in seen.out.splitlines() if line.endswith(":")] == [f"{name}:" for name in names[:3]]


def test_what_is_no_lab_is_one_line(scalelab: Run, tmp_path: Path) -> None:
    ran = scalelab("doctor", str(tmp_path / "nowhere"))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert scalelab("doctor", str(tmp_path), "--folder", "x").code == 2
