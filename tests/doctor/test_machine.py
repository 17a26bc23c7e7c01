"""Memory, cores and descriptors of machines that are not here."""

from __future__ import annotations

from dataclasses import replace

from scalelab.doctor import machine
from scalelab.doctor.line import Verdict
from scalelab.doctor.machine import Machine

GOOD = Machine(memory_free=20e9, memory_total=25e9, cores=8, load=0.2, descriptors=1024)


def verdicts(one: Machine) -> dict[str, Verdict]:
    return {line.check: line.verdict for line in machine.look(one)}


def test_a_good_machine_is_ok() -> None:
    assert set(verdicts(GOOD).values()) == {Verdict.OK}


def test_little_memory_is_told_and_too_little_fails() -> None:
    assert verdicts(replace(GOOD, memory_free=1e9))["memory"] is Verdict.WARN
    assert verdicts(replace(GOOD, memory_free=1e8))["memory"] is Verdict.FAIL


def test_cores_that_others_want_are_told() -> None:
    assert verdicts(replace(GOOD, load=5.0))["cores"] is Verdict.WARN


def test_few_descriptors_are_told_and_no_limit_is_none() -> None:
    assert verdicts(replace(GOOD, descriptors=64))["descriptors"] is Verdict.WARN
    assert verdicts(replace(GOOD, descriptors=-1))["descriptors"] is Verdict.OK


def test_this_machine_is_measured() -> None:
    here = machine.measure()
    assert 0 < here.memory_free <= here.memory_total
    assert here.cores >= 1 and here.load >= 0
