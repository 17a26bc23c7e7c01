"""What only torch can answer, asked of a worker: the devices of this machine, text from a trained run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.lab import resume
from scalelab.lab.local import LocalExecutor
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


def sample(
    folder: str | Path, run: str, prompt: str, *, n: int = 100, temperature: float | None = None, top_k: int = 50,
    seed: int = 0,
) -> Sample:  # fmt: skip
    """Text that a finished run writes after a prompt; `samples` says the rest."""
    return samples(folder, [run], prompt, n=n, temperature=temperature, top_k=top_k, seed=seed)[0]


def samples(
    folder: str | Path, runs: Sequence[str], prompt: str, *, n: int = 100, temperature: float | None = None,
    top_k: int = 50, seed: int = 0,
) -> list[Sample]:  # fmt: skip
    """Text that finished runs write after one prompt.

    In a task the prompt is put into the task's form, and the text ends where the answer does. `temperature` None: 0.8,
    and 0, the likeliest answer, in a task.

    Raises
    ------
    BadInput
        There is no such run; names those there are.
    ScalelabError
        It has no finished model yet.
    """
    paths = existing(folder)
    with Reader(paths.store) as reader:
        rows = {row.run: row for row in reader.runs()}
    _refuse_unfinished(paths, runs, rows)
    lab, executor = resume.load(paths), LocalExecutor()
    asked = {"n": n, "prompt": prompt, "temperature": temperature, "top_k": top_k, "seed": seed}
    found = []
    try:
        for run in runs:
            folders = {
                "tokens": lab.tokens_of(rows[run].spec.group if run in rows else "").directory,
                "model": str(paths.run_dir(run) / "model"),
            }
            answer = executor.ask("sample", asked | folders)
            found.append(Sample(run=run, prompt=prompt, text=answer["text"], ids=tuple(answer["ids"])))
    finally:
        executor.close()
    return found


def _refuse_unfinished(paths: LabPaths, runs: Sequence[str], rows: Mapping[str, RunRow]) -> None:
    for run in runs:
        if not (paths.run_dir(run) / "model").is_dir():
            done = (name for name, row in rows.items() if row.state is RunState.DONE)
            written = [name for name in done if (paths.run_dir(name) / "model").is_dir()]
            raise BadInput(
                f"lab {paths.root} has no finished model {clean(run, 60)!r}", allowed=", ".join(written) or "none yet"
            )
