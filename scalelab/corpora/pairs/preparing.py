"""From a corpus spec to a task's tokens on disk: the one way through sources, sides, tokenizer, layout and cache."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scalelab.corpora import cache as store
from scalelab.corpora.packing import dtype_of
from scalelab.corpora.pairs.fields import Pair
from scalelab.corpora.pairs.heldout import HeldOutPair, write_held_out
from scalelab.corpora.pairs.layout import Example, Layout
from scalelab.corpora.pairs.sources import PairSource, open_pairs
from scalelab.corpora.pairs.spool import PairSpool
from scalelab.corpora.preparing import told_in_words
from scalelab.corpora.streams import Need
from scalelab.corpora.tokenizers import end_of_text, kind_of, size_of
from scalelab.corpora.tokenizers.base import SEPARATOR, Encode
from scalelab.errors import BadInput
from scalelab.preset import CorpusSpec
from scalelab.records import PairCounts, TokenSet

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

Progress = Callable[[str, float], None]
LEAST_PROMPTS = 32
"""Different prompts on both sides together: below that a held-out loss is none."""
BYTES_A_TOKEN = {"bytes": 1.1, "bpe": 3.0}
"""Text read for a token that is needed, by corpus.tokenizer: more than it makes of one, so that it mostly serves."""
_ANY_TOKENIZER = 6.0
MOST_TAKEN = 16.0
"""Times the text that should have been enough, from which on no more is read."""
MOST_LEFT_OUT = 0.5
"""Share of examples longer than the context from which on it is the context that is wrong."""
_TOLD_EVERY = 4096


@dataclass(slots=True, kw_only=True)
class _Coded:
    """Pairs as tokens, and what was left out on the way."""

    encode: Encode
    context: int
    too_long: int = 0
    sizes: list[int] | None = None

    def example(self, pair: Pair) -> Example | None:
        """The example, None where it is longer than the context."""
        prompt, target = self.encode(pair.prompt.encode()), self.encode(pair.targets[0].encode())
        found = Example(prompt=prompt, target=target)
        if self.sizes is not None:
            self.sizes.append(found.size)
        if found.size <= self.context:
            return found
        self.too_long += 1
        return None


def prepare_pairs(
    task: str, corpus: CorpusSpec, context: int, cache: Path, *, need: Need | None = None,
    progress: Progress = lambda stage, share: None,
) -> TokenSet:  # fmt: skip
    """A task's pairs as tokens on disk for windows of `context`, made if the cache does not hold them.

    Files are taken whole; of the hub and of generators as much as `need` asks for (of what has no end, never all).

    Raises
    ------
    BadInput
        The source is missing, unreadable, has no such columns, holds too few pairs, or longer ones than the context.
    ScalelabError
        The hub does not answer, or the cache cannot be written.
    """
    waiting = partial(progress, f"{corpus.source}: another process reads it", 0.0)
    source = open_pairs(corpus, task, cache, waiting)
    asked = need or Need()
    told = [task, str(context), corpus.model_dump_json(), source.identity(), repr(asked)]
    note = store.digest("pairs", str(store.FORMAT), *told)
    with told_in_words(cache):
        tokens = store.recall(cache, note)
        if tokens is None:
            tokens = _make(task, corpus, context, source, asked, cache, progress)
            store.remember(cache, note, tokens.key)
        return replace(tokens, corpus=source.label, asked_train=asked.train, asked_held_out=asked.held_out)


def _make(
    task: str, corpus: CorpusSpec, context: int, source: PairSource, need: Need, cache: Path, progress: Progress
) -> TokenSet:
    share = 1.0
    while True:
        with store.workshop(cache) as folder:
            spool, is_whole = _gather(corpus, source, need, share, folder, progress)
            train, held_out = spool.sides()
            _refuse_too_few(spool, source.label, len(train), len(held_out))
            progress("training the tokenizer", 0.0)
            library = _tokenizer(corpus, spool, train)
            (folder / "tokenizer.json").write_text(library.to_str(), encoding="utf-8")
            progress("encoding", 0.0)
            coded = _Coded(encode=kind_of(corpus.tokenizer).encoder(library), context=context, sizes=[])
            sides = {}
            for part, pairs in (("train", spool.read(train)), ("held_out", _merged(spool.read(held_out)))):
                sides[part] = _write_side(folder, part, pairs, coded, library)
            _refuse_too_long(coded, source.label)
            asked = (("train", need.train), ("held_out", need.held_out))
            lack = max(wanted / sides[part].layout.n_tokens for part, wanted in asked)
            if is_whole or lack <= 1.0 or share >= MOST_TAKEN:
                tokens = _described(task, corpus, source.label, spool, sides, coded, folder, library)
                return store.publish(cache, folder, tokens, {"empty": spool.empty, "text_sha256": spool.text_hash()})
        # Long pairs were left out, or hashes held out few: there is more where these came from.
        share = min(1.1 * lack * share, MOST_TAKEN)


def _gather(
    corpus: CorpusSpec, source: PairSource, need: Need, share: float, folder: Path, progress: Progress
) -> tuple[PairSpool, bool]:
    """Pairs for `share` times what is needed, as far as text can tell that, and whether they are all."""
    spool = PairSpool(folder, corpus.held_out)
    needed = max(need.train / (1.0 - corpus.held_out), need.held_out / corpus.held_out)
    wanted = share * needed * _bytes_a_token(corpus)
    if not wanted and source.endless:
        raise BadInput(f"{source.label!r} has no end", todo="say how many tokens are needed")
    for number, pair in enumerate(source.pairs()):
        if pair is not None:
            spool.add(pair)
        if number % _TOLD_EVERY == 0:
            progress(f"{source.label}: {len(spool)} pairs", min(spool.n_bytes / wanted, 1.0) if wanted else 0.0)
        if source.endless is not None and wanted and spool.n_bytes >= wanted:
            return spool, False
    return spool, True


def _bytes_a_token(corpus: CorpusSpec) -> float:
    # A BPE of 512 tokens makes 2 bytes of one in prose; each doubling of its vocabulary adds less than half a byte.
    doublings = max(math.log2(corpus.vocab_size / 512), 0.0) if corpus.tokenizer == "bpe" else 0.0
    return BYTES_A_TOKEN.get(corpus.tokenizer, _ANY_TOKENIZER) + 0.5 * doublings


def _tokenizer(corpus: CorpusSpec, spool: PairSpool, train: NDArray[np.int64]) -> Library:
    """The corpus's tokenizer, learnt from the training side, and a separator besides."""
    from tokenizers import AddedToken

    kind = kind_of(corpus.tokenizer)
    # The separator is one of the tokens that were asked for.
    smaller = corpus.model_copy(update={"vocab_size": corpus.vocab_size - 1})
    library = kind.make(smaller, _sample(spool, train, kind.sample_bytes(corpus)))
    library.add_special_tokens([AddedToken(SEPARATOR, special=True, normalized=False)])
    return library


