"""The view of `run`: what on_tick and on_event become on stderr. A view that fails falls silent; training goes on.

On a terminal the runs stand in a table that is redrawn in place, at most twice a second; anywhere else (a file, a
pipe, TERM=dumb) each finished run is one line, and so is each refit.
"""

from __future__ import annotations

import math
import sys
import textwrap
import time
from typing import TYPE_CHECKING

from scalelab.cli.bar import Bar
from scalelab.cli.streams import say
from scalelab.gate import clean
from scalelab.lab.forecasts import Forecasts
from scalelab.records import DeviceInfo, RunKind, RunState
from scalelab.report import progress
from scalelab.report.console import console
from scalelab.report.promise import loss_words

if TYPE_CHECKING:
    from rich.live import Live

    from scalelab.store.reader import Reader
    from scalelab.store.rows import RunRow

FRAME_SECONDS = 0.5
SHARE_SECONDS = 2.0
QUIET_SHARE_SECONDS = 20.0
"""Between two shares where each is a line of its own."""
SHOWN_EVENTS = frozenset({"progress", "tokens", "probe", "resume", "retry", "failed", "diverged", "warning", "stop"})


TROUBLES = frozenset({"retry", "failed", "diverged", "warning"})


class Follower:
    """Reads a lab as it changes and keeps what a frame needs."""

    def __init__(self, name: str, *, trained: bool = True, at_once: bool = False) -> None:
        """With `at_once` every running run is forecast at the first look, else one a frame."""
        self.name = name
        self._forecasts = Forecasts()
        self._most = None if at_once else 1
        self._began = time.monotonic() if trained else None
        self._before: tuple[float, float] | None = None
        """Planned seconds that were done when this session began to train, and when that was."""
        self._said = time.monotonic()
        self.share_seconds = SHARE_SECONDS
        self._fit = 0
        self._device: DeviceInfo | None = None
        self.laws: list[progress.LawStep] = []
        self.event = ""

    def worth_saying(self, kind: str, text: str) -> bool:
        """Whether an event is for people; a share of something under way only every other second."""
        if kind not in SHOWN_EVENTS:
            return False
        if not text.endswith("%"):
            return True
        now = time.monotonic()
        if now - self._said < self.share_seconds:
            return False
        self._said = now
        return True

    def snapshot(self, reader: Reader) -> progress.Snapshot:
        """The lab as it stands now."""
        from scalelab.lab import control

        rows = reader.runs()
        self._read_fit(reader)
        if self._device is None and (told := reader.meta("device")):
            self._device = DeviceInfo.from_json(told)
        elapsed = None if self._began is None else time.monotonic() - self._began
        return progress.Snapshot(
            name=self.name, rows=rows, points=reader.latest_points(), laws=self.laws, event=self.event,
            finals={final.run: final for final in reader.finals()}, device=self._device, elapsed=elapsed,
            left=None if elapsed is None else self._left(rows, elapsed),
            stopping=(reader.meta("stopping") or "") if elapsed is not None else "",
            endings=self._forecasts.look(reader, rows, self._most), set_aside=control.set_aside(reader),
        )  # fmt: skip

    def _read_fit(self, reader: Reader) -> None:
        row = reader.latest_fit()
        if row is None or row.id == self._fit:
            return
        from scalelab.laws import Assessment

        self._fit = row.id
        seen = Assessment.kept(row.json)
        if seen is not None and (step := progress.law_step(seen)):
            self.laws.append(step)

    def _left(self, rows: list[RunRow], elapsed: float) -> float | None:
        """Planned seconds still to do, at the pace of this session."""
        slots = self._device.slots if self._device else 1
        total = math.fsum(row.expected_seconds for row in rows)
        to_do = math.fsum(
            row.expected_seconds * (1 - row.progress)
            for row in rows
            if row.state in {RunState.PLANNED, RunState.RUNNING, RunState.STOPPED}
        )
        finished = total - to_do
        if self._before is None:
            self._before = finished, elapsed
        gone, took = finished - self._before[0], elapsed - self._before[1]
        # A pace from less than a twentieth of the work says little: the plan's own estimate serves.
        pace = took / gone if gone > 0.05 * total else 1.0 / slots
        return to_do * pace


