"""What only torch can answer, asked of a worker: the devices of this machine, text from a trained run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.lab import resume
from scalelab.lab.local import Conversation, LocalExecutor
from scalelab.lab.opening import existing
from scalelab.lab.paths import LabPaths
from scalelab.records import DeviceInfo, RunState
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Text that a trained run wrote."""

    run: str
    prompt: str
    text: str
    ids: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def devices() -> list[DeviceInfo]:
    """The devices of this machine with their measured peaks, the best one first; asks torch in a worker."""
    executor = LocalExecutor()
    try:
        return [DeviceInfo.from_dict(device) for device in executor.ask("devices", {})]
    finally:
        executor.close()


class Scribe:
    """Lets finished runs of one lab write, all of them by one worker, which begins with the first text.

    A second text comes in the time that writing takes, the first after the seconds that torch takes to load. For one
    thread, but for `end`.

    Raises
    ------
    BadInput
        There is no such lab.
    """

    def __init__(self, folder: str | Path) -> None:
        self._paths = existing(folder)
        self._executor = LocalExecutor()
        self._worker: Conversation | None = None

    def write(
        self, run: str, prompt: str, *, n: int = 100, temperature: float | None = None, top_k: int = 50, seed: int = 0
    ) -> Sample:
        """Text that a finished run writes after a prompt.

        In a task the prompt is put into the task's form, and the text ends where the answer does. `temperature` None:
        0.8, and 0, the likeliest answer, in a task.

        Raises
        ------
        BadInput
            There is no such run; names those there are.
        ScalelabError
            It has no finished model yet.
        """
        with Reader(self._paths.store) as reader:
            rows = {row.run: row for row in reader.runs()}
        _refuse_unfinished(self._paths, [run], rows)
        tokens = resume.load(self._paths).tokens_of(rows[run].spec.group if run in rows else "")
        if self._worker is None or not self._worker.alive:
            self._worker = self._executor.converse("sample")
        answer = self._worker.ask({
            "n": n, "prompt": prompt, "temperature": temperature, "top_k": top_k, "seed": seed,
            "tokens": tokens.directory, "model": str(self._paths.run_dir(run) / "model"),
        })  # fmt: skip
        return Sample(run=run, prompt=prompt, text=answer["text"], ids=tuple(answer["ids"]))

    def end(self) -> None:
        """From another thread: end the worker in the middle of a text."""
        if self._worker is not None:
            self._worker.end()

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()


def sample(folder: str | Path, run: str, prompt: str, **how: Any) -> Sample:
    """Text that a finished run writes after a prompt; `Scribe.write` says the rest."""
    return samples(folder, [run], prompt, **how)[0]


def samples(folder: str | Path, runs: Sequence[str], prompt: str, **how: Any) -> list[Sample]:
    """Text that finished runs write after one prompt; nothing is written where one of them cannot."""
    paths = existing(folder)
    with Reader(paths.store) as reader:
        _refuse_unfinished(paths, runs, {row.run: row for row in reader.runs()})
    with closing(Scribe(folder)) as scribe:
        return [scribe.write(run, prompt, **how) for run in runs]


def _refuse_unfinished(paths: LabPaths, runs: Sequence[str], rows: Mapping[str, RunRow]) -> None:
    for run in runs:
        if not (paths.run_dir(run) / "model").is_dir():
            done = (name for name, row in rows.items() if row.state is RunState.DONE)
            written = [name for name in done if (paths.run_dir(name) / "model").is_dir()]
            raise BadInput(
                f"lab {paths.root} has no finished model {clean(run, 60)!r}", allowed=", ".join(written) or "none yet"
            )
