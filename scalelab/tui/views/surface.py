"""View 4: the loss over N and D, with a cursor that reads it. The map draws, the law answers, this view joins them."""

from __future__ import annotations

import math
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from scalelab import figures
from scalelab.figures import Surface
from scalelab.report.known import NOTHING, Known
from scalelab.report.pictures import FRONTIER_POINTS
from scalelab.report.source import Subject
from scalelab.tui import keys
from scalelab.tui.charts.map import MapMoved, SurfaceMap
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views import surface_words
from scalelab.tui.views.base import DRAWS, LabView
from scalelab.tui.views.page import Page
from scalelab.tui.views.subject import known_of, subject_of, why_no_law


class ReadMap(SurfaceMap, inherit_bindings=False):
    """A map whose cursor can be put on an N and a D; its keys are its view's, out of the one table."""

    def put(self, n_params: float, n_tokens: float) -> bool:
        """The cursor there; False, and no cursor, where the map does not reach so far."""
        if self.surface is None:
            return False
        across, up = float(self.surface.x.place(n_params)), float(self.surface.y.place(n_tokens))
        inside = 0.0 <= across <= 1.0 and 0.0 <= up <= 1.0
        self._cursor = (across, up) if inside else None
        self._moved()
        return inside


class SurfaceView(LabView):
    """L(N, D) as a map, and what stands under its cursor."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("surface")
    DEFAULT_CSS = """
    SurfaceView { layout: vertical; height: 1fr; }
    SurfaceView SurfaceMap { height: 1fr; }
    SurfaceView Page { height: auto; max-height: 7; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._subject: Subject | None = None
        self._known: Known = NOTHING
        self._run = -1
        self._map_of: object = None
        """Whose law the map shows."""

    def compose(self) -> ComposeResult:
        """The map and its read-out."""
        with Vertical():
            yield ReadMap(id="surface-map", glyphs=getattr(self.app, "glyphs", "braille"))
            yield Page(id="surface-reading")

    def keys_to(self) -> Widget:
        """The map."""
        return self.query_one(ReadMap)

    def draw(self, snapshot: Snapshot) -> None:
        """The surface of the newest law."""
        self._subject, self._known = subject_of(snapshot), known_of(snapshot)
        if self._subject is None:
            self._put(None, " ".join(why_no_law(snapshot)))
        else:
            self._begin_map((snapshot.root, snapshot.group))
            self.after_paint(self._build, snapshot, self._subject)

    def _begin_map(self, whose: object) -> None:
        """Until the new one is there: that of the law before stays, that of another group does not."""
        shown = self.query_one(ReadMap)
        if whose != self._map_of:
            shown.show(None)
        if shown.surface is None:
            shown.empty = DRAWS
        self._map_of = whose

    @work(thread=True, exclusive=True, description="a surface")
    def _build(self, snapshot: Snapshot, subject: Subject) -> None:
        """The surface and its frontier, in a thread: a fifth of a second beside training."""
        self.back(self._built, snapshot, surface_of(subject))

    def _built(self, snapshot: Snapshot, surface: Surface) -> None:
        if self.is_of_now(snapshot):
            self._put(surface, "")

    def _put(self, surface: Surface | None, words: str) -> None:
        shown = self.query_one(ReadMap)
        shown.empty = words
        shown.show(surface)
        self._read(*(shown.point or (math.nan, math.nan)))

    def on_map_moved(self, message: MapMoved) -> None:
        """Tell what stands there."""
        message.stop()
        self._read(message.n_params, message.n_tokens)

    def copied(self) -> str:
        """The read-out."""
        return "\n".join(self.query_one(Page).plain)

    def _read(self, n_params: float, n_tokens: float) -> None:
        subject, known, page = self._subject, self._known, self.query_one(Page)
        page.display = subject is not None
        if subject is None:
            return
        best, title = subject.assessment.optimum, ""
        if math.isnan(n_params) and best is not None and best.interior:
            n_params, n_tokens, title = best.n_params, best.n_tokens, "The best N and D at ten times the largest run:"
        if math.isnan(n_params):
            n_params, n_tokens = surface_words.runs_in_order(subject)[-1]
        page.show(lambda width: surface_words.reading(subject, known, n_params, n_tokens, width, title))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a law there is nothing that a cursor could read."""
        return self._subject is not None or action not in {"cursor", "leave", "run", "best"}

    # What keys do

    def action_cursor(self, across: int, down: int) -> None:
        """Move the cursor by cells."""
        self.query_one(ReadMap).action_cursor(across, down)

    def action_leave(self) -> None:
        """Hide the cursor."""
        self.query_one(ReadMap).action_leave()

    def action_run(self, by: int) -> None:
        """The cursor to the next run."""
        if self._subject is not None:
            every = surface_words.runs_in_order(self._subject)
            self._run = (self._run + by) % len(every)
            self.query_one(ReadMap).put(*every[self._run])

    def action_best(self) -> None:
        """The cursor to the best N and D at ten times the largest run; their read-out alone where they are beyond."""
        best = None if self._subject is None else self._subject.assessment.optimum
        if best is not None and best.interior:
            self.query_one(ReadMap).put(best.n_params, best.n_tokens)


def surface_of(subject: Subject) -> Surface:
    """The surface of the shown law, with its best split of each compute."""
    from scalelab import laws

    seen, fit, compute = subject.assessment, subject.assessment.fit(), subject.runs.compute
    last = 10.0 * float(compute.max()) if seen.optimum is None else seen.optimum.flops
    budgets = [
        float(compute.min()) * (last / float(compute.min())) ** (place / (FRONTIER_POINTS - 1))
        for place in range(FRONTIER_POINTS)
    ]
    best = [each for flops in budgets if (each := laws.frontier(fit, flops)).interior]
    return figures.surface(subject.runs, fit, best)
