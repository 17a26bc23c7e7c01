"""A lab that is to grow: what was typed, the runs that this adds, and their cost. It asks `plan` and knows no widget.

The lab itself is grown by `lab.control.extend`, which counts again from what lies on the disk.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.plan import cost, growth
from scalelab.plan.growth import Growth
from scalelab.records import RunKind, RunSpec
from scalelab.report import numbers
from scalelab.report.layout import Lines, counted, heading, table, wrapped
from scalelab.store.rows import RunRow
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views.draft import BUDGETS, items, short_path, whole, written
from scalelab.tui.views.rows import Field, Heading, Row
from scalelab.tui.views.switch import next_shape
from scalelab.units import format_count, format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """What is to be added, and what comes of it."""

    shot: Snapshot
    texts: Mapping[str, str] = field(default_factory=dict)
    touched: str = "budgets"
    """The field that was changed last: what cannot be planned is its fault."""
    more: Growth | None = None
    """None while nothing is added or it cannot be planned."""
    problem: str = ""

    def put(self, key: str, text: str) -> Growing:
        """With another text, planned again."""
        texts = {name: value for name, value in self.texts.items() if name != key}
        if text.strip() and not (key == "seeds" and text.strip() == str(self.seeds_now)):
            texts[key] = text.strip()
        return _planned(replace(self, texts=texts, touched=key, more=None, problem=""))

    def of(self, shot: Snapshot) -> Growing:
        """What was typed, for the lab as it now stands."""
        return _planned(replace(self, shot=shot, more=None, problem=""))

    @property
    def seeds_now(self) -> int:
        """How many seeds the lab has."""
        return len(self.shot.preset.seeds) if self.shot.preset else 1

    @property
    def asked(self) -> dict[str, object]:
        """The arguments of `control.extend`; BadInput where the number of seeds is none."""
        return {
            "budgets": items(self.texts.get("budgets", "")),
            "shapes": items(self.texts.get("shapes", "")),
            "seeds": _seeds(self.texts["seeds"]) if "seeds" in self.texts else None,
        }

    @property
    def command(self) -> str:
        """The line for a shell that does the same; it trains what it adds."""
        words = ["scalelab", "extend", short_path(self.shot.root)]
        for key in ("budgets", "shapes", "seeds"):
            if key in self.texts:
                words += [f"--{key}", ",".join(filter(None, items(self.texts[key])))]
        return shlex.join([*words, "--detach"] if self.texts else words)

    @property
    def flops(self) -> float:
        """Of everything that is to be trained for it."""
        if self.more is None:
            return 0.0
        further = sum(growth.to_train(spec, self._before(spec)) for spec in self.more.longer)
        return further + sum(growth.to_train(spec, spec.first_step) for spec in self.more.new)

    @property
    def seconds(self) -> float:
        """About how long it takes on the lab's slots."""
        if self.more is None:
            return 0.0
        speed = _Speed(self.shot.rows)
        spent = [cost.run_seconds(spec, speed.per_token(spec)) for spec in self.more.new]
        spent += [(spec.n_steps - self._before(spec)) * spec.batch_tokens * speed.per_token(spec)
                  for spec in self.more.longer]  # fmt: skip
        return max([sum(spent) / self.slots, *spent], default=0.0)

    @property
    def slots(self) -> int:
        """Runs that train at once."""
        return self.shot.device.slots if self.shot.device else 1

    def _before(self, trunk: RunSpec) -> int:
        """The step to which a trunk was planned before."""
        row = self.shot.row(trunk.run)
        return min(row.spec.n_steps, trunk.n_steps) if row else 0


