"""Options that several verbs share, so that one name means one thing everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def preset_options(function: Function) -> Function:
    """Which preset, and what of it is changed: preset < --set < flags."""
    for option in reversed(
        (
            click.option(
                "--preset", "-p", metavar="NAME|FILE", help="A shipped preset or a .toml file.  [default: tiny]"
            ),
            click.option(
                "--set",
                "overrides",
                metavar="KEY=VALUE",
                multiple=True,
                help="Change a field, such as ladder.rungs=5; may be repeated.",
            ),
            click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:0 or mps."),
            click.option("--slots", type=int, metavar="N", help="How many runs train at once."),
            click.option(
                "--seed",
                "seeds",
                type=int,
                multiple=True,
                metavar="N",
                help="Train the whole grid with this seed; may be repeated.",
            ),
        )
    ):
        function = option(function)
    return function


def flags(device: str | None, slots: int | None, seeds: tuple[int, ...]) -> dict[str, Any]:
    """The flags as fields of a preset; None where a flag was not given."""
    return {"hardware.device": device, "hardware.slots": slots, "seeds": list(seeds) or None}


def example(*lines: str) -> str:
    """The examples at the end of a verb's help, a line each, as click must be told not to wrap them."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def print_json(document: dict[str, Any]) -> None:
    """One document on stdout; NaN and infinity become null, which JSON has no word for."""
    click.echo(json.dumps(_finite(document), ensure_ascii=True, allow_nan=False, default=_plain))


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays, paths and enums as JSON knows them."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
