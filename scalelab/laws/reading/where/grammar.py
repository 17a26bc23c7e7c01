"""`--where`: a small language for choosing rows, parsed by hand and never evaluated as code.

    tokens/n_params between 1 and 500 and not (series = 'hot' or width in (256, 512))

Numbers may have suffixes (100M), names may stand in backticks or, where they cannot be taken for a text, in quotes.
A comparison with something missing is false. The parser is told what a name is by whoever has the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.laws.reading.where.parts import Kind, Part, Rows, Truths
from scalelab.laws.reading.where.words import ALLOWED, WORDS, Token, tokens, trouble
from scalelab.units import parse_count

LONGEST = 2_000
"""Characters of an expression."""
DEEPEST = 40
"""Brackets, signs and nots inside each other."""
_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
_SUMS: dict[str, Callable[[Any, Any], Any]] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


Resolve = Callable[[str], int | str | None]
"""What a name means in this table: a column, a quantity, or None."""


def parse(text: str, resolve: Resolve, known: str) -> Callable[[Rows], Truths]:
    """An expression as a function of rows.

    Parameters
    ----------
    text : what the user wrote
    resolve : a name → what `Rows` knows it by; None where the table has no such column
    known : the columns, as an error lists them

    Raises
    ------
    BadInput
        It is no condition; the message says where and shows the place.
    """
    if len(text) > LONGEST:
        raise BadInput(f"--where has {len(text)} characters", allowed=f"up to {LONGEST}")
    part = _Parser(text, resolve, known).whole()
    return lambda rows: np.broadcast_to(part.value(rows), (len(rows),))


class _Parser:
    """Recursive descent over the tokens, from `or` down to a name."""

    def __init__(self, text: str, resolve: Resolve, known: str) -> None:
        self.source, self.resolve, self.known = text, resolve, known
        self.tokens = list(tokens(text))
        self.next = 0
        self.depth = 0

    def whole(self) -> Part:
        part = self.either()
        if self.here.kind != "end":
            raise self.trouble(f"{self.here.text!r} is not expected", self.here.at)
        return self.condition(part)

    def either(self) -> Part:
        left = self.both()
        while self.skip("or"):
            left = self.joined(left, self.both(), np.logical_or)
        return left

    def both(self) -> Part:
        left = self.negated()
        while self.skip("and"):
            left = self.joined(left, self.negated(), np.logical_and)
        return left

    def negated(self) -> Part:
        at = self.here.at
        if not self.skip("not"):
            return self.comparison()
        return _turned(self.condition(self.deeper(self.negated)), at)

    def comparison(self) -> Part:
        """`a < b`, `a < b < c`, `a between b and c`, `a in (b, c)`, or what is none of them."""
        left = self.sum()
        result: Part | None = None
        while self.here.kind == "sign" and self.here.text in _ORDERS:
            sign = self.take()
            right = self.sum()
            found = self.compared(left, right, sign)
            result = found if result is None else self.joined(result, found, np.logical_and)
            left = right
        return result or self.membership(left)

    def membership(self, left: Part) -> Part:
        turned = self.here.text == "not" and self.tokens[self.next + 1].text in {"in", "between"}
        self.next += turned
        if self.skip("in"):
            found = self.listed(left)
        elif self.skip("between"):
            found = self.ranged(left)
        else:
            return left
        return _turned(found) if turned else found

    def ranged(self, left: Part) -> Part:
        low = self.sum()
        self.expect("and", "between A and B")
        high = self.sum()
        above = self.compared(left, low, Token("sign", ">=", low.at))
        return self.joined(above, self.compared(left, high, Token("sign", "<=", high.at)), np.logical_and)

    def listed(self, left: Part) -> Part:
        self.expect("(", "in (A, B)")
        equal = Token("sign", "=", self.here.at)
        found = self.compared(left, self.sum(), equal)
        while self.skip(","):
            found = self.joined(found, self.compared(left, self.sum(), equal), np.logical_or)
        self.expect(")", "in (A, B)")
        return found

    def sum(self) -> Part:
        left = self.product()
        while self.here.kind == "sign" and self.here.text in "+-":
            sign = self.take()
            left = self.computed(left, self.product(), sign)
        return left

    def product(self) -> Part:
        left = self.signed()
        while self.here.kind == "sign" and self.here.text in "*/":
            sign = self.take()
            left = self.computed(left, self.signed(), sign)
        return left

    def signed(self) -> Part:
        sign = self.here
        if sign.kind != "sign" or sign.text not in "+-":
            return self.atom()
        self.next += 1
        inner = self.number(self.deeper(self.signed))
        turn = np.negative if sign.text == "-" else np.positive
        return Part(kind=Kind.NUMBER, at=sign.at, value=lambda rows: turn(inner.value(rows)))

    def atom(self) -> Part:
        token = self.take()
        if token.kind == "number":
            value = self.amount(token)
            return Part(kind=Kind.NUMBER, at=token.at, value=lambda _: value)
        if token.kind == "text":
            inside = token.text[1:-1]
            return Part(kind=Kind.TEXT, at=token.at, value=lambda _: np.nan, text=inside, column=self.resolve(inside))
        if token.kind in {"name", "column"} and token.text not in WORDS:
            return self.named(token.text.strip("`"), token.at)
        if token.text == "(":
            inner = self.deeper(self.either)
            self.expect(")", "a closing bracket")
            return inner
        raise self.trouble(f"{token.text!r} is not expected" if token.text else "it ends too early", token.at)

    def named(self, name: str, at: int) -> Part:
        column = self.resolve(name)
        if column is None:
            raise self.trouble(f"no column {clean(name, 60)!r}", at, self.known)
        return Part(kind=Kind.COLUMN, at=at, value=lambda rows: rows.numbers(column), column=column)

    def compared(self, left: Part, right: Part, sign: Token) -> Part:
        """A comparison; a text is compared with the text of a column, everything else as numbers."""
        if right.kind is Kind.TEXT or (left.kind is Kind.TEXT and left.column is None):
            return self.same_text(left, right, sign)
        a, b, order = self.number(left), self.number(right), _ORDERS[sign.text]

        def value(rows: Rows) -> Any:
            one, other = a.value(rows), b.value(rows)
            return order(one, other) & ~np.isnan(one) & ~np.isnan(other)

        return Part(kind=Kind.TRUTH, at=left.at, value=value)

    def same_text(self, left: Part, right: Part, sign: Token) -> Part:
        column, text = (left, right) if right.kind is Kind.TEXT else (right, left)
        if column.column is None:
            raise self.trouble(f"{column.kind.value} is compared with a text", column.at, self.known)
        if sign.text not in {"=", "!="}:
            raise self.trouble(f"a text has no {sign.text!r}", sign.at, "= and !=")
        wanted, place, equal = text.text, column.column, sign.text == "="
        return Part(
            kind=Kind.TRUTH,
            at=left.at,
            value=lambda rows: np.array([(cell == wanted) is equal for cell in rows.texts(place)], dtype=bool),
        )

    def computed(self, left: Part, right: Part, sign: Token) -> Part:
        a, b, compute = self.number(left), self.number(right), _SUMS[sign.text]

        def value(rows: Rows) -> Any:
            with np.errstate(all="ignore"):
                return compute(a.value(rows), b.value(rows))

        return Part(kind=Kind.NUMBER, at=left.at, value=value)

    def joined(self, left: Part, right: Part, join: Callable[[Any, Any], Any]) -> Part:
        a, b = self.condition(left), self.condition(right)
        return Part(kind=Kind.TRUTH, at=left.at, value=lambda rows: join(a.value(rows), b.value(rows)))

    def number(self, part: Part) -> Part:
        """A part as numbers: a quoted heading is a column here."""
        if part.kind is Kind.TEXT:
            return self.named(part.text, part.at)
        if part.kind is Kind.TRUTH:
            raise self.trouble("a condition is used as a number", part.at)
        return part

    def condition(self, part: Part) -> Part:
        if part.kind is not Kind.TRUTH:
            raise self.trouble(f"{part.kind.value} is no condition", part.at)
        return part

    def amount(self, token: Token) -> float:
        digits = token.text.replace("_", "")
        if not re.search("[1-9]", re.split("[eE]", digits)[0]):
            return 0.0
        try:
            return parse_count(digits)
        except BadInput:
            raise self.trouble(f"{clean(token.text, 40)!r} is no number", token.at) from None

    def deeper(self, inside: Callable[[], Part]) -> Part:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.trouble("too many things inside each other", self.here.at)
        part = inside()
        self.depth -= 1
        return part

    @property
    def here(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        token = self.here
        self.next += token.kind != "end"
        return token

    def skip(self, word: str) -> bool:
        found = self.here.text == word and self.here.kind != "text"
        self.next += found
        return found

    def expect(self, word: str, form: str) -> None:
        if not self.skip(word):
            raise self.trouble(f"{word!r} is missing", self.here.at, form)

    def trouble(self, what: str, at: int, allowed: str = ALLOWED) -> BadInput:
        return trouble(self.source, what, at, allowed)


def _turned(part: Part, at: int | None = None) -> Part:
    return Part(
        kind=Kind.TRUTH,
        at=part.at if at is None else at,
        value=lambda rows: np.logical_not(part.value(rows)),
    )
