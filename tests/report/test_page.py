"""The HTML report: one file that asks for nothing, says everything, and lets no text become markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from scalelab import laws
from scalelab.laws.card import Card, card
from scalelab.laws.replay import Origin
from scalelab.report.growth import iso_flop_of
from scalelab.report.page import page
from scalelab.report.pictures import Picture, pictures_of
from scalelab.report.source import Subject
from tests.report.fixed import subject
from tests.report.test_markup import Seen

ORIGIN = Origin(words=("labs/tiny",), reading="…")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\u202e\"'&"


def made(about: Subject) -> tuple[Card, list[Picture], str]:
    """Card, figures and page of a subject."""
    its_card, pictures = card(about.assessment, about.runs, ORIGIN), pictures_of(about)
    return its_card, pictures, page(about, its_card, pictures)


@pytest.fixture(scope="module")
def whole() -> tuple[Card, list[Picture], str]:
    return made(subject())


def test_it_asks_for_nothing_and_runs_nothing(whole: tuple[Card, list[Picture], str]) -> None:
    text = whole[2]
    seen = Seen(text)
    assert not {"script", "img", "link", "iframe", "object"} & set(seen.tags)
    fetched = [value for name, value in seen.attributes if name in {"src", "href", "xlink:href", "srcset"}]
    assert all(value is not None and value.startswith("#") for value in fetched)
    assert not re.findall(r"url\((?!#)", text)
    assert "@import" not in text


def test_it_says_what_a_reader_came_for(whole: tuple[Card, list[Picture], str]) -> None:
    its_card, pictures, text = whole
    seen = subject().assessment
    assert seen.optimum is not None
    said = Seen(text).text
    for words in ("At ten times the largest run", "Which law", "What the runs can say", "The honest check",
                  "Runs of the fit", "Left out of the fit: 1 run", "the loss is NaN at step 312", "The fit's card",
                  "To fit it again", its_card.data_hash, its_card.shell, "80x1-D1.2M-s0",
                  *(each.caption for each in pictures), *(fit.law for fit in seen.fits)):  # fmt: skip
        assert words in said, words


def test_it_follows_light_and_dark_and_prints(whole: tuple[Card, list[Picture], str]) -> None:
    text = whole[2]
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "var(--ink)" in text and "--ink: #" in text


def test_every_figure_is_a_drawing_with_a_name_and_ids_are_used_once(whole: tuple[Card, list[Picture], str]) -> None:
    _, pictures, text = whole
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == len(pictures) >= 4
    for each in drawings:
        ET.fromstring(each)
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'aria-labelledby="([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text):
        assert name in ids


def test_the_same_subject_gives_the_same_bytes(whole: tuple[Card, list[Picture], str]) -> None:
    about = subject()
    assert made(about)[2] == made(about)[2]


def test_no_name_from_a_file_becomes_markup() -> None:
    about = subject()
    seen = replace(
        about.assessment, excluded=(laws.Exclusion(run=HOSTILE, reason=HOSTILE, line=3),), verdicts=(HOSTILE,),
        hold_outs=tuple(replace(each, left_out=(HOSTILE,)) for each in about.assessment.hold_outs),
    )  # fmt: skip
    runs = replace(about.runs, notes=(HOSTILE,), run_id=(HOSTILE, *about.runs.run_id[1:]), count_name=HOSTILE)
    hostile = replace(about, name=HOSTILE, path=HOSTILE, facts=(HOSTILE,), runs=runs, assessment=seen)
    text = page(hostile, replace(card(seen, runs, ORIGIN), shell="", python=HOSTILE), pictures_of(hostile))
    found = Seen(text)
    assert not {"script", "img"} & set(found.tags)
    assert "\x1b" not in text and "\u202e" not in text
    assert "alert(1)" in found.text


def test_levels_of_compute_are_shown_beside_the_laws(shared_data: object) -> None:
    where = {"series": "rw-tuned-short-const-standard-val"}
    runs = laws.read_runs(f"{shared_data}/porian.csv", where=where)
    seen = laws.assess(runs, laws=("chinchilla",))
    about = Subject(name="porian", path="", runs=runs, assessment=seen, iso_flop=iso_flop_of(runs))
    _, pictures, text = made(about)
    assert "isoflop" in {each.key for each in pictures}
    assert "isoFLOP minima" in Seen(text).text


def test_a_table_of_many_runs_is_folded_and_cut() -> None:
    import numpy as np

    n = np.tile(np.geomspace(1e6, 1e9, 30), 30)
    d = np.repeat(np.geomspace(1e8, 1e11, 30), 30)
    runs = laws.run_table(n_params=n, n_tokens=d, loss=1.7 + 400 / n**0.34 + 1500 / d**0.36)
    seen = laws.assess(runs, laws=("chinchilla",))
    text = made(Subject(name="many", path="", runs=runs, assessment=seen))[2]
    assert "and 500 more" in text
    assert text.count("<details>") >= 1
    assert len(text) < 1_500_000
