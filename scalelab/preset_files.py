"""Finding, reading, overriding and writing presets; every mistake in one becomes one line that names the field."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelab.errors import BadInput, did_you_mean
from scalelab.gate import clean
from scalelab.preset import Preset

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_BYTES = 1_000_000
# Ways to say one thing: an override by one of them takes the others out.
_EXCLUSIVE = {
    "ladder": ({"shapes"}, {"params"}, {"from", "to", "rungs"}),
    "budgets": ({"tokens"}, {"tokens_per_param"}, {"flops"}),
}
_LISTS = {"seeds", "ladder.shapes", "ladder.params", "budgets.tokens", "budgets.tokens_per_param", "budgets.flops"}


class BadPreset(BadInput):
    """The first mistake of a preset in one line and how many more there are; `each` has a line for every one."""

    def __init__(self, name: str, mistakes: Sequence[BadInput]) -> None:
        first, more = mistakes[0], f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        super().__init__(f"preset {clean(name, 80)}: {first.what}{more}", allowed=first.allowed, todo=first.todo)
        self.each = tuple(mistake.line() for mistake in mistakes)


def shipped() -> dict[str, Path]:
    """Names and files of the presets that come with the package."""
    inside = Path(__file__).parent / "presets"
    folder = inside if inside.is_dir() else Path(__file__).parent.parent / "presets"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(name: str, overrides: Iterable[str] = (), flags: Mapping[str, Any] | None = None) -> Preset:
    """The preset of this name or file, with `key=value` overrides and then flags on top.

    Raises
    ------
    BadInput
        One line that names the file, the field, the value and what is allowed.
    """
    tables = _read(_locate(name))
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise BadInput(f"--set {override!r}", allowed="key=value, such as --set evaluation.points=8")
        _put(tables, key.strip(), _value(key.strip(), value.strip()))
    for key, flag in (flags or {}).items():
        if flag is not None:
            _put(tables, key, flag)
    return parse(tables, name)


def loads(text: str, name: str) -> Preset:
    """The preset in TOML text, as a lab stores it."""
    return parse(_tables(text, name), name)


def dumps(preset: Preset) -> str:
    """The preset as TOML that `loads` reads back."""
    import tomli_w

    return tomli_w.dumps(preset.model_dump(exclude_none=True, by_alias=True))


def parse(tables: dict[str, Any], name: str) -> Preset:
    """The checked preset from TOML tables."""
    from pydantic import ValidationError

    try:
        return Preset.model_validate(tables)
    except ValidationError as error:
        raise BadPreset(name, [_told(problem) for problem in error.errors(include_url=False)]) from None


def _locate(name: str) -> Path:
    known = shipped()
    if name in known:
        return known[name]
    if "\0" in name or not name.strip():
        raise BadInput(f"preset {clean(name)!r}", allowed=f"{', '.join(known)} or a .toml file")
    if name.endswith(".toml") or os.sep in name:
        return Path(name)
    raise BadInput(
        f"there is no preset {clean(name, 60)!r}",
        allowed=f"{', '.join(known)} or a .toml file",
        todo=did_you_mean(name, known),
    )


def _read(path: Path) -> dict[str, Any]:
    shown = clean(str(path), 120)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"preset {shown} is not a file", allowed="a .toml file")
        if status.st_size > MAX_BYTES:
            raise BadInput(f"preset {shown} has {status.st_size} bytes", allowed=f"at most {MAX_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"preset {shown} cannot be read", allowed="a readable .toml file", todo=(error.strerror or "").lower()
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"preset {shown} is not UTF-8 (byte {error.start})", todo="save it as UTF-8") from None
    if not text.strip():
        raise BadInput(f"preset {shown} is empty", todo="`scalelab presets show tiny` prints one to begin with")
    return _tables(text, shown)


def _tables(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a ValueError of its own: an integer of 5,000 digits
        raise BadInput(f"preset {name} is not TOML", todo=clean(str(error), 200)) from None


def _value(key: str, text: str) -> Any:
    """A TOML value, or the text itself where it is none: `--set corpus.source=python` needs no quotes.

    A shell eats the quotes of ["16x1","32x1"], so a bare comma list means the same where a list belongs.
    """
    if key in _LISTS:
        items = text.removeprefix("[").removesuffix("]").split(",")
        return [_scalar(key, item.strip()) for item in items if item.strip()]
    return _scalar(key, text)


def _scalar(key: str, text: str) -> Any:
    if text.lower() in {"null", "none"}:
        raise BadInput(
            f"--set {clean(key, 80)} is {text!r}",
            allowed="a number, true, false, a word, or a [list]",
            todo="leave the key out to get its default",
        )
    try:
        # "0x1" would be a hexadecimal number to TOML and is a shape here.
        return text if "x" in text and text[:1].isdigit() else tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _put(tables: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for ways in _EXCLUSIVE.get(parents[0], ()) if len(parents) == 1 else ():
        if last not in ways and any(last in way for way in _EXCLUSIVE[parents[0]]):
            for other in ways:
                tables.get(parents[0], {}).pop(other, None)
    table = tables
    for parent in parents:
        inner = table.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise BadInput(f"--set {clean(key, 80)}: {clean(parent, 40)} has no fields")
        table = inner
    table[last] = value


def _told(problem: ErrorDetails) -> BadInput:
    """One mistake, beginning with its field."""
    field = clean(_field(problem["loc"]), 80)
    if problem["type"] == "extra_forbidden":
        known = _known(problem["loc"][:-1])
        todo = did_you_mean(str(problem["loc"][-1]), known)
        return BadInput(f"{field or 'preset'} is not a field", allowed=", ".join(known), todo=todo)
    if problem["type"] == "missing":
        return BadInput(f"{field or 'preset'} is missing", todo="`scalelab presets show tiny` shows one")
    words, table = clean(_words(problem), 200), isinstance(problem["input"], dict)
    if problem["type"] == "value_error" and table:
        return BadInput(f"{field}: {words}" if field else words)
    shown = "" if table else f" is {clean(repr(problem['input']), 60)}"
    return BadInput(f"{field or 'preset'}{shown}", allowed=words)


# What the checker says in its own words, as a person would say it of a preset.
_WORDS = {
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "string_type": 'text in "quotes"', "list_type": "a [list]",
    "model_type": "a table of fields", "dict_type": "a table of fields", "model_attributes_type": "a table of fields",
    "too_short": "at least {min_length} item(s)", "too_long": "at most {max_length} items",
    "string_too_short": "at least {min_length} character(s)", "string_too_long": "at most {max_length} characters",
    "greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}", "greater_than": "above {gt}",
    "less_than": "below {lt}",
    "string_pattern_mismatch": "small letters, digits, - and _, beginning with a letter or digit",
}  # fmt: skip


def _words(problem: ErrorDetails) -> str:
    """What is allowed, in the words of a preset."""
    if known := _WORDS.get(problem["type"]):
        return known.format_map(problem.get("ctx", {}))
    return problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")


def _field(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def _known(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Preset
    for part in location:
        model = model.model_fields[str(part)].annotation
    return [field.alias or name for name, field in model.model_fields.items()]
