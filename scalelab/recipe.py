"""How a recipe of augmentation is written: "char-noise=0.05", "synonyms=0.1:words.tsv". Knows nobody but errors.

What recipes do to a text stands in `corpora.augment`; here is only what may be asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scalelab.errors import BadInput, did_you_mean
from scalelab.gate import clean

SHARED = ("case-noise", "space-noise", "char-noise", "word-dropout", "sentence-shuffle", "synonyms", "paraphrase")
"""Recipes, each with the share of words, characters or passages that it touches."""
DEFAULT_SHARE = {"sentence-shuffle": 1.0, "paraphrase": 1.0}
"""Where a share may be left out."""
WITH_FILE = {"synonyms": False, "paraphrase": True}
"""Recipes that read a file, and whether they need one."""
_WRITTEN = re.compile(r"([a-z-]+)(?:=([0-9.]+(?:[eE]-?[0-9]+)?)?)?(?::(.+))?", re.DOTALL)
_FORM = 'NAME=SHARE or NAME=SHARE:FILE, such as "char-noise=0.05"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One recipe, read."""

    name: str
    share: float
    """0 to 1: of the words, characters, sentences or passages."""
    file: str = ""

    @property
    def written(self) -> str:
        """As a preset has it."""
        return f"{self.name}={self.share:g}" + (f":{self.file}" if self.file else "")


def parse_recipe(text: str) -> Recipe:
    """A recipe from its text.

    Raises
    ------
    BadInput
        No such recipe, a share outside 0 to 1, a file missing where one is needed or given where none is read.
    """
    match = _WRITTEN.fullmatch(text.strip())
    shown = clean(text, 60)
    if match is None:
        raise BadInput(f"recipe {shown!r}", allowed=_FORM)
    name, share, file = match[1], match[2], match[3] or ""
    if name not in SHARED:
        raise BadInput(
            f"there is no recipe {clean(name, 40)!r}", allowed=", ".join(SHARED), todo=did_you_mean(name, SHARED)
        )
    if share is None and name not in DEFAULT_SHARE:
        raise BadInput(f"recipe {name} needs a share", allowed="above 0 to 1", todo=f'as in "{name}=0.1"')
    number = DEFAULT_SHARE.get(name, 0.0) if share is None else _number(share)
    if not 0.0 < number <= 1.0:
        raise BadInput(f"recipe {shown!r}", allowed="a share above 0 and up to 1")
    if file and name not in WITH_FILE:
        raise BadInput(f"recipe {name} reads no file", allowed=f'"{name}={number:g}"')
    if not file and WITH_FILE.get(name, False):
        raise BadInput(f"recipe {name} needs a file", todo=f'as in "{name}={number:g}:FILE"')
    return Recipe(name=name, share=number, file=file)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
