"""All checks in order, the slow ones last; a check that breaks is a line of its own and stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from scalelab.doctor import devices, folders, machine, terminal, versions
from scalelab.doctor.line import Line, fail
from scalelab.doctor.terminal import Terminal

Check = Callable[[], Iterator[Line]]


def examine(labs: Path, shown: Terminal | None) -> Iterator[Line]:
    """Every line, as it becomes known.

    Parameters
    ----------
    labs : the folder in which labs are to lie.
    shown : the terminal that the app would have.
    """
    from scalelab.lab.prepare import token_cache
    from scalelab.plan import find_devices

    checks: dict[str, Check] = {
        "versions": versions.look,
        "terminal": lambda: terminal.look(shown),
        "machine": machine.look,
        "labs": lambda: folders.look("labs", labs),
        "cache": lambda: folders.look("cache", token_cache()),
        "devices": lambda: devices.look(find_devices()),
    }
    for name, check in checks.items():
        yield from _guarded(name, check)


def _guarded(name: str, check: Check) -> Iterator[Line]:
    try:
        yield from check()
    except Exception as error:
        yield fail(name, f"the check itself broke: {type(error).__name__}: {error}", "please report it")
