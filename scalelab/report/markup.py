"""HTML built of elements, so that text from outside cannot become markup: what is not an element is escaped."""

from __future__ import annotations

import html

from scalelab.gate import clean

_VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is HTML already. Only this room makes any."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """Text from anywhere as HTML: control bytes and bidi overrides shown harmlessly, signs of markup spelled out."""
    return Markup(html.escape(clean(text, 4_000)))


def joined(*children: str | None) -> Markup:
    """Children one after another, those that are no markup escaped, None left out."""
    return Markup("".join(each if isinstance(each, Markup) else escaped(each) for each in children if each is not None))


def element(tag: str, *children: str | None, **attributes: str) -> Markup:
    """One element; `class_` and `for_` stand for the attributes that Python has no names for, `a_b` for "a-b"."""
    shown = "".join(f' {name.rstrip("_").replace("_", "-")}="{escaped(value)}"' for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{shown}>")
    return Markup(f"<{tag}{shown}>{joined(*children)}</{tag}>")


def table(
    rows: list[list[str]], *, left: frozenset[int] | set[int] = frozenset({0}), strong: int | None = None
) -> Markup:
    """A table whose first row is the head; columns in `left` lean left, the row `strong` is the one to look at."""
    head, *body = rows

    def row(cells: list[str], tag: str, **attributes: str) -> Markup:
        return element("tr", *(
            element(tag, cell, **({} if place in left else {"class_": "number"})) for place, cell in enumerate(cells)
        ), **attributes)  # fmt: skip

    lines = [row(cells, "td", **({"class_": "strong"} if place == strong else {})) for place, cells in enumerate(body)]
    inner = joined(element("thead", row(head, "th")), element("tbody", *lines))
    return element("div", element("table", inner), class_="scroll")
