"""What the fits of a lab's groups said, read as they come: the newest law, how it moved, what it foretold.

A lab without groups has one, "". For the thread of its Watch; it draws nothing and fits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from scalelab.errors import BadInput
from scalelab.records import RunState, TokenSet
from scalelab.store.reader import Reader
from scalelab.store.rows import FitRow
from scalelab.tui.snapshot import PastLaw, Snapshot

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Fit, RunTable


@dataclass
class Page:
    """What is known of one group."""

    last: int = 0
    """The newest fit that was read."""
    history: tuple[PastLaw, ...] = ()
    assessment: Assessment | None = None
    runs: RunTable | None = None
    """The runs that it is of."""


class LawBook:
    """The laws of every group that was looked at."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pages: dict[str, Page] = {}

    def groups(self) -> tuple[str, ...]:
        """The lab's groups in order; ("",) where all runs are of one."""
        return self._reader.groups()

    def tokens(self, group: str, groups: tuple[str, ...]) -> TokenSet | None:
        """The text of a group in tokens; None in a lab that has none of its own."""
        kept = self._reader.meta("tokens" if group == groups[0] else f"tokens {group}")
        return TokenSet.from_json(kept) if kept else None

    def told(self, shot: Snapshot, before: Snapshot) -> Snapshot:
        """With what the newest fits of the snapshot's group say, where there are newer ones or other runs ended."""
        page = self._pages.setdefault(shot.group, Page())
        new = self._new_fits(page, shot.group)
        moved = shot.group != before.group
        problem = self._reader.meta("fit_problem") or ""
        if not (new or moved or ended(shot) != ended(before) or problem != shot.fit_problem):
            return shot
        self._turn(page, new)
        page.runs = self._table(page, shot)
        own = {row.run for row in shot.own_rows}
        return replace(
            shot,
            tokens=self.tokens(shot.group, shot.groups) if moved else shot.tokens,
            runs=page.runs,
            assessment=page.assessment,
            history=page.history,
            foretold=tuple(each for each in self._reader.predictions() if each.run in own),
            fit_problem=problem,
            versions=replace(shot.versions, law=shot.versions.law + 1),
        )

    def _table(self, page: Page, shot: Snapshot) -> RunTable | None:
        """The runs that are fitted: between the end of one and the next fit those of the fit before."""
        from scalelab.lab.table import run_table

        found = run_table(self._reader, group=shot.group) if shot.own_finals else None
        seen, before = page.assessment, page.runs
        if found is None or seen is None or before is None or len(found) == seen.n_runs:
            return found
        return before if len(before) == seen.n_runs else found

    def _turn(self, page: Page, new: list[FitRow]) -> None:
        from scalelab.laws import Assessment

        seen = [(row, found) for row in new if (found := Assessment.kept(row.json))]
        page.last = new[-1].id if new else page.last
        page.history += tuple(law for row, found in seen if (law := past_of(row, found)))
        page.assessment = seen[-1][1] if seen else page.assessment

    def _new_fits(self, page: Page, group: str) -> list[FitRow]:
        newest = self._reader.latest_fit(group)
        if newest is None or newest.id <= page.last:
            return []
        if newest.id == page.last + 1:
            return [newest]
        return [row for row in self._reader.fits(group) if row.id > page.last]


def ended(shot: Snapshot) -> tuple[tuple[str, RunState], ...]:
    """The runs that are over, on which the table of a fit depends."""
    return tuple((row.run, row.state) for row in shot.rows if row.state not in {RunState.PLANNED, RunState.RUNNING})


def past_of(row: FitRow, seen: Assessment) -> PastLaw | None:
    """What one refit said; None where it showed no law."""
    if seen.best is None:
        return None
    numbers = {each.name: (each.value, each.low, each.high) for each in seen.fit().estimates}
    return PastLaw(
        n_runs=seen.n_runs, law=seen.best, after_run=row.after_run, time=row.time,
        estimates=MappingProxyType(numbers), growth=MappingProxyType(growth_of(seen.fit())),
    )  # fmt: skip


def growth_of(fit: Fit) -> dict[str, tuple[float, float, float]]:
    """A and b of a law with their intervals; nothing of one whose exponents mean nothing or that has no best split."""
    from scalelab.laws import exponents

    if fit.verdict == "withhold" or set(fit.bounds_hit) - {"E"}:
        return {}
    try:
        found = exponents(fit)
    except BadInput:
        return {}
    return {name: (each.value, each.low, each.high) for name, each in (("a", found.a), ("b", found.b))}
