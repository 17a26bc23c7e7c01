"""Names of hub corpora → repository, config, revision and column. Knows no network."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from scalelab.errors import BadInput

PREFIX = "hf:"
DESCRIPTION = "any text dataset of the hub, or a local folder laid out like one: hf:REPO[:CONFIG][@REVISION][#COLUMN]"
PARQUET = "refs/convert/parquet"
"""The branch on which the hub keeps a parquet copy of every public dataset, also of those that are scripts."""
PAIRS = "pairs"
"""The unit of a spec whose rows are sent whole, as JSON of some columns, for who picks prompts and targets out."""
_REPO = re.compile(r"(?:[\w.-]+/)?[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSpec:
    """One corpus of the hub."""

    name: str
    """As the user wrote it: what reports call it."""
    repo: str
    """"owner/name", or a local folder."""
    config: str | None = None
    revision: str | None = None
    """Branch, tag or commit; None: the main branch."""
    column: str | None = None
    """None: the spec's text_column."""
    split: str = "train"
    unit: str = "row"
    """"row": a row is a document; "wikitext": rows are lines, headings begin articles; PAIRS."""
    mirrors: tuple[str, ...] = ()
    """Repositories with the same text, tried where this one is a script that nobody runs any more."""

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.repo.startswith(("/", ".", "~"))

    @property
    def folder(self) -> Path:
        """The folder of a local one."""
        return Path(self.repo).expanduser().absolute()


_NAMED: dict[str, tuple[HubSpec, str]] = {
    "wikitext-103": (
        HubSpec(name="wikitext-103", repo="Salesforce/wikitext", config="wikitext-103-raw-v1", unit="wikitext"),
        "WikiText-103, raw: 540 MB of Wikipedia's best articles; :wikitext-103-v1 is the tokenised one",
    ),
    "openwebtext": (
        HubSpec(name="openwebtext", repo="Skylion007/openwebtext", mirrors=("dylanebert/openwebtext",)),
        "OpenWebText: 40 GB of pages that Reddit liked, the open twin of GPT-2's training text",
    ),
    "c4": (HubSpec(name="c4", repo="allenai/c4", config="en"), "C4: 800 GB of cleaned web pages; :de and others"),
    "fineweb": (
        HubSpec(name="fineweb", repo="HuggingFaceFW/fineweb", config="sample-10BT"),
        "FineWeb: Common Crawl, cleaned; 10 B tokens of it, or a crawl by name: fineweb:CC-MAIN-2024-10",
    ),
    "fineweb-edu": (
        HubSpec(name="fineweb-edu", repo="HuggingFaceFW/fineweb-edu", config="sample-10BT"),
        "FineWeb-Edu: its most instructive pages; 10 B tokens of them, or a crawl by name",
    ),
    "tinystories": (
        HubSpec(name="tinystories", repo="roneneldan/TinyStories"),
        "TinyStories: 2 GB of short stories in a child's words",
    ),
}


def described() -> list[tuple[str, str]]:
    """Name and description of every named corpus, then the form for any other."""
    named = [(name, f"{text} (streamed from the hub)") for name, (_, text) in _NAMED.items()]
    return [*named, ("hf:REPO", DESCRIPTION)]


def hub_spec(source: str) -> HubSpec | None:
    """The corpus that a source means, None where it is no corpus of the hub; raises BadInput where it is half a name.

    NAME and hf:REPO both take [:CONFIG][@REVISION][#COLUMN].
    """
    rest, _, column = source.partition("#")
    rest, _, revision = rest.partition("@")
    if source.startswith(PREFIX):
        repo, _, config = rest.removeprefix(PREFIX).partition(":")
        spec = HubSpec(name=source, repo=repo)
        if not spec.is_local and not _REPO.fullmatch(repo):
            raise BadInput(f"corpus {source!r} names no dataset", allowed="hf:OWNER/NAME[:CONFIG][@REVISION][#COLUMN]")
    else:
        name, _, config = rest.partition(":")
        if name not in _NAMED:
            return None
        spec = replace(_NAMED[name][0], name=source)
    return replace(
        spec, config=config or spec.config, revision=revision or None, column=column or None,
        mirrors=() if revision else spec.mirrors,
    )  # fmt: skip
