"""What a reason quotes of a worker's log: what was wrong, and nothing of a run that was well until it died."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from scalelab.lab.executor import Job
from scalelab.lab.worker_log import last_words, why_it_died
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, family, whole
from tests.training.making import make_spec, make_tokens, run

BEGAN = "2026-03-01 12:00:00 a-D10-s0 attempt {} on cpu: from step 0 to 500, 0.02 epochs of the corpus\n"


def test_last_words_are_the_end_of_the_log_on_one_harmless_line(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"old\n" * 5_000 + b"first\n\x1b[31mred\xff\n\nlast\n")
    said = last_words(log)
    assert said.endswith("last") and "first" in said and "\x1b" not in said and "\n" not in said
    log.write_text("a long line " * 50 + "\nMemoryError: no room\n")
    assert last_words(log).endswith("MemoryError: no room")
    assert last_words(tmp_path / "none") == ""


def test_a_run_that_was_well_until_it_was_killed_has_nothing_to_tell(tmp_path: Path) -> None:
    run(make_spec(), make_tokens(tmp_path / "tokens"), tmp_path / "run")
    log = tmp_path / "run" / "log.txt"
    began, done = log.read_text().splitlines(keepends=True)
    assert " attempt " in began and " done at step " in done
    assert why_it_died(log) == "", "killed before it could tell that it was done"
    log.write_text(began)
    assert why_it_died(log) == "", "killed on the way"


def test_what_went_wrong_since_the_attempt_began_is_quoted_and_what_ended_earlier_ones_is_not(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    earlier = BEGAN.format(1) + "ValueError: of the first attempt\n2026-03-01 12:00:01 failed at step 3: ValueError\n"
    log.write_text(earlier + BEGAN.format(2))
    assert why_it_died(log) == ""
    passed = "2026-03-01 12:00:03 paused: no room on the disk\n2026-03-01 12:00:04 goes on: there is room\n"
    log.write_text(earlier + BEGAN.format(2) + passed)
    assert why_it_died(log) == ""
    warned = "2026-03-01 12:00:05 warning: checkpoint 8 was not saved\n"
    log.write_text(earlier + BEGAN.format(2) + passed + warned + "terminate called: \x1b[31mno driver\n")
    assert why_it_died(log).startswith("2026-03-01 12:00:05 warning: checkpoint 8 was not saved | terminate called: ")
    assert "\x1b" not in why_it_died(log)
    log.write_text("Traceback\nImportError: no library\n")
    assert why_it_died(log) == "Traceback | ImportError: no library", "before there was an attempt"


def test_of_a_crash_in_native_code_the_signal_and_its_place_are_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    crash = "import faulthandler, numpy\nfaulthandler.enable()\ndef here():\n    faulthandler._sigsegv()\nhere()\n"
    (program := tmp_path / "crash.py").write_text(crash)
    with open(log, "wb") as stream:
        subprocess.run([sys.executable, program], stderr=stream, check=False)
    assert "Extension modules" in log.read_text()
    said = why_it_died(log)
    assert said.startswith("Fatal Python error: Segmentation fault | File ")
    assert said.endswith('crash.py", line 4 in here')


def test_the_reason_of_a_killed_run_quotes_no_routine_lines(bench: Bench) -> None:
    bench.plan(family("a", (10,)))

    def play(job: Job) -> Any:
        if job.spec.run != "a-D10-s0":
            return whole(job)
        log = bench.paths.run_dir(job.spec.run) / "log.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(BEGAN.format(job.attempt) + ("" if job.attempt < 3 else "CUDA error: unknown\n"))
        return "killed by SIGKILL"

    bench.session(FakeExecutor(play))
    retried = [text for kind, text in bench.events if kind == "retry"]
    assert retried == ["a-D10-s0: killed by SIGKILL; it goes on from its last checkpoint"] * 2
    with bench.reader() as reader:
        row = reader.run("a-D10-s0")
    assert row is not None and row.reason == "killed by SIGKILL; its log ends: CUDA error: unknown"
