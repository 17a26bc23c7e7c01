"""What a user has chosen for the app: theme, glyphs, keys; and the labs that were open lately. Files, no screen.

~/.config/scalelab/settings.toml        theme = "light"
                                        glyphs = "block"
                                        mouse = false
                                        [keys]
                                        "runs.pin" = "space"
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.tui import keys

THEMES = ("dark", "light", "ansi")
GLYPHS = ("braille", "block", "ascii")
_FIELDS = ("theme", "glyphs", "mouse", "keys")
MOST_RECENT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One user's choices; without a file, the defaults."""

    theme: str = "dark"
    glyphs: str = "braille"
    mouse: bool = True
    """Whether the app takes the mouse; else the terminal keeps it, and selects text with it."""
    keymap: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Action → keys, only those that differ from the table."""


def config_folder() -> Path:
    """Where the settings file lies."""
    import platformdirs

    return Path(platformdirs.user_config_dir("scalelab", appauthor=False))


def state_folder() -> Path:
    """Where the list of recent labs lies, and what was copied."""
    import platformdirs

    return Path(platformdirs.user_state_dir("scalelab", appauthor=False))


def load(theme: str | None = None, glyphs: str | None = None, folder: Path | None = None) -> Settings:
    """The settings file with what the command line says on top.

    Raises
    ------
    BadInput
        One line that names the file's field and what is allowed.
    """
    tables = _read((folder or config_folder()) / "settings.toml")
    unknown = sorted(set(tables) - set(_FIELDS))
    if unknown:
        raise BadInput(f"settings: {clean(unknown[0], 60)} is not a field", allowed=", ".join(_FIELDS))
    chosen = tables.get("keys", {})
    if not isinstance(chosen, dict):
        raise BadInput("settings: keys is no table", allowed='[keys], then "runs.pin" = "space"')
    mouse = tables.get("mouse", True)
    if not isinstance(mouse, bool):
        raise BadInput(f"mouse {clean(str(mouse), 40)!r}", allowed="true, false")
    fallback = "braille" if _draws_braille() else "ascii"
    return Settings(
        theme=_one_of("theme", theme or tables.get("theme", "dark"), THEMES),
        glyphs=_one_of("glyphs", glyphs or tables.get("glyphs", fallback), GLYPHS),
        mouse=mouse,
        keymap=MappingProxyType(keys.check(chosen)),
    )


def keep(name: str, value: str, folder: Path | None = None) -> Path:
    """Write one choice, "theme" or "glyphs", into the settings file; every other line of it stays as it is.

    Raises
    ------
    BadInput
        The file cannot be read or written.
    """
    path = (folder or config_folder()) / "settings.toml"
    _read(path)  # what is no TOML is not written over
    try:
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.write_text("\n".join(_with(lines, name, value)) + "\n", "utf-8")
        fresh.replace(path)
    except OSError as error:
        raise BadInput(f"{clean(str(path), 200)} cannot be written", todo=(error.strerror or "").lower()) from None
    return path


def _with(lines: list[str], name: str, value: str) -> list[str]:
    """The lines with this field set: in its own line where it has one, else above everything."""
    line = f'{name} = "{value}"'
    for place, old in enumerate(lines):
        if old.lstrip().startswith("["):
            break
        if re.match(rf'\s*"?{name}"?\s*=', old):
            return [*lines[:place], line, *lines[place + 1 :]]
    return [line, *lines]


def recent(folder: Path | None = None) -> list[Path]:
    """Labs that were open lately, the newest first; those that are gone are left out."""
    try:
        lines = ((folder or state_folder()) / "labs.txt").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [Path(line) for line in lines if line and (Path(line) / "lab.db").is_file()]


def remember(lab: Path, folder: Path | None = None) -> None:
    """Put a lab at the head of the recent ones; a list that cannot be written is done without."""
    where = folder or state_folder()
    if not str(lab).isprintable():
        return
    kept = [lab, *(other for other in recent(where) if other != lab)][:MOST_RECENT]
    with contextlib.suppress(OSError):
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = where / f"labs.txt.{os.getpid()}"
        fresh.write_text("".join(f"{path}\n" for path in kept), "utf-8")
        fresh.replace(where / "labs.txt")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{clean(str(path), 200)} cannot be read", todo=clean(str(error), 200)) from None


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadInput(f"{name} {clean(str(value), 40)!r}", allowed=", ".join(allowed))
    return str(value)


def _draws_braille() -> bool:
    """Whether the terminal has these letters; the console of Linux has the few hundred of its font, none of them."""
    import sys

    return os.environ.get("TERM") != "linux" and "utf" in (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
