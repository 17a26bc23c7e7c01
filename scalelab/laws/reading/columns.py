"""Which column of somebody else's table is N, D, loss, C: guessed from its name, shown, and overruled by the user.

Knows headings only, no rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scalelab.errors import BadInput, did_you_mean
from scalelab.laws.reading.headings import (
    ALIASES,
    CONVERTED,
    COUNTS,
    PRODUCTS,
    REFUSED,
    plain,
    quantity_of,
    scale_of,
    spellings,
)
from scalelab.laws.reading.likely import likely, likely_loss

NEEDED = ("n_params", "n_tokens", "loss")
SCALED = ("n_params", "n_tokens", "unique_tokens")
"""Quantities whose heading may say "in millions"."""
FACTORS = ("steps", "step_tokens", "epochs")
"""Looked for only where D has no column; then two of `PRODUCTS` make it."""
COUNT = "count "
"""Before the heading of another count of N, where it stands among quantities: a heading may be called n_params."""
LISTED = 12
"""Headings that an error lists."""


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
    counts: Mapping[str, int] = field(default_factory=dict)
    """Heading → position of the other counts of N."""
    picked: str = ""
    """The count that the caller asked for, a key of `counts`; "" keeps the column taken for N."""
    scale: Mapping[str, float] = field(default_factory=dict)
    """Factor of each column that is written in thousands, millions or billions, by quantity or COUNT + heading."""


def listed(headings: Sequence[str]) -> str:
    """Headings as an error shows them."""
    more = f" and {len(headings) - LISTED} more" if len(headings) > LISTED else ""
    return ", ".join(ascii(name[:30]) for name in headings[:LISTED]) + more


def find_columns(headings: Sequence[str], given: Mapping[str, str] | None = None, count: str | None = None) -> Columns:
    """The columns of a table; `given` maps a quantity to a heading and wins over every guess.

    Raises
    ------
    BadInput
        N, D or loss not found (D may be missing where C is given: then D = C / 6N, and N likewise); a given heading
        or count that is not there.
    """
    index = _given(headings, given or {})
    asked = set(index)
    names = [tuple(spellings(heading)) for heading in headings]
    for quantity, aliases in ALIASES.items():
        if quantity in FACTORS:
            continue
        ways = (*aliases, *COUNTS["n_blocks"], *COUNTS["n_total"], *COUNTS["n_active"])
        at = _guess(names, ways if quantity == "n_params" else aliases, index)
        if quantity not in index and at is not None:
            index[quantity] = at
    _by_their_words(headings, index)
    unit = _loss_unit(names, headings, index)
    _factors(names, headings, index)
    counts = _counts(names, headings, index)
    picked = _picked(headings, names, index, counts, count)
    _check(headings, index)
    scale = _scales(headings, index, counts)
    notes = [*_guesses(headings, index, asked), *_derived(index), *_converted(headings, index, unit, scale)]
    taken = headings[index["n_params"]][:60] if "n_params" in index else "n_params"
    return Columns(
        index=index, unit=unit, notes=tuple(notes), count_name=taken, counts=counts, picked=picked, scale=scale
    )


def _by_their_words(headings: Sequence[str], index: dict[str, int]) -> None:
    """N and D under names that nobody lists, where one column alone can be meant."""
    for quantity in ("n_params", "n_tokens"):
        at = likely(headings, list(index.values()), quantity)
        if quantity not in index and at is not None:
            index[quantity] = at


def _factors(names: Sequence[tuple[str, ...]], headings: Sequence[str], index: dict[str, int]) -> None:
    """The two columns whose product is D, where it has none of its own; otherwise none of them is of interest."""
    for pair in PRODUCTS if "n_tokens" not in index else ():
        taken = list(index.values())
        found = {
            name: index[name] if name in index else _first(_guess(names, ALIASES[name], index), headings, taken, name)
            for name in pair
        }
        places = {name: at for name, at in found.items() if at is not None}
        if len(places) == len(pair):
            index.update(places)
            return
    for name in FACTORS:
        index.pop(name, None)


def _first(at: int | None, headings: Sequence[str], taken: Sequence[int], quantity: str) -> int | None:
    """The column of a known name, else the one that its words betray."""
    return at if at is not None else likely(headings, taken, quantity)


def heading_at(headings: Sequence[str], name: str) -> int | None:
    """Position of the heading that a user named: as it stands, else without case, blanks and signs."""
    name = name.strip()
    if name in headings:
        return list(headings).index(name)
    bare = [plain(heading) for heading in headings]
    return bare.index(plain(name)) if plain(name) and plain(name) in bare else None


def _guess(names: Sequence[tuple[str, ...]], aliases: Sequence[str], index: Mapping[str, int]) -> int | None:
    """The first column that is not yet taken under the most preferred alias."""
    for alias in aliases:
        for at, spelled in enumerate(names):
            if alias in spelled and at not in index.values():
                return at
    return None


def _given(headings: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Positions of the columns that the caller named."""
    index: dict[str, int] = {}
    for name, heading in given.items():
        quantity = quantity_of(name)
        if quantity not in ALIASES:
            raise BadInput(f"cannot map {name[:60]!r}", allowed=", ".join(ALIASES), todo=did_you_mean(name, ALIASES))
        at = heading_at(headings, heading)
        if at is None:
            raise BadInput(
                f"no column {heading[:60]!r} for {quantity}",
                allowed=listed(headings),
                todo=did_you_mean(heading, headings),
            )
        index[quantity] = at
    return index