class Screen:
    """The table, redrawn in place."""

    def __init__(self, name: str) -> None:
        self._follower = Follower(name)
        self._console = console(sys.stderr)
        self._live: Live | None = None
        self._bar = Bar(self._console)
        self._drawn = 0.0

    def on_event(self, kind: str, text: str) -> None:
        """Keep it as the last thing that happened; what went wrong also stays above the table."""
        if kind == "progress" and self._live is None:
            self._bar.draw(text)
            return
        if not self._follower.worth_saying(kind, text):
            return
        self._bar.end()
        if self._live is None or kind in TROUBLES:
            for line in textwrap.wrap(clean(f"{kind}: {text}"), self._console.width, subsequent_indent="  "):
                self._console.print(line, style="dim", soft_wrap=True)
        else:
            self._follower.event = f"{kind}: {text}"

    def on_tick(self, reader: Reader) -> None:
        """Draw, unless a frame is too young, or the terminal has not taken the last one."""
        if time.monotonic() - self._drawn >= FRAME_SECONDS and not getattr(self._console.file, "behind", False):
            self._draw(reader)

    def _draw(self, reader: Reader) -> None:
        from rich.text import Text

        self._drawn = time.monotonic()
        self._bar.end()
        size = self._console.size
        lines = progress.lines(self._follower.snapshot(reader), size.width, size.height - 2)
        frame = Text("\n", no_wrap=True, overflow="crop", end="").join(
            Text(line, progress.style_of(line)) for line in lines
        )
        if self._live is None:
            from rich.live import Live

            self._live = Live(
                frame,
                console=self._console,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start()
        self._live.update(frame, refresh=True)

    def close(self, reader: Reader | None = None) -> None:
        """The last frame stays; the cursor comes back."""
        self._bar.end()
        if self._live is not None:
            if reader is not None:
                self._draw(reader)
            self._live.stop()
            self._live = None


class Lines:
    """One line a finished run, one line a refit."""

    def __init__(self, name: str) -> None:
        self._follower = Follower(name)
        self._follower.share_seconds = QUIET_SHARE_SECONDS
        self._told: set[str] | None = None
        self._warned: set[str] = set()
        self._laws = 0

    def on_event(self, kind: str, text: str) -> None:
        """Print what is not seen from the store."""
        if self._follower.worth_saying(kind, text):
            say(clean(f"{kind}: {text}"))

    def on_tick(self, reader: Reader) -> None:
        """Print what has finished since the last tick."""
        if not reader.changed():
            return
        shot = self._follower.snapshot(reader)
        ended = {row.run for row in shot.rows if row.state is RunState.DONE}
        if self._told is None:
            # What an earlier session finished is no news.
            self._told = ended if any(row.attempt and row.state is RunState.DONE for row in shot.rows) else set()
        points = [row for row in shot.rows if row.spec.kind is not RunKind.TRUNK]
        for row in points:
            if row.run in ended - self._told and row.run in shot.finals:
                self._told.add(row.run)
                number = sum(each.run in self._told for each in points)
                say(f"{number:3d} of {len(points)}  {row.run:24}  loss {shot.finals[row.run].loss:.4f}")
        self._tell_law(shot)
        for ending in shot.endings.values():
            if ending.apart and ending.run not in self._warned:
                self._warned.add(ending.run)
                say(f"warning: {clean(ending.sentence())}")

    def _tell_law(self, shot: progress.Snapshot) -> None:
        if len(shot.laws) > self._laws:
            self._laws, now = len(shot.laws), shot.laws[-1]
            loss = loss_words(now)
            law = f"α {now.alpha:.3f}, β {now.beta:.3f}".replace("-", "−")
            say(f"law of {now.n_runs} points  {law}; at 10 × the compute {loss}")

    def close(self, reader: Reader | None = None) -> None:
        """The last lines."""
        if reader is not None:
            self.on_tick(reader)


def view(name: str) -> Screen | Lines:
    """The view that stderr can carry."""
    made = console(sys.stderr)
    return Screen(name) if made.is_terminal and not made.is_dumb_terminal else Lines(name)
