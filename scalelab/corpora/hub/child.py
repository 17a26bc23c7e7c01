"""The process that streams a corpus of the hub: `python -m scalelab.corpora.hub.child`, asked by a line of JSON.

It writes messages (frames.py) until it is done, or until its standard input ends: whoever started it is gone then. A
place to go on from follows every `shard_bytes` of text.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from scalelab.corpora.hub import frames
from scalelab.corpora.hub.articles import Articles
from scalelab.corpora.hub.names import PAIRS, HubSpec
from scalelab.errors import BadInput, ScalelabError

_BREATH = 1024  # rows passed over between two signs of life


def main() -> None:
    """Answer one request."""
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)  # what libraries print must not stand among the messages
    asked = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answers: dict[str, Callable[..., Iterator[bytes]]] = {"documents": _documents, "tokenizer": _tokenizer}
        for message in answers[asked.pop("do")](**asked):
            out.write(message)
        out.write(frames.frame(frames.END))
    except ScalelabError as error:
        problem = {"what": error.what, "allowed": error.allowed, "todo": error.todo, "bad": isinstance(error, BadInput)}
        out.write(frames.frame(frames.PROBLEM, json.dumps(problem).encode()))
    out.flush()
    # Threads of the libraries may wait for a dead connection; nothing is left to be saved.
    os._exit(0)


def _end_with_parent() -> None:
    # The descriptor, not sys.stdin: a lock held by this thread would stand in the way of the interpreter's end.
    while os.read(0, 1 << 10):
        pass
    os._exit(1)


def _documents(
    spec: dict[str, Any], column: str, pinned: str | None, repo: str | None, position: Any, shard_bytes: int
) -> Iterator[bytes]:
    from scalelab.corpora.hub.opening import open_dataset, set_limits, told

    wanted = HubSpec(**{**spec, "mirrors": tuple(spec["mirrors"])})
    set_limits()
    opened = open_dataset(wanted, column, pinned, repo)
    yield frames.frame(frames.OPENED, json.dumps({"revision": opened.revision, "repo": opened.repo}).encode())
    size = 0
    with told(wanted, pinned):
        for text, place in _texts(opened.rows, column, wanted, position or {}):
            if text is None:
                yield frames.frame(frames.BREATH)
                continue
            encoded = text.encode("utf-8", "replace")
            yield from frames.pieces(encoded)
            size += len(encoded)
            if size >= shard_bytes:
                yield frames.frame(frames.POSITION, json.dumps(place()).encode())
                size = 0


def _texts(rows: Any, column: str, spec: HubSpec, position: dict[str, Any]) -> Iterator[tuple[str | None, Any]]:
    """Every document, and a function that gives the place after it; now and then None while rows are passed over."""
    articles = Articles(position.get("pending"))
    first, passed = position.get("file", 0), position.get("rows", 0)
    for number in range(first, rows.num_shards):
        skip = passed if number == first else 0
        for count, row in enumerate(rows.shard(rows.num_shards, number), 1):
            if count <= skip:
                # What stands before the place in its file is read again: the libraries cannot begin in the middle.
                if count % _BREATH == 0:
                    yield None, dict
                continue
            text = _text(row, column, spec)
            whole = articles.take(text) if spec.unit == "wikitext" else text
            if whole:
                yield whole, partial(_place, number, count, articles)
    if rest := articles.rest():
        yield rest, dict


def _place(number: int, count: int, articles: Articles) -> dict[str, Any]:
    return {"file": number, "rows": count, "pending": articles.pending}


def _text(row: dict[str, Any], column: str, spec: HubSpec) -> str:
    if spec.unit == PAIRS:
        return json.dumps(row, default=str)
    text = row[column]
    if text is not None and not isinstance(text, str):
        raise BadInput(
            f"dataset {spec.repo!r} column {column!r} holds {type(text).__name__}",
            todo="append #COLUMN with text in it",
        )
    return text or ""


def _tokenizer(repo: str) -> Iterator[bytes]:
    from scalelab.corpora.hub.opening import set_limits
    from scalelab.corpora.hub.tokenizer import fetch

    set_limits()
    yield from frames.pieces(fetch(repo))


if __name__ == "__main__":
    main()
