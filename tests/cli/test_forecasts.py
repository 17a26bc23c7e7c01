"""Where running runs will end, as `status`, the live table and `fit` tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scalelab.cli.live import Follower, Lines
from scalelab.report import progress
from scalelab.store.reader import Reader
from tests.cli.conftest import Ran, document
from tests.lab.curved import CurvedLab

Run = Callable[..., Ran]
LATE = "32x1-D1.2M-s0"


@pytest.fixture(scope="module")
def curved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two rungs done, the longest branch of the third late in its cooldown and promised a tenth less."""
    lab = CurvedLab(tmp_path_factory.mktemp("labs") / "curved")
    for run in lab.specs:
        if run.partition("-")[0] in {"12x1", "20x1"}:
            lab.finish(run)
    lab.refit("20x1-D1.2M-s0")
    lab.finish("32x1-trunk-s0")
    lab.train(LATE, 0.6)
    promised = 0.9 * lab.end_of(LATE)
    with lab.writer.batch():
        lab.writer.add_prediction(LATE, 1, promised, 0.99 * promised, 1.01 * promised)
    yield lab.folder
    lab.close()


def test_status_shows_the_forecast_and_warns(scalelab: Run, curved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = scalelab("status", str(curved)).out.splitlines()
    warning = next(line for line in lines if line.startswith("warning: "))
    assert f"{LATE} will end" in warning and "% above the law" in warning
    head = next(line for line in lines if line.startswith("state")).split()
    assert "ends" in head
    assert " ± 0.0" in next(line for line in lines if line.startswith("running"))


def test_status_as_json_carries_the_whole_forecast(scalelab: Run, curved: Path) -> None:
    runs = {run["run"]: run for run in document(scalelab("status", str(curved), "--json"))["runs"]}
    ending = runs[LATE]["ending"]
    forecast = ending["forecast"]
    assert forecast["low"] < forecast["loss"] < forecast["high"]
    assert forecast["held_out"] is True and ending["apart"] > 0.05
    assert runs["12x1-D150k-s0"]["ending"] is None


def test_the_live_table_shows_it_and_a_narrow_one_gives_it_up(curved: Path) -> None:
    with Reader(curved / "lab.db") as reader:
        shot = Follower("curved").snapshot(reader)
    wide, narrow = progress.lines(shot, 120, 40), progress.lines(shot, 44, 40)
    assert any("ends" in line for line in wide)
    assert not any(" ends" in line for line in narrow) and max(map(len, narrow)) <= 44
    assert progress.style_of(next(line for line in wide if line.startswith("warning"))) != ""


def test_without_a_terminal_a_run_far_from_the_law_is_one_line(
    curved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Lines("curved")
    with Reader(curved / "lab.db") as reader:
        seen.on_tick(reader)
        said = capsys.readouterr().err
        seen.close(reader)
    assert said.count(f"warning: {LATE} will end") == 1
    assert "warning" not in capsys.readouterr().err


def test_without_a_forecast_there_is_no_column_for_it(scalelab: Run, finished: Path) -> None:
    assert " ends " not in scalelab("status", str(finished)).out


def test_fit_counts_unfinished_runs_only_when_asked(scalelab: Run, curved: Path) -> None:
    plain, asked = (document(scalelab("fit", str(curved), *more, "--json")) for more in ((), ("--unfinished",)))
    assert LATE not in str(plain["notes"]) and len(asked["runs"]) == len(plain["runs"]) + 1
    assert LATE in asked["notes"][0] and "with a forecast of the final loss" in asked["notes"][0]
    shown = scalelab("fit", str(curved), "--unfinished", "--no-plot")
    assert shown.code == 0 and "1 unfinished run enters" in shown.out
    assert "--unfinished" in shown.out


def test_predict_and_report_count_unfinished_runs_when_asked(scalelab: Run, curved: Path, tmp_path: Path) -> None:
    asked = ("predict", str(curved), "--params", "1M", "--tokens", "10M")
    plain, more = (document(scalelab(*asked, *extra, "--json")) for extra in ((), ("--unfinished",)))
    assert plain["prediction"]["loss"] != more["prediction"]["loss"]
    page = tmp_path / "page.html"
    assert scalelab("report", str(curved), "--unfinished", "-o", str(page)).code == 0
    assert "1 unfinished run enters" in page.read_text()


def test_unfinished_is_for_labs(scalelab: Run, table: Path) -> None:
    for verb in ("fit", "report", "predict --params 1M --tokens 10M"):
        refused = scalelab(*verb.split(), str(table), "--unfinished")
        assert refused.code == 2 and "--unfinished is for labs" in refused.err
