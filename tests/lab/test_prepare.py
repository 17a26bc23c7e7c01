"""From a preset to a lab on disk: all or nothing."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from scalelab.errors import BadInput, ScalelabError
from scalelab.lab import control, prepare
from scalelab.lab.hooks import Hooks
from scalelab.lab.paths import LabPaths, lab_paths
from scalelab.plan import Plan
from scalelab.store.reader import Reader
from tests.lab import mini


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCALELAB_CACHE", str(tmp_path / "cache"))
    mini.write_text(tmp_path / "text.txt")
    return tmp_path / "text.txt"


class Refused(Exception):
    pass


def test_a_plan_is_shown_before_anything_is_written_and_can_be_refused(text: Path, tmp_path: Path) -> None:
    plans: list[Plan] = []
    events: list[str] = []

    def refuse(made: Plan) -> None:
        plans.append(made)
        raise Refused

    with pytest.raises(Refused):
        control.start(
            mini.preset(text),
            tmp_path / "labs" / "mini",
            hooks=Hooks(on_plan=refuse, on_event=lambda kind, _: events.append(kind)),
        )
    assert not (tmp_path / "labs").exists()
    assert plans[0].seconds_source == "probed" and plans[0].device.peak_source == "measured"
    assert len(plans[0].runs) == 6 and len(plans[0].cells) == 4
    assert [kind for kind in events if kind != "progress"][:2] == ["tokens", "probe"]


def test_a_lab_on_disk_is_whole_and_private(text: Path, tmp_path: Path) -> None:
    paths = mini.make(tmp_path / "labs" / "mini", text)
    for path in [paths.root, paths.runs]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in [paths.preset, paths.store]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert control.stored_preset(paths.root) == mini.preset(text)
    assert (paths.tokens / "train.bin").is_file()
    assert [path.name for path in paths.root.parent.iterdir()] == ["mini"]
    with Reader(paths.store) as reader:
        assert len(reader.runs()) == 6
    assert control.status(paths.root).states == {"planned": 6}


def test_of_two_that_make_one_lab_the_second_is_told_and_changes_nothing(text: Path, tmp_path: Path) -> None:
    paths = mini.make(tmp_path / "labs" / "mini", text)
    before = paths.store.read_bytes()
    with pytest.raises(ScalelabError, match="another process made lab") as refused:
        mini.make(paths.root, text)
    assert "status" in refused.value.todo
    assert paths.store.read_bytes() == before
    assert [path.name for path in paths.root.parent.iterdir()] == ["mini"]


@pytest.mark.parametrize(
    "kind", ["file", "dangling link", "under a file", "foreign", "missing corpus", "short corpus", "device"]
)
def test_what_cannot_become_a_lab_is_refused_and_nothing_is_written(kind: str, text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labs" / "mini"
    wanted = mini.preset(text)
    if kind == "file":
        folder = text
    elif kind == "dangling link":
        folder = tmp_path / "link"
        folder.symlink_to(tmp_path / "nowhere")
    elif kind == "under a file":
        folder = text / "lab"
    elif kind == "foreign":
        folder = tmp_path
    elif kind == "missing corpus":
        wanted = mini.preset(tmp_path / "nothing.txt")
    elif kind == "short corpus":
        (tmp_path / "short.txt").write_text("too short")
        wanted = mini.preset(tmp_path / "short.txt")
    else:
        wanted = mini.preset(text, hardware={"device": "cuda:99"})
    before = sorted(path.name for path in tmp_path.iterdir() if path.name != "cache")
    with pytest.raises(BadInput):
        control.start(wanted, folder)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name not in {"cache", "short.txt"}) == [
        name for name in before if name != "short.txt"
    ]


def test_another_programs_store_is_refused_and_gets_no_lock(tmp_path: Path) -> None:
    (tmp_path / "lab.db").touch()
    with pytest.raises(BadInput, match="not a store of scalelab"):
        control.start(None, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lab.db"]


def test_without_a_preset_there_must_be_a_lab(tmp_path: Path) -> None:
    for ask in (
        lambda: control.start(None, tmp_path / "x"),
        lambda: control.status(tmp_path / "x"),
        lambda: control.request_stop(tmp_path / "x"),
        lambda: control.sample(tmp_path / "x", "r", "p"),
    ):
        with pytest.raises(BadInput, match="no lab"):
            ask()
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "", ".", "a\nb", "a\0b", "x" * 300, "-rf", "🚀", "\x1b[2J"])
def test_names_of_runs_do_not_become_paths(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        LabPaths(tmp_path).run_dir(name)


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "a\nb"])
def test_folders_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(BadInput):
        lab_paths(name)


def test_a_folder_is_made_absolute_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = lab_paths("labs/tiny")
    os.chdir("/")
    assert paths.root == tmp_path / "labs" / "tiny"


class Prober:
    """Answers a probe as a machine of two cores would."""

    timeout = 0.0

    def warm(self) -> None:
        pass

    def ask(self, task: str, values: dict[str, Any], *, timeout: float = 300.0, outlast: bool = False) -> Any:
        self.timeout = timeout
        seen = replace(mini.DEVICE, slots=2, peak_flops=8e10, peak_source="measured")
        return {"device": seen.to_dict(), "seconds_per_token": {spec["rung"]: 1e-3 for spec in values["specs"]}}


@pytest.mark.parametrize(("slots", "longer"), [(1, 1), (2, 1), (8, 4)])
def test_slots_beyond_the_cores_make_no_plan_shorter(
    slots: int, longer: int, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "scalelab.plan.choose_device", lambda hardware: replace(mini.DEVICE, slots=hardware.slots, peak_flops=1e10)
    )
    prober, plans = Prober(), list[Plan]()
    wanted = mini.preset(text, hardware={"device": "cpu", "slots": slots})
    lab = prepare.create(wanted, LabPaths(tmp_path / "lab"), cast(Any, prober), Hooks(on_plan=plans.append))
    cell = plans[0].cells[0]
    run = next(spec for spec in plans[0].runs if spec.run == cell.run)
    assert cell.seconds > run.new_tokens * 1e-3 * longer
    assert cell.seconds < 1 + (run.new_tokens + 1024) * 1e-3 * longer
    assert lab.device.peak_flops == 8e10 / longer
    assert prober.timeout >= 600, "each of two rungs may take minutes to compile"
