"""SOURCE in all its kinds: tables, folders of runs, labs; --map, --where and --count mean the same for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from scalelab.cli.sources import open_subject, reading_code, reading_words
from scalelab.errors import BadInput
from scalelab.laws import Exclusion, RunTable
from tests.cli.conftest import Ran, document
from tests.simulated import noise, true_loss

Run = Callable[..., Ran]
GRID = [(n, d) for n in (1e4, 3e4, 9e4, 2.7e5) for d in (2e5, 6e5, 1.8e6, 5.4e6)]


def loss_of(n: float, d: float) -> float:
    return true_loss(n, d) * noise(f"{n}{d}")


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """The same sixteen runs as four kinds of source, and one run that is none in each."""
    csv, lines, table, folder = (tmp_path / name for name in ("runs.tsv", "runs.jsonl", "runs.parquet", "runs"))
    rows = [{"config": {"Model Size": n}, "seen": d, "eval/loss": loss_of(n, d), "nt": 2 * n} for n, d in GRID]
    rows.append({"config": {"Model Size": 5e4}, "seen": 1e6, "eval/loss": float("nan"), "nt": 1e5})
    flat = [[row["config"]["Model Size"], row["seen"], row["eval/loss"], row["nt"]] for row in rows]  # type: ignore[index]
    header = ["config.Model Size", "seen", "eval/loss", "n_total"]
    csv.write_text("\n".join("\t".join(map(str, row)) for row in [header, *flat]) + "\n")
    named = [dict(zip(header, row, strict=True)) for row in flat]
    lines.write_text("\n".join(json.dumps(row) for row in named))
    parquet.write_table(pa.Table.from_pylist(named), table)
    for i, (n, d, loss, _) in enumerate(flat):
        place = folder / f"run-{i:02}"
        place.mkdir(parents=True)
        state = {"global_step": 10, "max_steps": 10, "num_input_tokens_seen": d, "total_flos": 6 * n * d,
                 "log_history": [{"eval_loss": loss, "step": 10}]}  # fmt: skip
        (place / "trainer_state.json").write_text(json.dumps(state))
    return {"tsv": csv, "jsonl": lines, "parquet": table, "folder": folder}


@pytest.mark.parametrize("kind", ["tsv", "jsonl", "parquet", "folder"])
def test_every_kind_of_source_gives_the_same_law(scalelab: Run, sources: dict[str, Path], kind: str) -> None:
    mapped = () if kind == "folder" else ("--map", "D=seen")
    asked = ("predict", str(sources[kind]), "--params", "500k", "--tokens", "10M", "--json")
    there = document(scalelab(*asked, *mapped))["prediction"]
    assert there["loss"] == pytest.approx(true_loss(5e5, 1e7), rel=0.02)
    seen = open_subject(str(sources[kind]), ("D=seen",) if mapped else ())
    assert len(seen.runs) == 16
    assert [item.reason for item in seen.runs.excluded] == ["loss is 'nan': a run without a finite value is no point"]
    other = open_subject(str(sources["tsv"]), ("tokens=seen",))
    assert seen.assessment.best == other.assessment.best
    assert seen.assessment.fit().theta == pytest.approx(other.assessment.fit().theta, rel=1e-6)


@pytest.mark.parametrize("option", ["--map", "--column"])
def test_the_former_name_of_map_still_works_and_is_not_shown(
    scalelab: Run, sources: dict[str, Path], option: str
) -> None:
    ran = scalelab("predict", str(sources["tsv"]), option, "n_tokens=seen", "--compute", "1e14", "--json")
    assert ran.code == 0
    told = scalelab("predict", "--help").out
    assert "--map QUANTITY=HEADING" in told
    assert "--column" not in told


def test_rows_are_chosen_by_conditions(sources: dict[str, Path]) -> None:
    subject = open_subject(str(sources["tsv"]), ("D=seen",), ("tokens/n_params between 1 and 100", "N > 10k"))
    assert len(subject.runs) == sum(1 <= d / n <= 100 and n > 1e4 for n, d in GRID)
    assert "rows not chosen" in subject.runs.notes[-1]


def test_another_count_of_n_is_another_law(sources: dict[str, Path]) -> None:
    plain = open_subject(str(sources["tsv"]), ("D=seen",))
    total = open_subject(str(sources["tsv"]), ("D=seen",), count="n_total")
    assert total.runs.count_name == "n_total"
    assert total.runs.n_params.tolist() == (2 * plain.runs.n_params).tolist()
    ours, theirs = (each.assessment.predict(n, 1e7).loss for each, n in ((plain, 5e5), (total, 1e6)))
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_a_lab_has_counts_and_conditions_too(finished: Path) -> None:
    whole = open_subject(str(finished), stored=True)
    total = open_subject(str(finished), count="n_total", stored=True)
    assert total.runs.count_name == "n_total"
    assert (total.runs.n_params > whole.runs.n_params).all()
    assert total.assessment.n_runs == whole.assessment.n_runs == 8
    few = open_subject(str(finished / "lab.db"), where=("tokens > 50k",), stored=True)
    assert 0 < len(few.runs) < 8
    assert few.assessment.n_runs == len(few.runs)
    assert few.runs.n_excluded == whole.runs.n_excluded


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("lab", {"columns": ("N=x",)}, "--map is for CSV files"),
        ("lab", {"count": "n_embd"}, "n_params, n_blocks, n_total"),
        ("lab", {"where": ("a=b",)}, "no column 'a'"),
        ("lab", {"where": ("loss > 99",)}, "none of the 8 runs"),
        ("tsv", {"columns": ("N",)}, "--map 'N'"),
        ("tsv", {"columns": ("D=seen", "N=nope")}, "no column 'nope' for n_params"),
        ("tsv", {"columns": ("D=seen",), "count": "nope"}, "no column counts N as 'nope'"),
        ("tsv", {"columns": ("D=seen",), "where": ("loss >",)}, "--where, column 7"),
        ("nowhere", {}, "there is no lab and no file"),
        ("empty", {}, "is not a lab"),
        ("empty/lab.db", {}, "is not a lab"),
    ],
)
def test_what_cannot_be_read_is_refused(
    sources: dict[str, Path], finished: Path, tmp_path: Path, source: str, options: dict[str, object], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    known = {"lab": finished, **sources}
    with pytest.raises(BadInput) as told:
        open_subject(str(known.get(source, tmp_path / source)), **options)  # type: ignore[arg-type]
    assert words in told.value.line()


def test_a_reading_can_be_repeated(sources: dict[str, Path]) -> None:
    given = {"columns": ("N=config.Model Size", "D=seen"), "where": ("N > 10k", "D < 5M"), "count": "n_total"}
    words = reading_words(**given)  # type: ignore[arg-type]
    assert words[:4] == ["--map", "N=config.Model Size", "--map", "D=seen"]
    assert words[4:] == ["--where", "N > 10k", "--where", "D < 5M", "--count", "n_total"]
    from scalelab import laws

    again: RunTable = eval(f"laws.read_runs(path{reading_code(**given)})", {"laws": laws, "path": sources["tsv"]})  # type: ignore[arg-type]
    first = open_subject(str(sources["tsv"]), **given).runs  # type: ignore[arg-type]
    assert again.run_id == first.run_id
    assert again.n_params.tolist() == first.n_params.tolist()


def test_a_source_without_a_law_names_the_first_row_left_out(tmp_path: Path) -> None:
    for i, loss in enumerate((3.0, float("nan"))):
        place = tmp_path / f"run-{i}"
        place.mkdir()
        state = {"global_step": 10, "max_steps": 10, "num_input_tokens_seen": 1e6, "total_flos": 6e12,
                 "log_history": [{"eval_loss": loss, "step": 10}]}  # fmt: skip
        (place / "trainer_state.json").write_text(json.dumps(state))
    with pytest.raises(BadInput, match="1 left out, the first run-1: loss is 'nan'"):
        open_subject(str(tmp_path))


def test_exclusions_of_a_source_are_records(sources: dict[str, Path]) -> None:
    assert open_subject(str(sources["tsv"]), ("D=seen",)).runs.excluded == (
        Exclusion(run="line-18", reason="loss is 'nan': a run without a finite value is no point", line=18),
    )
