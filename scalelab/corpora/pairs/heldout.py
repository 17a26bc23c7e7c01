"""The held-out pairs of a token set as text, which is what is decoded and scored: held_out.jsonl in its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from scalelab.errors import ScalelabError

FILE = "held_out.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutPair:
    """A prompt and all its right targets."""

    prompt: str
    targets: tuple[str, ...]


def write_held_out(folder: Path, pairs: list[HeldOutPair]) -> None:
    """Write them into the folder of a token set that is made."""
    lines = (json.dumps({"prompt": each.prompt, "targets": each.targets}, ensure_ascii=False) for each in pairs)
    (folder / FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_held_out(folder: Path, most: int) -> list[HeldOutPair]:
    """The first of them; their order is that of hashes, so that they are a random sample.

    Raises ScalelabError where the file is gone or damaged.
    """
    found: list[HeldOutPair] = []
    try:
        with (Path(folder) / FILE).open(encoding="utf-8") as file:
            for line in file:
                if len(found) >= most:
                    break
                row = json.loads(line)
                found.append(HeldOutPair(prompt=row["prompt"], targets=tuple(row["targets"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ScalelabError(f"no held-out pairs at {str(folder)!r}", todo="prepare the corpus again") from error
    return found
