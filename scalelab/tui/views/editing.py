"""One line of text under a cursor: what a key does to it. It knows no screen and no field."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scalelab.gate import clean

LONGEST = 400
"""Characters of one value; a paste beyond it is cut."""

SHELL = frozenset({"ctrl+a", "ctrl+e", "ctrl+u", "ctrl+k", "ctrl+w"})
"""What a shell's line also takes, for hands that are used to it; every other ctrl stays the app's."""


def takes(key: str) -> bool:
    """Whether a line that is edited takes this key for itself."""
    return not key.startswith("ctrl+") or key in SHELL


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEdit:
    """The text and where the cursor stands in it."""

    text: str
    at: int
    """Characters before the cursor."""

    @classmethod
    def of(cls, text: str) -> LineEdit:
        """With the cursor behind the text."""
        return cls(text=text[:LONGEST], at=min(len(text), LONGEST))

    def insert(self, text: str) -> LineEdit:
        """With text typed or pasted at the cursor; what would act on a terminal comes in spelled out."""
        room = LONGEST - len(self.text)
        # The gate joins blanks, and a blank that is typed must stay one.
        new = (" " if text == " " else clean(text, LONGEST))[:room]
        return LineEdit(text=self.text[: self.at] + new + self.text[self.at :], at=self.at + len(new))

    def press(self, key: str) -> LineEdit | None:
        """After an editing key, None where it is none."""
        text, at = self.text, self.at
        match key:
            case "left":
                return replace(self, at=max(at - 1, 0))
            case "right":
                return replace(self, at=min(at + 1, len(text)))
            case "home" | "ctrl+a":
                return replace(self, at=0)
            case "end" | "ctrl+e":
                return replace(self, at=len(text))
            case "backspace":
                return LineEdit(text=text[: max(at - 1, 0)] + text[at:], at=max(at - 1, 0))
            case "delete":
                return replace(self, text=text[:at] + text[at + 1 :])
            case "ctrl+u":
                return LineEdit(text=text[at:], at=0)
            case "ctrl+k":
                return LineEdit(text=text[:at], at=at)
            case "ctrl+w":
                start = len(text[:at].rstrip().rpartition(" ")[0])
                kept = text[: start + 1] if start else ""
                return LineEdit(text=kept + text[at:], at=len(kept))
        return None
