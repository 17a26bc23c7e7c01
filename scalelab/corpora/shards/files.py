"""The shards of one corpus in a folder: text, then tokens, each file whole or absent.

NUMBER.seen holds the passages' hashes; NUMBER.text their lengths and bytes, training side first, gone once encoded;
NUMBER.json how many there are and where to go on reading, and its being there says that the shard was read;
NUMBER.tokens the lengths and tokens of both sides; end.json says that the source holds no more. Knows no tokenizer.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_END = "end.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextShard:
    """What was read into one shard."""

    n_train: int
    """Passages of the training side."""
    n_held_out: int
    train_bytes: int
    held_out_bytes: int
    duplicates: int
    """Passages left out because an earlier one reads the same."""
    position: Any
    """Where reading goes on, as the source understands it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """What became of a shard."""

    train: int
    held_out: int


class Side(NamedTuple):
    """One side of an encoded shard."""

    n_tokens: Array
    """Of every passage, its end-of-text token included."""
    n_bytes: Array
    """Of every passage."""
    tokens: Array


class Shards:
    """The folder of one corpus."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        for left in folder.glob("*.part"):
            left.unlink(missing_ok=True)
        self._texts: list[TextShard] = []
        while (found := self._read(len(self._texts))) is not None:
            self._texts.append(found)
        self._counts: dict[int, TokenCount] = {}

    def __len__(self) -> int:
        """How many were read, one after another from the first."""
        return len(self._texts)

    @property
    def is_whole(self) -> bool:
        """Whether the source holds no more."""
        return (self.folder / _END).exists()

    @property
    def position(self) -> Any:
        """Where reading goes on; None at the beginning."""
        return self._texts[-1].position if self._texts else None

    def text(self, number: int) -> TextShard:
        """What a shard holds."""
        return self._texts[number]

    def path(self, number: int, kind: str) -> Path:
        """A file of a shard."""
        return self.folder / f"{number:05d}.{kind}"

    def count(self, number: int) -> TokenCount | None:
        """The tokens of a shard, None while it is not encoded."""
        if number not in self._counts:
            try:
                with self.path(number, "tokens").open("rb") as file:
                    train, held_out = (int(each) for each in np.load(file, allow_pickle=False))
            except (OSError, ValueError, EOFError):
                return None
            self._counts[number] = TokenCount(train=train, held_out=held_out)
        return self._counts[number]

    def unencoded(self) -> list[int]:
        """Shards that were read and not encoded."""
        return [number for number in range(len(self)) if self.count(number) is None]

    def seen(self) -> Iterator[Array]:
        """The hashes of every shard's passages."""
        for number in range(len(self)):
            yield np.load(self.path(number, "seen"), allow_pickle=False)

    def add(self, passages: Sequence[Sequence[bytes]], seen: Array, shard: TextShard) -> int:
        """One shard more, of the passages of the two sides; its number."""
        number = len(self)
        lengths = np.array([len(passage) for side in passages for passage in side], np.uint32)
        write_whole(self.path(number, "seen"), lambda file: np.save(file, seen))

        def text(file: IO[bytes]) -> None:
            np.save(file, lengths)
            for side in passages:
                file.writelines(side)

        write_whole(self.path(number, "text"), text)
        told = json.dumps(asdict(shard)).encode()
        write_whole(self.path(number, "json"), lambda file: file.write(told))
        self._texts.append(shard)
        return number

    def end(self) -> None:
        """Note that the source holds no more."""
        write_whole(self.folder / _END, lambda file: file.write(b"{}"))

    def tokens(self, number: int) -> tuple[Side, Side]:
        """The training and the held-out side of an encoded shard."""
        with self.path(number, "tokens").open("rb") as file:
            np.load(file, allow_pickle=False)
            sides = [Side(*(np.load(file, allow_pickle=False) for _ in range(3))) for _ in range(2)]
        return sides[0], sides[1]

    def _read(self, number: int) -> TextShard | None:
        try:
            return TextShard(**json.loads(self.path(number, "json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None


def read_text(path: Path) -> tuple[list[int], bytes]:
    """The lengths of a text shard's passages, and all their bytes."""
    with path.open("rb") as file:
        lengths = np.load(file, allow_pickle=False)
        return lengths.tolist(), file.read()


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside its place, sync it, and put it there."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