def rows_of(growing: Growing) -> list[Row]:
    """The fields of the form."""
    preset, told = growing.shot.preset, growing.problem
    assert preset is not None
    kind, unit = next((kind, key.partition(".")[2]) for kind, key in BUDGETS.items() if _values(preset.budgets, key))
    there = sorted(getattr(preset.budgets, unit))
    sizes = sorted({(row.spec.counts.n_params, row.spec.rung) for row in growing.shot.rows})
    rungs = [rung for _, rung in sizes]
    said = {
        "budgets": ("more budgets", (written(2 * there[-1]), written(4 * there[-1])),
                    f"in {kind}; there are {', '.join(map(written, there))}"),
        "shapes": ("more sizes", (next_shape(rungs),), f"width x layers; there are {', '.join(rungs)}"),
        "seeds": ("seeds in all", tuple(str(growing.seeds_now + more) for more in range(4)),
                  "of every point; more seeds tell how much runs scatter"),
    }  # fmt: skip
    rows: list[Row] = [Heading(text="What to add")]
    for key, (label, choices, beside) in said.items():
        value = growing.texts.get(key, str(growing.seeds_now) if key == "seeds" else "")
        problem = told if key == growing.touched else ""
        rows.append(Field(key=key, label=label, value=value, empty="none", choices=choices, beside=beside,
                          problem=problem, changed=key in growing.texts))  # fmt: skip
    return rows


def cost_words(growing: Growing) -> str:
    """What it comes to, in one sentence."""
    if growing.more is None:
        return "not to be planned so" if growing.problem else "nothing is added yet: enter edits, l takes a proposal"
    points = sum(spec.kind is not RunKind.TRUNK for spec in growing.more.new)
    return (
        f"{counted(points, 'more point')} · about {format_duration(growing.seconds)} on "
        f"{counted(growing.slots, 'slot')} · {numbers.flops(growing.flops)} FLOPs"
    )


def lines(growing: Growing, width: int) -> Lines:
    """Every run that is added, and what goes on."""
    if growing.more is None:
        words = "Done runs stay done. Trunks go on from their last checkpoints, and the laws are fitted to all points."
        return wrapped(words, width)
    points = [spec for spec in growing.more.new if spec.kind is not RunKind.TRUNK]
    rows = [["run", "N", "D", "C"]]
    rows += [[clean(spec.run, 40), format_count(spec.counts.n_params), format_count(spec.n_tokens),
              numbers.flops(spec.flops)] for spec in points]  # fmt: skip
    said = [heading(f"New points: {len(points)}"), *table(rows, left={0})] if points else []
    if growing.more.longer:
        names = ", ".join(clean(spec.run, 40) for spec in growing.more.longer)
        said += wrapped(f"Go on to further steps: {names}.", width, hang=2)
    return said + [line for note in growing.more.notes for line in wrapped(f"note: {clean(note, 300)}", width, hang=2)]


def _planned(growing: Growing) -> Growing:
    shot = growing.shot
    if not growing.texts or shot.preset is None or shot.device is None:
        return growing
    have = [row.spec for row in shot.rows]
    try:
        wanted = growth.grown_preset(shot.preset, have, **growing.asked)  # type: ignore[arg-type]
        vocab = shot.tokens.vocab_size if shot.tokens else shot.preset.corpus.vocab_size
        return replace(growing, more=growth.grow(shot.preset, wanted, have, shot.device, vocab_size=int(vocab or 0)))
    except BadInput as problem:
        return replace(growing, problem=problem.line())


def _seeds(text: str) -> int:
    found = whole(text)
    if found is None or found > 10_000:
        raise BadInput(f"seeds is {clean(text, 40)!r}", allowed="a whole number")
    return found


def _values(budgets: object, key: str) -> object:
    return getattr(budgets, key.partition(".")[2], None)


class _Speed:
    """Seconds a token of a run; of a size that was never trained, by its FLOPs against the largest that was."""

    def __init__(self, rows: Sequence[RunRow]) -> None:
        self._known = growth.seconds_per_token((row.spec, row.expected_seconds) for row in rows)
        largest = max((row.spec for row in rows), key=lambda spec: spec.flops_per_token)
        self._second = self._known[largest.rung] / largest.flops_per_token

    def per_token(self, spec: RunSpec) -> float:
        return self._known.get(spec.rung, self._second * spec.flops_per_token)