def _sample(spool: PairSpool, train: NDArray[np.int64], n_bytes: int) -> Iterator[str]:
    for pair in spool.read(train):
        if n_bytes <= 0:
            return
        for text in (pair.prompt, pair.targets[0]):
            n_bytes -= len(text)
            yield text


def _merged(pairs: Iterator[Pair]) -> Iterator[Pair]:
    """Held-out pairs, all right targets of a prompt together: they stand side by side, as hashes order them."""
    before: Pair | None = None
    for pair in pairs:
        if before is not None and before.prompt == pair.prompt:
            before = Pair(prompt=pair.prompt, targets=tuple(dict.fromkeys((*before.targets, *pair.targets))))
            continue
        if before is not None:
            yield before
        before = pair
    if before is not None:
        yield before


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One side as it was written."""

    layout: Layout
    n_pairs: int
    n_bytes: int
    """Of prompts and targets."""
    target_bytes: int


def _write_side(folder: Path, part: str, pairs: Iterator[Pair], coded: _Coded, library: Library) -> _Side:
    dtype = np.dtype(dtype_of(size_of(library))).newbyteorder("<")
    end, separator = end_of_text(library), library.token_to_id(SEPARATOR)
    assert end is not None and separator is not None
    kept: list[HeldOutPair] = []
    n_pairs = n_bytes = target_bytes = 0
    with (folder / f"{part}.bin").open("xb") as tokens, (folder / f"{part}.targets.bin").open("xb") as marks:

        def write(found: NDArray[np.uint32], targets: NDArray[np.bool_]) -> None:
            tokens.write(found.astype(dtype).tobytes())
            marks.write(targets.tobytes())

        layout = Layout(coded.context, end, separator, write)
        for pair in pairs:
            example = coded.example(pair)
            if example is None:
                continue
            layout.add(example)
            n_pairs += 1
            own = len(pair.targets[0].encode())
            n_bytes, target_bytes = n_bytes + own + len(pair.prompt.encode()), target_bytes + own
            if part == "held_out":
                kept.append(HeldOutPair(prompt=pair.prompt, targets=pair.targets))
        layout.finish()
        for file in (tokens, marks):
            file.flush()
            os.fsync(file.fileno())
    if part == "held_out":
        write_held_out(folder, kept)
    return _Side(layout=layout, n_pairs=n_pairs, n_bytes=n_bytes, target_bytes=target_bytes)


def _described(
    task: str, corpus: CorpusSpec, label: str, spool: PairSpool, sides: dict[str, Any], coded: _Coded, folder: Path,
    library: Library,
) -> TokenSet:  # fmt: skip
    train, held_out = sides["train"], sides["held_out"]
    counts = PairCounts(
        task=task, context=coded.context, train_pairs=train.n_pairs, held_out_pairs=held_out.n_pairs,
        train_targets=train.layout.n_targets, held_out_targets=held_out.layout.n_targets,
        held_out_target_bytes=held_out.target_bytes,
        longest_target=max(train.layout.longest_target, held_out.layout.longest_target),
        too_long=coded.too_long, empty=spool.empty,
    )  # fmt: skip
    vocab_size = size_of(library)
    names = ("tokenizer.json", "train.bin", "train.targets.bin", "held_out.bin", "held_out.targets.bin")
    hashes = [store.file_sha256(folder / name) for name in names]
    return TokenSet(
        key=store.digest("pair tokens", task, str(coded.context), *hashes),
        directory="", corpus=label, tokenizer=corpus.tokenizer, dtype=dtype_of(vocab_size), vocab_size=vocab_size,
        train_tokens=train.layout.n_tokens, train_bytes=train.n_bytes, held_out_tokens=held_out.layout.n_tokens,
        held_out_bytes=held_out.n_bytes, pairs=counts,
    )  # fmt: skip


def _refuse_too_few(spool: PairSpool, label: str, n_train: int, n_held_out: int) -> None:
    if n_train + n_held_out >= LEAST_PROMPTS and n_train and n_held_out:
        return
    pairs = "1 pair" if n_train + n_held_out == 1 else f"{n_train + n_held_out} different pairs"
    empty = f" and {spool.empty} without a prompt or a target" if spool.empty else ""
    raise BadInput(
        f"{label!r} holds {pairs}{empty}, {n_held_out} of them held out",
        allowed=f"at least {LEAST_PROMPTS}, some on either side",
        todo="give more pairs, or raise corpus.held_out",
    )


def _refuse_too_long(coded: _Coded, label: str) -> None:
    sizes = np.array(coded.sizes)
    if coded.too_long > MOST_LEFT_OUT * len(sizes):
        enough = int(np.quantile(sizes, 0.95))
        raise BadInput(
            f"model.context is {coded.context} and {coded.too_long} of {len(sizes)} pairs of {label!r} are longer",
            allowed="a context that most pairs fit into",
            todo=f"set model.context = {-(-enough // 32) * 32}, which 95 % of them fit into",
        )
