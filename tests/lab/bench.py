"""A lab on disk and sessions on it, with workers that only pretend: for tests of what the supervisor decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalelab.lab.hooks import Guarded, Hooks
from scalelab.lab.paths import LabPaths
from scalelab.lab.refit import Refit
from scalelab.lab.stopping import Signals
from scalelab.lab.supervisor import Summary, Supervisor
from scalelab.records import RunSpec, TokenSet
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.lab.samples import FakeExecutor

TOKENS = TokenSet(
    key="k",
    directory="/nowhere",
    corpus="c",
    tokenizer="bytes",
    dtype="uint16",
    vocab_size=257,
    train_tokens=10**6,
    train_bytes=10**6,
    held_out_tokens=10**4,
    held_out_bytes=10**4,
)


class FakeAssessment:
    best = "power"

    def __init__(self, table: Any, counts: Sequence[str] = ()) -> None:
        self._n, self._counts = len(table), list(counts)

    def to_json(self) -> str:
        return json.dumps({"best": self.best, "n_runs": self._n, "counts": self._counts})

    def predict(self, n_params: float, n_tokens: float) -> Any:
        return type("P", (), {"loss": 2.5, "low": 2.0, "high": 3.5})


@dataclass
class Bench:
    """A lab on disk, and sessions on it."""

    paths: LabPaths
    events: list[tuple[str, str]] = field(default_factory=list)
    signals: Signals = field(default_factory=Signals)
    hooks: Hooks | None = None

    def plan(self, specs: list[RunSpec]) -> None:
        with Writer(self.paths.store) as writer:
            writer.create("")
            writer.add_runs([(spec, float(spec.n_steps)) for spec in specs])

    def session(
        self,
        executor: FakeExecutor,
        fit: Callable[..., Any] = lambda table, _: FakeAssessment(table),
        limit: float = 5.0,
        since: float | None = None,
        **options: Any,
    ) -> Summary:
        hooks = self.hooks or Hooks(on_event=lambda kind, text: self.events.append((kind, text)))
        with Writer(self.paths.store, busy_seconds=0.01) as writer, Reader(self.paths.store) as reader:
            return Supervisor(
                self.paths,
                writer,
                reader,
                executor,
                TOKENS,
                views=Guarded(hooks, lambda _: None),
                signals=self.signals,
                refit=Refit(fit, limit),
                since=since,
                **options,
            ).run()

    def states(self, run: str) -> list[str]:
        with Reader(self.paths.store) as reader:
            return [str(change.state) for change in reader.states(run)]

    def reader(self) -> Reader:
        return Reader(self.paths.store)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]
