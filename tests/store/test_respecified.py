"""A run's spec may change before it ends; readers that are open see it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.store.samples import spec


def test_an_open_reader_sees_a_spec_that_was_changed_and_runs_that_were_added(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    first, more = spec(), spec("32x1-D1k-s0", seed=3)
    with Writer(path) as writer, Reader(path) as reader:
        writer.create("")
        writer.add_runs([(first, 1.5)])
        assert [row.spec for row in reader.runs()] == [first]
        for micro in (2, 1):
            smaller = replace(first, micro_sequences=micro)
            writer.set_spec(smaller)
            assert [(row.spec, row.expected_seconds) for row in reader.runs()] == [(smaller, 1.5)]
        writer.set_spec(first, 9.0)
        writer.add_runs([(more, 2.5)], first=1)
        assert [(row.spec, row.position, row.expected_seconds) for row in reader.runs()] == [
            (first, 0, 9.0),
            (more, 1, 2.5),
        ]
