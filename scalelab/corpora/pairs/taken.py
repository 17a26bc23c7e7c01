"""Pairs of the hub as they were taken, in a folder of the cache: a start goes on from what an earlier one left there.

NUMBER.pairs holds a pair a line, NUMBER.json the place to go on from, or null where the source holds no more; its being
there says that the file is whole. Knows neither the hub nor tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scalelab.corpora.pairs.fields import Pair
from scalelab.corpora.shards.files import write_whole


class Taken:
    """The folder of one source, for whoever holds its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for left in folder.glob("*.part"):
            left.unlink(missing_ok=True)
        self._places: list[Any] = []
        while (place := self._read(len(self._places))) is not None:
            self._places.append(place["position"])

    @property
    def is_whole(self) -> bool:
        """Whether the source holds no more."""
        return bool(self._places) and self._places[-1] is None

    @property
    def position(self) -> Any:
        """Where reading goes on; None at the beginning."""
        return self._places[-1] if self._places else None

    def pairs(self) -> Iterator[Pair]:
        """All that was taken, in the order of reading."""
        for number in range(len(self._places)):
            with self._path(number, "pairs").open(encoding="utf-8") as file:
                for line in file:
                    prompt, *targets = json.loads(line)
                    yield Pair(prompt=prompt, targets=tuple(targets))

    def add(self, pairs: Sequence[Pair], position: Any) -> None:
        """Keep what was read up to a place, and the last of all with None."""
        number = len(self._places)
        lines = "".join(f"{json.dumps([pair.prompt, *pair.targets], ensure_ascii=False)}\n" for pair in pairs).encode()
        write_whole(self._path(number, "pairs"), lambda file: file.write(lines))
        told = json.dumps({"position": position}).encode()
        write_whole(self._path(number, "json"), lambda file: file.write(told))
        self._places.append(position)

    def _path(self, number: int, kind: str) -> Path:
        return self._folder / f"{number:05d}.{kind}"

    def _read(self, number: int) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._path(number, "json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if "position" in found and self._path(number, "pairs").exists() else None
