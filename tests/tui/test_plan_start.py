"""A lab of questions and answers, chosen and started by keys in the plan's view; what the app's process never does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from scalelab import preset_files
from scalelab.lab import lock, resume
from scalelab.lab.paths import lab_paths
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.views.plan import PlanView
from scalelab.tui.views.sheet import Sheet
from tests.tui.screens import app, settle, text, until
from tests.tui.test_process import NEVER, PATIENCE, ROOT

SMALL = """
name = "small"
[model]
context = 16
head_dim = 8
[ladder]
shapes = ["8x1", "16x1"]
[budgets]
tokens = ["20k", "40k"]
[schedule]
warmup_steps = 5
[batch]
sequences = 8
[evaluation]
tokens = 1024
points = 1
pairs = 12
[hardware]
device = "cpu"
slots = 2
"""


async def long(pilot: Pilot[Any], there: Callable[[], bool]) -> None:
    """Until something is there that other processes do."""
    end = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < end
        await pilot.pause(0.05)


def test_a_lab_of_questions_is_chosen_started_and_trained(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALELAB_CACHE", str(nothing / "cache"))
    (nothing / "small.toml").write_text(SMALL)
    root = nothing / "labs" / "small"

    async def see() -> str:
        async with app(preset="small.toml", size=(120, 40)) as (made, pilot):
            await until(pilot, lambda: "points" in text(made))
            made.screen.query_one(Sheet).go("task")
            await settle(pilot)
            await pilot.press("h")
            await settle(pilot)
            command = made.screen.query_one(PlanView).command
            await pilot.press("s")
            await long(pilot, lambda: isinstance(made.screen, LabScreen))
            await long(pilot, lambda: "finished 4 of 4" in text(made))
            return command

    try:
        command = asyncio.run(see())
    finally:
        if (owner := lock.holder(root / "lock")) is not None:
            os.kill(owner.pid, signal.SIGTERM)
    sets = ["task=qa", "corpus.source=facts", "model.context=32"]
    assert command == f"scalelab run --preset small.toml {' '.join(f'--set {each}' for each in sets)} --lab labs/small"
    assert resume.stored_preset(lab_paths(root)) == preset_files.load("small.toml", sets)
    with Reader(lab_paths(root).store) as reader:
        assert {row.state for row in reader.runs()} == {RunState.DONE}
        assert {(score.name, score.n) for score in reader.scores()} == {("exact", 12), ("f1", 12)}


_TYPES = """
import asyncio, socket, sys
from textual.events import Paste
def refuse(*_, **__):
    raise AssertionError("the app asked the network")
socket.getaddrinfo = socket.create_connection = refuse
from scalelab.tui.app import LabApp, Opening
from scalelab.tui.views.sheet import Sheet
async def see():
    app = LabApp(Opening(preset="augment"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
        sheet = app.screen.query_one(Sheet)
        for key, text in (("corpus.source", "fineweb-edu:CC-MAIN-2024-10"), ("corpus.source", "hf:a/b@main#c"),
                          ("corpus.tokenizer", "owner/name"), ("groups[2].source", "c4=0.5,openwebtext=0.5")):
            sheet.go(key)
            await pilot.press("enter", *["backspace"] * 20)
            for place in range(0, len(text), 5):
                sheet.on_paste(Paste(text[place : place + 5]))
                await pilot.pause()
            await pilot.press("enter")
            await pilot.pause()
        sheet.go("task")
        await pilot.press("l", "l", "v", "j")
        await pilot.pause()
asyncio.run(see())
print(",".join(name for name in sys.argv[1].split(",") if name in sys.modules))
"""


def test_typing_corpora_imports_nothing_that_trains_and_asks_no_network(nothing: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _TYPES, ",".join(NEVER)], cwd=nothing, capture_output=True, text=True,
        timeout=PATIENCE, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.strip() == ""
