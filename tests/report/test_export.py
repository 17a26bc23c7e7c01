"""Tables for other programs, read back by the programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from scalelab import laws
from scalelab.report import export
from scalelab.report.export import Format, Table
from scalelab.store.reader import Reader
from tests.simulated import SimulatedLab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = SimulatedLab(tmp_path_factory.mktemp("labs") / "smoke")
    for spec in made.plan.runs[:-1]:
        made.finish(spec.run)
    made.close()
    return made.folder


def written(lab: Path, form: Format, table: Table = Table.RUNS) -> bytes:
    with Reader(lab / "lab.db") as reader:
        rows = export.rows_of(reader, table)
    stream = io.BytesIO()
    export.write(rows, form, stream, table)
    return stream.getvalue()


def test_csv_is_read_back_by_fit(lab: Path, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(written(lab, Format.CSV))
    runs = laws.read_runs(path)
    assert len(runs) == 8
    assert runs.n_excluded == 1  # the run that is still planned has no loss
    assert runs.flops is not None
    assert set(runs.run_id) <= set(path.read_text().replace("\n", ",").split(","))


def test_csv_keeps_every_digit(lab: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(written(lab, Format.CSV).decode())))
    with Reader(lab / "lab.db") as reader:
        finals = {final.run: final.loss for final in reader.finals()}
    assert {row["run"]: float(row["loss"]) for row in rows if row["loss"]} == finals


def test_parquet_is_read_back(lab: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(written(lab, Format.PARQUET)))
    assert table.num_rows == 9
    assert table.column("loss").null_count == 1


@pytest.mark.parametrize("table", list(Table))
def test_json_names_its_schema(lab: Path, table: Table) -> None:
    document = json.loads(written(lab, Format.JSON, table))
    assert document["schema"] == f"scalelab.{table}/1"
    assert document[str(table)]


@pytest.mark.parametrize("cell", ["=1+1", "+x", "-x", "@sum", "\t=1", "\r=1"])
def test_formulas_are_guarded(cell: str) -> None:
    assert str(export.guarded(cell)).startswith("'")


def test_numbers_are_not_guarded() -> None:
    assert export.guarded(-1.5) == "-1.5"
    assert export.guarded(float("nan")) == ""


def test_no_rows_are_an_empty_table() -> None:
    for form in Format:
        export.write([], form, io.BytesIO())
