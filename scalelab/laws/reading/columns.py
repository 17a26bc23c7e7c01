"""Which column of somebody else's table is N, D, loss, C: guessed from its name, and the unit that the name betrays.

Knows names only, no rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scalelab.errors import BadInput, did_you_mean

NEEDED = ("n_params", "n_tokens", "loss")
ALIASES: Mapping[str, tuple[str, ...]] = {
    "n_params": (
        "nparams", "n", "params", "parameters", "modelsize", "numparams", "nparameters", "numparameters",
        "modelparams", "modelparameters", "paramcount", "parametercount", "size", "nblocks", "ntotal",
    ),
    "n_tokens": (
        "ntokens", "tokens", "d", "trainingtokens", "traintokens", "numtokens", "tokensseen", "tokencount",
        "datasetsize", "datasize", "trainingdata", "totaltokens",
    ),
    "loss": (
        "loss", "l", "valloss", "validationloss", "evalloss", "finalloss", "testloss", "heldoutloss", "lossnats",
        "crossentropy", "nll", "finalvalloss", "evaluationloss",
    ),
    "flops": ("flops", "flop", "c", "compute", "trainingflop", "trainingflops", "trainflops", "totalflops"),
    "run_id": ("runid", "run", "id", "name", "runname", "model", "modelname"),
    "cluster": ("cluster", "trunk", "parent"),
    "weight": ("weight",),
    "unique_tokens": ("uniquetokens", "ntokensunique"),
}  # fmt: skip
"""In order of preference, as `plain` leaves them."""

NATS_PER_BIT = math.log(2.0)
CONVERTED: Mapping[str, str] = {
    "perplexity": "ln", "ppl": "ln", "valperplexity": "ln", "valppl": "ln", "evalperplexity": "ln", "evalppl": "ln",
    "bits": "bits", "bitspertoken": "bits", "lossbits": "bits",
}  # fmt: skip
"""Columns that are a loss in another unit, and how they become nats a token."""
REFUSED: Mapping[str, str] = dict.fromkeys(
    ("bpb", "bitsperbyte", "bpc", "bitspercharacter", "bitsperchar", "valbpb", "evalbpb", "lossbpb"),
    "bits a byte or character need the bytes a token to become nats a token",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where each quantity stands."""

    index: Mapping[str, int]
    """Position of each quantity found."""
    unit: str
    """Of the loss column: "nats", "bits" or "ln" (a perplexity)."""
    notes: tuple[str, ...]
    """What was guessed or converted."""
    count_name: str
    """Heading of the column taken for N."""


def plain(name: str) -> str:
    """A heading without case, blanks and signs: "Model Size" → "modelsize"."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find_columns(header: Sequence[str], given: Mapping[str, str] | None = None) -> Columns:
    """The columns of a header; `given` maps a quantity to a heading and wins over every guess.

    Raises
    ------
    BadInput
        N, D or loss not found (D may be missing where C is given: then D = C / 6N, and N likewise).
    """
    index = _given(header, given or {})
    names = [plain(name) for name in header]
    for quantity, aliases in ALIASES.items():
        match = next((names.index(alias) for alias in aliases if alias in names), None)
        if quantity not in index and match is not None and match not in index.values():
            index[quantity] = match
    unit = _loss_unit(names, header, index)
    notes = [
        f"column {header[at].strip()[:60]!r} read as {quantity}"
        for quantity, at in index.items()
        if plain(header[at]) != plain(quantity) and not (quantity == "n_tokens" and plain(header[at]) == "tokens")
    ]
    notes += _derived(index)
    if unit != "nats":
        how = "the natural log of it" if unit == "ln" else "times ln 2"
        notes.append(f"column {header[index['loss']].strip()[:60]!r} is not in nats: {how} was taken as loss")
    lacking = [quantity for quantity in NEEDED if quantity not in index]
    if lacking and not (len(lacking) == 1 and lacking[0] != "loss" and "flops" in index):
        raise BadInput(
            f"no column for {', '.join(lacking)} among {', '.join(repr(name.strip()[:30]) for name in header[:12])}",
            allowed="columns n_params, tokens, loss (and flops)",
            todo='rename them, or map them, as in n_params="Model Size"',
        )
    count = header[index["n_params"]].strip()[:60] if "n_params" in index else "n_params"
    return Columns(index=index, unit=unit, notes=tuple(notes), count_name=count)


def _given(header: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Positions of the columns that the caller named."""
    exact = [name.strip() for name in header]
    index = {}
    for quantity, name in given.items():
        if quantity not in ALIASES:
            raise BadInput(f"cannot map {quantity[:60]!r}", allowed=", ".join(ALIASES))
        if name not in exact:
            raise BadInput(f"no column {name[:60]!r} for {quantity}", todo=did_you_mean(name, exact))
        index[quantity] = exact.index(name)
    return index


def _loss_unit(names: Sequence[str], header: Sequence[str], index: dict[str, int]) -> str:
    """The unit of the loss column; a perplexity or bits column is taken where no loss stands."""
    if "loss" in index:
        name = names[index["loss"]]
        if name in REFUSED:
            raise BadInput(f"loss column {header[index['loss']].strip()[:60]!r}", todo=REFUSED[name])
        return CONVERTED.get(name, "nats")
    for at, name in enumerate(names):
        if name in CONVERTED:
            index["loss"] = at
            return CONVERTED[name]
    for at, name in enumerate(names):
        if name in REFUSED:
            raise BadInput(f"the only loss is {header[at].strip()[:60]!r}", todo=REFUSED[name])
    return "nats"


def _derived(index: Mapping[str, int]) -> list[str]:
    """What will be computed from C."""
    if "flops" not in index:
        return []
    return [f"no column for {name}: taken as flops / (6 · {other})"
            for name, other in (("n_params", "n_tokens"), ("n_tokens", "n_params"))
            if name not in index and other in index]  # fmt: skip
