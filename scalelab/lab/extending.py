"""A lab grows: more budgets, sizes or seeds. Done runs stay done; trunks go on from their last checkpoint.

What is added is planned in `plan.growth`; here the lab is held by its lock, the grown plan is written in one
transaction, and what it costs is counted from what is on disk. Training it is another call.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelab.errors import ScalelabError
from scalelab.lab import checkpoints, lock, prepare, resume, schedule
from scalelab.lab.hooks import Hooks
from scalelab.lab.local import LocalExecutor
from scalelab.lab.opening import existing
from scalelab.lab.paths import LabPaths
from scalelab.lab.prepare import PLANNED, PRESET, Lab
from scalelab.lab.schedule import Standing
from scalelab.records import RunSpec, RunState
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow
from scalelab.store.writer import Writer

if TYPE_CHECKING:
    from scalelab.plan.growth import Growth
    from scalelab.preset import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What a lab grew by."""

    runs: tuple[str, ...]
    """New runs, in the order of the plan."""
    trunks: tuple[str, ...]
    """Trunks that were there and train further, or a part of their way again."""
    flops: float
    """Of all that is to be trained for it."""
    seconds: float
    """On the lab's slots, on top of what it had left."""
    notes: tuple[str, ...]
    """Where the grown lab is not what one planned so from the start would be, and what has to be trained again."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def extend(
    folder: str | Path,
    *,
    budgets: Sequence[str] = (),
    shapes: Sequence[str] = (),
    seeds: int | None = None,
    hooks: Hooks | None = None,
) -> Extension:
    """Grow a lab that nobody trains now; training it is another call (`resume`).

    Parameters
    ----------
    budgets : in the unit of the lab's own budgets: tokens, tokens a parameter or FLOPs.
    shapes : new rungs, d_model x n_layer.
    seeds : how many seeds the lab shall have in all.

    Raises
    ------
    BadInput
        What is asked is there already, or cannot be trained beside what is there; nothing was written.
    Owned
        Somebody trains the lab: stop it first, its runs go on from where they are.
    """
    from scalelab.plan import growth

    paths, hooks = existing(folder), hooks or Hooks()
    stored = resume.stored_preset(paths)
    with _held(paths), Reader(paths.store) as reader:
        rows = reader.runs()
        have = [row.spec for row in rows if not row.spec.origin]
        wanted = growth.grown_preset(stored, have, budgets=budgets, shapes=shapes, seeds=seeds)
        lab = resume.load(paths)
        more = growth.grow(stored, wanted, have, lab.device, vocab_size=lab.tokens.vocab_size)
        if not more.new:
            raise ScalelabError("nothing to train is added", todo="choose budgets, shapes or seeds that the lab lacks")
        per_token = _seconds_per_token(rows, more, lab, hooks)
        made = _Extending(paths, rows, more, per_token, lab)
        _write(made, json.loads(reader.meta(PLANNED) or "{}"))
        _write_preset(paths, more.preset)
    extension = made.extension
    for note in extension.notes:
        hooks.on_event("warning", note)
    return extension


def _held(paths: LabPaths) -> lock.Lock:
    try:
        return lock.acquire(paths.lock)
    except lock.Owned as owned:
        owned.todo = f"`scalelab stop {paths.root}` first: runs go on from where they are once the lab is extended"
        raise


class _Extending:
    """A growth beside what is there: what each run costs and where it begins."""

    def __init__(
        self,
        paths: LabPaths,
        rows: Sequence[RunRow],
        more: Growth,
        per_token: Mapping[str, float],
        lab: Lab,
    ) -> None:
        from scalelab.plan import cost

        self.paths, self.rows, self.more, self.lab = paths, {row.run: row for row in rows}, more, lab
        changed = [*more.new, *more.longer]
        self.seconds = {spec.run: cost.run_seconds(spec, per_token[spec.rung]) for spec in changed}
        self.begins = {trunk.run: self._begins(trunk) for trunk in more.longer}

    def _begins(self, trunk: RunSpec) -> int:
        """The step from which a trunk trains: its last checkpoint before the first branch point that it lacks."""
        there = checkpoints.steps(self.paths, trunk.run)
        branches = [spec for spec in self.more.new if spec.parent == trunk.run]
        lacking = min((spec.first_step for spec in branches if spec.first_step not in there), default=trunk.n_steps)
        row = self.rows[trunk.run]
        # One that is under way has not come to what lies ahead of it, checkpoint or not.
        ahead = row.state is not RunState.DONE and row.step < lacking
        return row.step if ahead else max((step for step in there if step < lacking), default=0)

    @property
    def extension(self) -> Extension:
        """What is told of it."""
        from scalelab.plan import growth

        before = self._left({row.run: _standing(row) for row in self.rows.values()})
        after = self._left(self._standings())
        flops = sum(growth.to_train(spec, spec.first_step) for spec in self.more.new)
        for trunk in self.more.longer:
            old = self.rows[trunk.run]
            left_anyway = 0 if old.state is RunState.DONE else old.spec.n_steps - old.step
            steps = max(trunk.n_steps - self.begins[trunk.run] - left_anyway, 0)
            flops += growth.to_train(trunk, trunk.n_steps - steps)
        return Extension(
            runs=tuple(spec.run for spec in self.more.new),
            trunks=tuple(trunk.run for trunk in self.more.longer),
            flops=flops,
            seconds=max(after - before, 0.0),
            notes=(*self.more.notes, *self._repeats(), *self._passes()),
        )

    def _standings(self) -> dict[str, Standing]:
        found = {row.run: _standing(row) for row in self.rows.values()}
        for spec in self.more.new:
            found[spec.run] = Standing(
                spec=spec, state=RunState.PLANNED, expected_seconds=self.seconds[spec.run], step=spec.first_step
            )
        for trunk in self.more.longer:
            found[trunk.run] = Standing(
                spec=trunk,
                state=RunState.PLANNED,
                expected_seconds=self.seconds[trunk.run],
                step=self.begins[trunk.run],
            )
        return found

    def _left(self, runs: Mapping[str, Standing]) -> float:
        return schedule.time_left(runs, checkpoints.on_disk(self.paths, runs), self.lab.device.slots)

    def _repeats(self) -> list[str]:
        """Trunks that pass steps again which they have taken: a checkpoint that a new branch needs is not there."""
        found = []
        for trunk in self.more.longer:
            row, begins = self.rows[trunk.run], self.begins[trunk.run]
            if begins < row.step:
                found.append(
                    f"{trunk.run} trains again from step {begins}: no later checkpoint serves its new branches"
                )
            if row.state is RunState.DIVERGED:
                found.append(f"{trunk.run} has diverged: its new branches cannot be trained")
        return found

    def _passes(self) -> list[str]:
        """Groups whose text the new runs read more than once: a lab's text does not grow with it."""
        from scalelab import corpora

        found = []
        for group in dict.fromkeys(spec.group for spec in self.more.new):
            passes = corpora.epochs(
                self.lab.tokens_of(group), max(spec.n_tokens for spec in self.more.new if spec.group == group)
            )
            if passes > 1:
                of = f" of {group}" if group else ""
                found.append(
                    f"the largest new budget reads the text{of} {passes:.1f} times: repeated text teaches less"
                )
        return found


