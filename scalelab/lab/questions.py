"""What only torch can answer, asked of a worker: the devices of this machine, text from a trained run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.lab import resume
from scalelab.lab.local import LocalExecutor
from scalelab.lab.opening import existing
from scalelab.records import DeviceInfo, RunState
from scalelab.store.reader import Reader


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
    folder: str | Path, run: str, prompt: str, *, n: int = 100, temperature: float = 0.8, top_k: int = 50, seed: int = 0
) -> Sample:
    """Text that a finished run writes after a prompt.

    Raises
    ------
    BadInput
        There is no such run; names those there are.
    ScalelabError
        It has no finished model yet.
    """
    paths = existing(folder)
    model = paths.run_dir(run) / "model"
    with Reader(paths.store) as reader:
        rows = {row.run: row for row in reader.runs()}
        known = [name for name, row in rows.items() if row.state is RunState.DONE]
    if not model.is_dir():
        written = [name for name in known if (paths.run_dir(name) / "model").is_dir()]
        raise BadInput(
            f"lab {paths.root} has no finished model {clean(run, 60)!r}", allowed=", ".join(written) or "none yet"
        )
    executor = LocalExecutor()
    try:
        answer = executor.ask(
            "sample",
            {
                "tokens": resume.load(paths).tokens_of(rows[run].spec.group if run in rows else "").directory,
                "model": str(model),
                "n": n,
                "prompt": prompt,
                "temperature": temperature,
                "top_k": top_k,
                "seed": seed,
            },
        )
    finally:
        executor.close()
    return Sample(run=run, prompt=prompt, text=answer["text"], ids=tuple(answer["ids"]))