def _loss_unit(names: Sequence[tuple[str, ...]], headings: Sequence[str], index: dict[str, int]) -> str:
    """The unit of the loss column; a perplexity or bits column is taken where no loss stands."""
    if "loss" in index:
        spelled = names[index["loss"]]
        if refused := next((name for name in spelled if name in REFUSED), ""):
            raise BadInput(f"loss column {headings[index['loss']][:60]!r}", todo=REFUSED[refused])
        return next((CONVERTED[name] for name in spelled if name in CONVERTED), "nats")
    if (likely_at := likely_loss(headings, list(index.values()))) is not None:
        index["loss"] = likely_at
        return "nats"
    for known in (CONVERTED, REFUSED):
        for at, spelled in enumerate(names):
            match = next((name for name in spelled if name in known), "")
            if match and known is REFUSED:
                raise BadInput(f"the only loss is {headings[at][:60]!r}", todo=REFUSED[match])
            if match:
                index["loss"] = at
                return CONVERTED[match]
    return "nats"


def _counts(names: Sequence[tuple[str, ...]], headings: Sequence[str], index: Mapping[str, int]) -> dict[str, int]:
    """The other columns that count N in a known way."""
    known = {alias for aliases in COUNTS.values() for alias in aliases}
    return {
        headings[at][:60]: at
        for at, spelled in enumerate(names)
        if at not in index.values() and known.intersection(spelled)
    }


def _picked(
    headings: Sequence[str],
    names: Sequence[tuple[str, ...]],
    index: dict[str, int],
    counts: dict[str, int],
    count: str | None,
) -> str:
    """The heading of the count asked for, put among the counts; "" where it is the column taken for N already."""
    if count is None:
        return ""
    at = heading_at(headings, count)
    if at is None:
        at = next((i for i, spelled in enumerate(names) if set(COUNTS.get(count, ())).intersection(spelled)), None)
    if at is None:
        known = [*([headings[index["n_params"]]] if "n_params" in index else []), *counts]
        raise BadInput(f"no column counts N as {count[:60]!r}", allowed=listed(known), todo=did_you_mean(count, known))
    if at == index.get("n_params"):
        return ""
    if taken := next((name for name, position in index.items() if position == at and name != "run_id"), ""):
        raise BadInput(f"column {headings[at][:60]!r} is {taken}, no count of N", allowed=listed(list(counts)))
    if "n_params" not in index:
        index["n_params"] = at
        return ""
    counts[headings[at][:60]] = at
    return headings[at][:60]


def _check(headings: Sequence[str], index: Mapping[str, int]) -> None:
    """A table must have two of N, D, C, and a loss."""
    lacking = [name for name in NEEDED if name not in index and not (name == "n_tokens" and product_of(index))]
    if lacking and not (len(lacking) == 1 and lacking[0] != "loss" and "flops" in index):
        raise BadInput(
            f"no column for {', '.join(lacking)} among {listed(headings)}",
            allowed="columns n_params, tokens, loss (and flops)",
            todo='rename them, or map them, as in N="Model Size"',
        )


def product_of(index: Mapping[str, int]) -> tuple[str, str] | None:
    """The two quantities whose product is D; None where D has a column, or they have none."""
    if "n_tokens" in index:
        return None
    return next((pair for pair in PRODUCTS if pair[0] in index and pair[1] in index), None)


def _scales(headings: Sequence[str], index: Mapping[str, int], counts: Mapping[str, int]) -> dict[str, float]:
    """Factors above 1 of the columns that are written in millions and the like."""
    places = {name: index[name] for name in SCALED if name in index} | {COUNT + name: at for name, at in counts.items()}
    return {name: scale_of(headings[at]) for name, at in places.items() if scale_of(headings[at]) != 1.0}


def _guesses(headings: Sequence[str], index: Mapping[str, int], asked: set[str]) -> list[str]:
    """Which heading was read as what, where the two differ."""
    return [
        f"column {headings[at][:60]!r} read as {quantity}"
        for quantity, at in index.items()
        if plain(headings[at]) != plain(quantity)
        and not (quantity not in asked and quantity == "n_tokens" and plain(headings[at]) == "tokens")
        and not (quantity == "run_id" and quantity not in asked)
    ]


def _derived(index: Mapping[str, int]) -> list[str]:
    """What will be computed, and from what."""
    if factors := product_of(index):
        return [f"no column for n_tokens: taken as {factors[0]} · {factors[1]}"]
    if "flops" not in index:
        return []
    return [f"no column for {name}: taken as flops / (6 · {other})"
            for name, other in (("n_params", "n_tokens"), ("n_tokens", "n_params"))
            if name not in index and other in index]  # fmt: skip


def _converted(headings: Sequence[str], index: Mapping[str, int], unit: str, scale: Mapping[str, float]) -> list[str]:
    """Which columns are not as they stand what they are taken for."""
    notes = [
        f"column {headings[index[name]][:60]!r} is taken times {factor:,.0f}"
        for name, factor in scale.items()
        if name in index
    ]
    if unit != "nats":
        how = "the natural log of it" if unit == "ln" else "times ln 2"
        notes.append(f"column {headings[index['loss']][:60]!r} is not in nats: {how} was taken as loss")
    return notes