def _standing(row: RunRow) -> Standing:
    state = RunState.PLANNED if row.state in {RunState.STOPPED, RunState.FAILED, RunState.RUNNING} else row.state
    return Standing(spec=row.spec, state=state, expected_seconds=row.expected_seconds, step=row.step)


def _seconds_per_token(rows: Sequence[RunRow], more: Growth, lab: Lab, hooks: Hooks) -> dict[str, float]:
    """As the plan expects of rungs that are there; new ones are probed on the device."""
    from scalelab.plan import growth

    known = growth.seconds_per_token((row.spec, row.expected_seconds) for row in rows)
    fresh = prepare.one_a_rung(tuple(spec for spec in more.new if spec.rung not in known))
    if fresh:
        executor = LocalExecutor()
        try:
            _, probed = prepare.probe(lab.device, fresh, executor, hooks)
        finally:
            executor.close()
        known |= dict(probed)
    return known


def _write(made: _Extending, told: dict[str, Any]) -> None:
    """The grown plan, whole or not at all."""
    from scalelab import preset_files

    more, extension = made.more, made.extension
    told |= {name: told.get(name, 0.0) + getattr(extension, name) for name in ("seconds", "flops")}
    with Writer(made.paths.store) as writer, writer.batch(durable=True):
        writer.set_meta(PRESET, preset_files.dumps(more.preset))
        writer.set_meta(PLANNED, json.dumps(told))
        for trunk in more.longer:
            row = made.rows[trunk.run]
            writer.set_spec(trunk, made.seconds[trunk.run])
            if row.state is RunState.DONE:
                reason = f"the lab was extended: goes on to step {trunk.n_steps}"
                writer.set_state(trunk.run, row.attempt, RunState.PLANNED, reason)
        first = max((row.position for row in made.rows.values()), default=-1) + 1
        writer.add_runs([(spec, made.seconds[spec.run]) for spec in more.new], first=first)
    if writer.waiting:
        raise ScalelabError(f"the grown plan was not written: {writer.waiting}", todo="the lab is as it was; try again")


def _write_preset(paths: LabPaths, preset: Preset) -> None:
    """The copy for people; the store's is the one that counts."""
    from scalelab import preset_files

    descriptor, name = tempfile.mkstemp(prefix=".preset-", dir=paths.root)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(preset_files.dumps(preset))
        os.replace(name, paths.preset)
    except OSError:
        os.unlink(name)
