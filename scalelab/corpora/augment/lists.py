"""The files that recipes read: groups of words that may stand for each other, and sentences said in other ways."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from scalelab.errors import BadInput
from scalelab.gate import clean

MOST_BYTES = 200_000_000
_SHIPPED = "synonyms.txt"


def synonym_groups(path: str) -> Mapping[str, Sequence[str]]:
    """Word → the others of its groups; a line is a group, its words apart by blanks, tabs or commas.

    Without a path the shipped list of everyday English.

    Raises
    ------
    BadInput
        The file cannot be read, or holds no group of two words.
    """
    text = _read(path) if path else (files("scalelab.corpora.augment") / _SHIPPED).read_text(encoding="utf-8")
    found: dict[str, dict[str, None]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].replace(",", " ").split()
        for word in words:
            found.setdefault(word.lower(), {}).update((other, None) for other in words if other != word)
    kept = {word: tuple(others) for word, others in found.items() if others}
    if not kept:
        raise BadInput(f"synonyms {clean(path, 80)!r} has no line of two words", allowed="a group of words a line")
    return kept


def paraphrases(path: str) -> Mapping[str, Sequence[str]]:
    """Sentence → other ways to say it, from JSON lines {"text": …, "paraphrase": … or […]}, or from text TAB other.

    Raises
    ------
    BadInput
        The file cannot be read, or a line is neither.
    """
    found: dict[str, list[str]] = {}
    # By line ends alone: JSON may hold the other characters at which str.splitlines cuts.
    for number, line in enumerate(_read(path).split("\n"), 1):
        if line.strip():
            text, others = _pair(line, path, number)
            found.setdefault(text, []).extend(others)
    if not found:
        raise BadInput(f"paraphrases {clean(path, 80)!r} is empty", allowed="a pair a line")
    return found


def check(path: str) -> None:
    """Refuse a file that cannot be read as text."""
    _read(path)


def _pair(line: str, path: str, number: int) -> tuple[str, list[str]]:
    where = f"{clean(path, 80)!r}, line {number}"
    if "\t" in line and not line.lstrip().startswith("{"):
        text, *others = (part.strip() for part in line.split("\t"))
    else:
        try:
            item = json.loads(line)
            text, said = item["text"], item["paraphrase"]
            others = [said] if isinstance(said, str) else list(said)
        except (ValueError, TypeError, KeyError, RecursionError):
            raise BadInput(f"paraphrases {where}", allowed='{"text": …, "paraphrase": …}, or text TAB other') from None
    if not text or not all(isinstance(each, str) and each for each in (text, *others)) or not others:
        raise BadInput(f"paraphrases {where}: empty or no text", allowed='{"text": …, "paraphrase": …}')
    return text.strip(), others


def _read(path: str) -> str:
    try:
        # Looked at first: opening a FIFO would wait for a writer that never comes.
        if not Path(path).expanduser().is_file() and Path(path).expanduser().exists():
            raise BadInput(f"{clean(path, 80)!r} is no regular file", allowed="a text file")
        with Path(path).expanduser().open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "no usable name").lower()
        raise BadInput(f"{clean(path, 80)!r} cannot be read: {reason}", allowed="a text file") from None
    if len(content) > MOST_BYTES:
        raise BadInput(f"{clean(path, 80)!r} is larger than {MOST_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{clean(path, 80)!r} is not UTF-8", allowed="a text file in UTF-8") from None
