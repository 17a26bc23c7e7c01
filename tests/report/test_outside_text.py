"""Whatever bytes a name, a reason, a prompt or a sample is made of, no control byte reaches the screen."""

from __future__ import annotations

import io
import json
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.cli.options import print_json
from scalelab.cli.streams import say
from scalelab.gate import clean_lines
from scalelab.records import RunState
from scalelab.report import document, export, prediction, progress
from scalelab.report.console import console
from scalelab.report.terminal import print_report
from scalelab.store.rows import RunRow
from tests.report.fixed import subject
from tests.simulated import CPU, SimulatedLab

WHOLE = subject()
HOSTILE = st.one_of(
    st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")),
    st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    st.text(max_size=40),
    st.sampled_from([
        "\x1b[2J\x1b]0;x\x07", "a [/foo] b [bold]", "\u202eabc", "x\ny\rz\t", "\x9b31m", ":smile:", "{0}%s",
    ]),
)  # fmt: skip
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def harmless(text: str) -> bool:
    """Whether nothing in the text acts on a terminal, line breaks aside."""
    return not [char for char in text if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(HOSTILE)
@settings(FEW, max_examples=20)
def test_report(text: str) -> None:
    seen = replace(
        WHOLE.assessment, excluded=(laws.Exclusion(run=text, reason=text, line=3),), n_excluded=1, verdicts=(text,),
        hold_outs=tuple(replace(each, left_out=(text,)) for each in WHOLE.assessment.hold_outs),
    )  # fmt: skip
    run = WHOLE.runs.run_id[0]
    about = replace(
        WHOLE,
        name=text,
        facts=(text,),
        assessment=seen,
        runs=replace(WHOLE.runs, notes=(text,)),
        rung_names={run: text},
    )
    stream = io.StringIO()
    print_report(console(stream, width=80), about, plot_height=10)
    assert harmless(stream.getvalue())


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[RunRow]:
    lab = SimulatedLab(tmp_path_factory.mktemp("lab") / "x")
    from scalelab.store.reader import Reader

    with Reader(lab.folder / "lab.db") as reader:
        return reader.runs()


@given(HOSTILE, st.sampled_from(list(RunState)), st.integers(20, 120))
@FEW
def test_progress(rows: list[RunRow], text: str, state: RunState, width: int) -> None:
    odd = [replace(row, state=state, reason=text, spec=replace(row.spec, run=text, rung=text)) for row in rows]
    shot = progress.Snapshot(name=text, rows=odd, device=CPU, event=text, elapsed=1.0, left=2.0)
    lines = progress.lines(shot, width, 20)
    assert harmless("\n".join(lines))
    assert all(len(line) <= width for line in lines)


@given(HOSTILE)
@example(" =1+1")
@example("\n@cmd")
@FEW
def test_csv_cells_neither_act_nor_become_formulas(text: str) -> None:
    stream = io.BytesIO()
    export.write([{"run": text, "loss": 2.5}], export.Format.CSV, stream)
    written = stream.getvalue().decode()
    assert harmless(written)
    cell = written.splitlines()[1].removeprefix('"')
    assert cell[:1] not in {"=", "+", "-", "@"}


@given(HOSTILE)
@FEW
def test_json_is_ascii(text: str) -> None:
    about = replace(WHOLE, name=text, path=text, facts=(text,))
    forecast = prediction.for_run(WHOLE.assessment, 1e6, 1e7)
    for each in (document.report_document(about), prediction.document(forecast, about)):
        assert json.dumps(each["source"], ensure_ascii=True).isascii()


@given(HOSTILE)
@FEW
def test_samples(text: str) -> None:
    assert harmless(clean_lines(text))


def test_json_on_stdout_and_talk_on_stderr_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "\x1b[2J\u202e", "loss": float("nan")})
    say("plain")
    out, err = capsys.readouterr()
    assert harmless(out)
    assert json.loads(out)["loss"] is None
    assert err == "plain\n"
