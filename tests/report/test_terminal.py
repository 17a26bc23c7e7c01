"""The report that ends a run, as a person sees it: goldens at two widths, and every odd table there can be."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.report.console import console
from scalelab.report.layout import packed
from scalelab.report.source import Subject
from scalelab.report.terminal import print_report
from tests.report.fixed import subject

GOLDENS = Path(__file__).parent / "goldens"


def printed(about: Subject, width: int, *, height: int = 17) -> str:
    """The report as plain text."""
    stream = io.StringIO()
    print_report(console(stream, width=width), about, plot_height=height)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize(("width", "height"), [(80, 17), (200, 30)])
def test_report_is_as_it_was(width: int, height: int) -> None:
    golden = GOLDENS / f"report-{width}.txt"
    text = printed(subject(), width, height=height)
    if os.environ.get("SCALELAB_WRITE_GOLDENS"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("width", [40, 60, 80, 133, 200])
def test_the_picture_and_sentences_fit_the_width(width: int) -> None:
    lines = printed(subject(), width).splitlines()
    # Formulas and run names are not broken, all else fits.
    assert [line for line in lines if len(line) > max(width, 80)] == []


def test_every_number_that_was_promised_stands_in_it() -> None:
    text = printed(subject(), 80)
    for words in ("P = k · N^α · D^β", "L = E + A/N^α + B/D^β", "95 % intervals", "R² in log space", "held back",
                  "The honest check", "At 10 × the largest run", "Left out of the fit: 1 of 21 runs", "NaN at step 312",
                  "Loss falls with N at every D and with D at every N."):  # fmt: skip
        assert words in text


def test_colour_appears_on_a_terminal_and_not_under_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()
    print_report(console(stream, width=80), subject(), plot_height=12)
    assert "\x1b[38;5;214m" in stream.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    print_report(console(stream, width=80), subject(), plot_height=12)
    assert "38;5" not in stream.getvalue()


@pytest.mark.parametrize("n_runs", range(10))
def test_few_runs_get_what_can_be_said(n_runs: int) -> None:
    whole = subject()
    few = whole.runs.take(np.arange(n_runs))
    text = printed(replace(whole, runs=few, assessment=laws.assess(few)), 80)
    assert text.startswith("tiny: ")
    if n_runs < 6:
        assert "no law yet" in text or "no finished runs" in text


def test_runs_on_a_line_have_their_exponents_withheld() -> None:
    n_params = [1e4 * 2**i for i in range(12)]
    table = laws.run_table(
        n_params=n_params,
        n_tokens=[20 * n for n in n_params],
        loss=[1.5 + 30 * n**-0.35 * (1 + 0.001 * (-1) ** i) for i, n in enumerate(n_params)],
    )
    text = printed(replace(subject(), runs=table, assessment=laws.assess(table), rung_names={}), 80)
    assert "exponents withheld" in text
    assert "trust neither the split" in text
    assert "trust neither the split" not in printed(subject(), 80)


def test_packed_items_are_never_broken() -> None:
    items = ["α 0.45 [0.37, 0.54]"] * 5
    lines = packed(items, 50, indent=4)
    assert all(len(line) <= 50 for line in lines)
    assert "   ".join(line.strip() for line in lines).split("   ") == items


def test_a_narrow_table_of_laws_leaves_the_formulas_out() -> None:
    lines = printed(subject(), 50).splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("Laws, with"))
    told = lines[start : lines.index("", start)]
    assert max(map(len, told)) <= 50 and not any("D_c/D]" in line for line in told)
    assert any("D_c/D]" in line for line in printed(subject(), 80).splitlines())


def test_runs_that_weigh_differently_are_told_so() -> None:
    about = subject()
    weighed = replace(about.runs, weight=np.linspace(0.5, 1.5, len(about.runs)))
    assert "runs weigh 0.5 to 1.5 times the mean" in " ".join(printed(replace(about, runs=weighed), 80).split())
    assert "runs weigh" not in printed(about, 80)
