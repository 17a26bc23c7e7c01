"""Parquet: the same rules as for a CSV, only the columns that matter, nothing believed that a damaged file says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from scalelab import laws
from scalelab.errors import BadInput


def write(path: Path, **columns: object) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def test_plain_columns_structs_and_integers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "runs.parquet",
        name=["a", "b", "c"],
        config=[{"n_params": 10**6, "seed": 1}, {"n_params": 2 * 10**6, "seed": 2}, None],
        tokens=pa.array([20, 40, 60], pa.int64()),
        loss=pa.array([4.1, 3.9, None], pa.float32()),
        tags=[["x"], [], None],
        kind=pa.array(["x", "y", "x"]).dictionary_encode(),
    )
    runs = laws.read_runs(path)
    assert runs.run_id == ("a", "b")
    np.testing.assert_array_equal(runs.n_params, [1e6, 2e6])
    np.testing.assert_array_equal(runs.n_tokens, [20, 40])
    np.testing.assert_allclose(runs.loss, [4.1, 3.9], rtol=1e-6)
    assert [(item.line, item.run, item.reason) for item in runs.excluded] == [(3, "c", "n_params is empty")]
    assert laws.read_runs(path, where="kind = 'y'").run_id == ("b",)
    assert laws.read_runs(path, where="config.seed < 2").run_id == ("a",)


def test_the_same_table_as_csv_and_as_parquet(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    n = 10 ** generator.uniform(6, 9, 3000)
    loss = 2 + 400 / n**0.34
    loss[::7] = np.nan
    csv = tmp_path / "runs.csv"
    lines = [f"{a!r},{20 * a!r},{b!r}" for a, b in zip(n.tolist(), loss.tolist(), strict=True)]
    csv.write_text("Model Size,tokens,loss\n" + "\n".join(lines) + "\n")
    other = write(tmp_path / "runs.parquet", **{"Model Size": n, "tokens": 20 * n, "loss": loss})
    one, two = laws.read_runs(csv), laws.read_runs(other)
    np.testing.assert_array_equal(one.n_params, two.n_params)
    np.testing.assert_array_equal(one.loss, two.loss)
    assert one.n_excluded == two.n_excluded == 429
    assert one.notes == two.notes


@pytest.mark.parametrize("cut", [4, 40, 200, -1, -9])
def test_a_torn_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "runs.parquet", n_params=[1e6], tokens=[1e7], loss=[3.0])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BadInput, match="damaged or no Parquet"):
        laws.read_runs(path)


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bytes_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    path = write(tmp_path / "runs.parquet", n_params=[1e6, 2e6], tokens=[1e7, 3e7], loss=[3.0, 2.9])
    body = bytearray(path.read_bytes())
    generator = np.random.default_rng(seed)
    for at in generator.integers(4, len(body), 4):
        body[at] ^= int(generator.integers(1, 255))
    path.write_bytes(bytes(body))
    try:
        runs = laws.read_runs(path)
    except BadInput as told:
        assert told.line().isprintable()
    else:
        assert np.isfinite(runs.loss).all()


def test_more_rows_than_runs_exist_are_refused_unread(tmp_path: Path) -> None:
    column = pa.array(np.ones(6_000_000), pa.float64())
    path = write(tmp_path / "runs.parquet", n_params=column, tokens=column, loss=column)
    with pytest.raises(BadInput, match="6,000,000 rows"):
        laws.read_runs(path)


def test_a_column_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = pa.array(["x" * 1_000_000 + str(i) for i in range(20)])
    ones = pa.array(np.linspace(1, 2, 20))
    path = tmp_path / "bomb.parquet"
    table = pa.table({"n_params": ones, "tokens": ones, "loss": ones, "name": text})
    parquet.write_table(table, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 50_000
    assert len(laws.read_runs(path).run_id[0]) == 200
    monkeypatch.setattr("scalelab.laws.reading.parquet.MOST_BYTES", 10_000_000)
    with pytest.raises(BadInput, match=r"'name' .* unpacks to more than a gigabyte"):
        laws.read_runs(path)
