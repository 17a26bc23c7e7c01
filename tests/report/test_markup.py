"""Elements of HTML: whatever text is put in, only what this program wrote is markup."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from scalelab.report.markup import element, escaped, joined, table


class Seen(HTMLParser):
    """Which tags a reader of HTML finds, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_is_escaped_and_elements_are_not() -> None:
    assert element("p", "a < b", element("b", "c")) == "<p>a &lt; b<b>c</b></p>"
    assert joined("&", None, element("br")) == "&amp;<br>"
    assert element("td", "x", class_="wide", aria_label='"') == '<td class="wide" aria-label="&quot;">x</td>'


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_makes_a_tag_or_an_attribute(text: str, value: str) -> None:
    seen = Seen(element("p", text, title=value))
    assert seen.tags == ["p"]
    assert [name for name, _ in seen.attributes] == ["title"]


@given(st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_nothing_that_acts_on_a_terminal_passes(text: str) -> None:
    assert not [char for char in escaped(text) if unicodedata.category(char) in {"Cc", "Cf", "Cs"}]


def test_a_table_has_a_head_and_a_strong_row() -> None:
    made = table([["law", "miss"], ["a", "1 %"], ["b", "2 %"]], strong=1)
    seen = Seen(made)
    assert seen.tags.count("th") == 2 and seen.tags.count("td") == 4
    assert ("class", "strong") in seen.attributes
    assert made.index('class="strong"') > made.index("1 %")
