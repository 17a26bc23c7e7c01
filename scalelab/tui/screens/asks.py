"""What may be asked of a lab: to stop, to go on, to try a run again, to grow. It asks first where something is lost.

Everything goes through `lab.control`, in a thread where that takes more than a moment; what trains are other processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from scalelab.errors import ScalelabError
from scalelab.gate import clean
from scalelab.records import RunState
from scalelab.tui.screens.base import Room
from scalelab.tui.screens.confirm import Choice, Confirm
from scalelab.tui.screens.problem import Problem

if TYPE_CHECKING:
    from scalelab.tui.snapshot import Snapshot
    from scalelab.tui.texts import Texts

NOW, SAVE, AFTER = "now", "save", "after"
HALF, SAME = "half", "same"
TRIED_AGAIN = frozenset({RunState.FAILED, RunState.DIVERGED, RunState.STOPPED})
"""States of runs that can be tried again."""
_STOPPING = {
    SAVE: "asked to save and stop; it takes some seconds",
    AFTER: "asked to stop after the runs under way; no new one begins",
    NOW: "asked to stop",
}


class Told(Message):
    """What came of something that was asked in a thread."""

    def __init__(self, words: str, error: ScalelabError | None = None) -> None:
        self.words, self.error = words, error
        super().__init__()


class Asks(Room):
    """A room over one lab that can be asked for something."""

    root: Path
    snapshot: Snapshot | None
    _texts: Texts | None = None
    """Who brings texts of its runs, once somebody wanted one."""

    def can_be_asked(self, name: str) -> bool:
        """Whether this action of a lab means something as the lab stands."""
        shot = self.snapshot
        match name:
            case "lab.stop":
                return shot is not None and shot.alive
            case "lab.go_on":
                return shot is not None and not (shot.alive or shot.elsewhere) and unfinished(shot)
            case "lab.extend" | "plan.new" | "runs.text" | "predict.text" if shot is not None and shot.elsewhere:
                return False
            case "lab.group" | "lab.group_before":
                return shot is not None and len(shot.groups) > 1
            case "runs.retry":
                return shot is not None and any(row.state in TRIED_AGAIN for row in shot.rows)
            case _:
                return True

    def ask(self, do: Callable[[], str]) -> None:
        """Do this in a thread and say what it says, or why it could not be done."""

        def work() -> None:
            try:
                self.post_message(Told(do()))
            except ScalelabError as problem:
                self.post_message(Told("", problem))

        threading.Thread(target=work, name="scalelab-ask", daemon=True).start()

    @on(Told)
    def _told(self, message: Told) -> None:
        message.stop()
        self.say(message.words)
        if message.error is not None:
            log = self.root / "supervisor.log"
            self.app.push_screen(Problem("not done", message.error, log if log.exists() else None))

    # What keys do

    def action_stop(self) -> None:
        """Ask how to stop."""
        shot = self.snapshot
        if shot is None or not shot.alive:
            self.say("nobody trains this lab now")
            return
        running = sum(row.state is RunState.RUNNING for row in shot.rows)
        self.app.push_screen(
            Confirm(
                f"stop training {shot.name}?",
                f"{running} run{'s' if running != 1 else ''} under way. Finished runs and checkpoints stay; "
                f"{self.key('lab.go_on')} goes on.",
                (
                    Choice(name="", words="go on training"),
                    Choice(name=SAVE, words="save and stop: every run writes a checkpoint first; nothing is lost"),
                    Choice(name=AFTER, words="after the current runs: they train to their ends, and no new one begins"),
                    Choice(name=NOW, words="stop now, without saving: what came after the last checkpoints is lost"),
                ),
            ),
            self._stop,
        )

    def _stop(self, answer: str | None) -> None:
        from scalelab.lab import control

        if not answer:
            return
        try:
            control.request_stop(self.root, now=answer == NOW, after_current=answer == AFTER)
        except ScalelabError as problem:
            self.app.push_screen(Problem("not stopped", problem, self.root / "supervisor.log"))
            return
        self.say(_STOPPING[answer])

    def action_go_on(self) -> None:
        """Train what is left."""
        shot = self.snapshot
        if shot is None or shot.alive:
            self.say("it is being trained" if shot else "not read yet")
        elif not unfinished(shot):
            self.say("every run is over; there is nothing left to train")
        else:
            self.say("starting")
            self.app.go_on(self.root)  # type: ignore[attr-defined]

    def retry(self, run: str) -> None:
        """Train one run again that failed, diverged or was stopped."""
        row = self.snapshot.row(run) if self.snapshot else None
        if row is None:
            self.say("there is no run here")
        elif row.state is RunState.DIVERGED:
            words = "It begins anew: its checkpoints lead to the same end, and its losses are written over."
            choices = (
                Choice(name="", words="leave it as it is"),
                Choice(name=HALF, words="again with half its learning rate"),
                Choice(name=SAME, words="again just so"),
            )
            question = f"try {clean(run, 60)} again, which diverged?"
            self.app.push_screen(Confirm(question, words, choices), lambda answer: self._retry(run, answer))
        elif row.state not in TRIED_AGAIN:
            self.say(f"{clean(run, 60)} is {row.state}: only what failed, diverged or was stopped is tried again")
        else:
            self._retry(run, SAME)

    def _retry(self, run: str, answer: str | None) -> None:
        from scalelab.lab import control

        if not answer:
            return
        rate = 0.5 if answer == HALF else None

        def do() -> str:
            return f"{clean(run, 60)} is tried again, by process {control.retry(self.root, run, rate=rate)}"

        self.say(f"asking for {clean(run, 60)} to be tried again")
        self.ask(do)

    def action_extend(self) -> None:
        """Plan how the lab grows."""
        from scalelab.tui.screens.grow import GrowScreen

        shot = self.snapshot
        if shot is None or shot.preset is None or shot.device is None:
            self.say("not read yet" if shot is None else "the lab's preset cannot be read: another version wrote it")
        else:
            self.app.push_screen(GrowScreen(shot))

    def write_text(self, run: str = "") -> None:
        """Let trained runs write."""
        from scalelab.tui.screens.text import TextScreen
        from scalelab.tui.texts import Texts

        if self.snapshot is not None:
            self._texts = self._texts or Texts(self.root)
            self.app.push_screen(TextScreen(self.snapshot, self._texts, run))

    def on_unmount(self) -> None:
        """Nobody asks any more."""
        if self._texts is not None:
            self._texts.close()


def unfinished(shot: Snapshot) -> bool:
    """Whether a supervisor would find something to do: failed runs are tried again, diverged ones are not."""
    return any(row.state not in {RunState.DONE, RunState.DIVERGED} for row in shot.rows)
