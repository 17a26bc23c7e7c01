"""What W&B exports: the runs' table, with runs that crashed in it, and a chart's curves, a column for each run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput

RUNS = """"Name","State","Notes","User","Tags","Created","Runtime","Sweep","config.n_params","seed","eval/loss","train/loss","tokens"
"a","finished","-","me","","2024-01-01","100","","1000000","1","4.1","3.0","20000000"
"b","crashed","-","me","","2024-01-01","50","","2000000","1","3.9","3.0","20000000"
"c","failed","-","me","","2024-01-01","1","","2000000","1","","",""
"d","killed","-","me","","2024-01-01","1","","2000000","1","4.0","3.0","20000000"
"e","running","-","me","","2024-01-01","1","","2000000","1","4.0","3.0","20000000"
"f","Finished","-","me","","2024-01-01","1","","4000000","2","3.7","2.0","40000000"
"""  # noqa: E501


def test_the_table_of_runs_leaves_out_what_crashed(tmp_path: Path) -> None:
    path = tmp_path / "wandb_export.csv"
    path.write_text(RUNS)
    runs = laws.read_runs(path)
    assert runs.run_id == ("a", "f")
    np.testing.assert_array_equal(runs.loss, [4.1, 3.7])
    assert {item.line: item.reason for item in runs.excluded} == {
        line: f"its state is '{state}': no finished run"
        for line, state in ((3, "crashed"), (4, "failed"), (5, "killed"), (6, "running"))
    }


def curves(
    path: Path, names: list[str], values: list[list[str]], axis: str = "Step", metric: str = "eval/loss"
) -> Path:
    head = [axis] + [f"{name} - {metric}{twin}" for name in names for twin in ("", "__MIN", "__MAX")]
    rows = [[row[0], *(cell for value in row[1:] for cell in (value, value, value))] for row in values]
    path.write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in [head, *rows]) + "\n")
    return path


def test_a_chart_of_curves_is_a_run_a_column(tmp_path: Path) -> None:
    path = curves(
        tmp_path / "chart.csv",
        ["llama-125M-lr3e-4", "llama-1.3B - again", "llama-7B"],
        [["1000000", "6.0", "5.9", ""], ["2000000", "4.0", "", ""], ["3000000", "", "3.5", ""]],
        axis="tokens",
    )
    runs = laws.read_runs(path)
    assert runs.run_id == ("llama-125M-lr3e-4", "llama-1.3B - again")
    np.testing.assert_array_equal(runs.n_params, [125e6, 1.3e9])
    np.testing.assert_array_equal(runs.n_tokens, [2e6, 3e6])
    np.testing.assert_array_equal(runs.loss, [4.0, 3.5])
    assert [(item.run, item.reason) for item in runs.excluded] == [("llama-7B", "its curves are empty")]
    assert "n_params read from the runs' names: 125M in 'llama-125M-lr3e-4'" in runs.notes
    assert any("last holds" in note for note in runs.notes)


def test_tokens_may_stand_in_the_names_too(tmp_path: Path) -> None:
    path = curves(tmp_path / "chart.csv", ["N125M-D2.5B", "N350M-D7B"], [["10", "4", "3.8"], ["20", "3.9", "nan"]])
    runs = laws.read_runs(path)
    np.testing.assert_array_equal((runs.n_params, runs.n_tokens), ([125e6], [2.5e9]))
    assert runs.excluded[0].run == "N350M-D7B"
    assert "no point" in runs.excluded[0].reason


@pytest.mark.parametrize("names", [["a", "b"], ["125M", "b"], ["125M-350M", "1B-2B"]])
def test_sizes_that_not_every_name_says_once_are_not_guessed(tmp_path: Path, names: list[str]) -> None:
    path = curves(tmp_path / "chart.csv", names, [["10", "4", "3.8"]])
    with pytest.raises(BadInput, match="no column for n_params"):
        laws.read_runs(path)


def test_the_axis_can_be_mapped(tmp_path: Path) -> None:
    path = curves(tmp_path / "chart.csv", ["125M", "350M"], [["10", "4", "3.8"]], metric="lm_eval")
    runs = laws.read_runs(path, columns={"D": "Step", "L": "lm_eval"})
    np.testing.assert_array_equal(runs.n_tokens, [10, 10])
    np.testing.assert_array_equal(runs.loss, [4.0, 3.8])


def test_three_thousand_curves_with_long_names(tmp_path: Path) -> None:
    names = [f"{'sweep-' * 20}{i}-{i + 100}M" for i in range(3_000)]
    path = curves(tmp_path / "chart.csv", names, [["10", *["4.25"] * 3_000], ["20", *["3.5"] * 3_000]], axis="tokens")
    assert len(path.read_text().splitlines()[0]) > 1_000_000
    runs = laws.read_runs(path)
    assert len(runs) == 3_000
    assert (runs.loss == 3.5).all()
    assert runs.n_params[:2].tolist() == [100e6, 101e6]
