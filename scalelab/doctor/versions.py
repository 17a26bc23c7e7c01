"""Python and the libraries: what is installed beside what is asked for. Imports none of them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from scalelab.doctor.line import Line, fail, ok, warn

SHOWN = ("torch", "transformers", "datasets", "textual", "numpy")
"""Those whose versions stand in every report; of the others only what is wrong."""
OLDEST = (3, 11)


def look() -> Iterator[Line]:
    """A line for Python, one for the libraries, and one for each that is missing or of another version."""
    yield _python(sys.version_info[:3])
    try:
        wanted = metadata.requires("scalelab") or []
    except metadata.PackageNotFoundError:
        yield warn("libraries", f"{_shown()}; scalelab itself is not installed as a package", "pip install scalelab")
        return
    wrong = list(_wrong(wanted))
    yield from wrong
    if not wrong:
        yield ok("libraries", _shown())


def _python(found: tuple[int, int, int]) -> Line:
    said = f"{platform.python_implementation()} {'.'.join(map(str, found))} on {platform.system()} {platform.machine()}"
    if found < OLDEST:
        return fail("python", said, f"install Python {'.'.join(map(str, OLDEST))} or later")
    return ok("python", said)


def _wrong(wanted: list[str]) -> Iterator[Line]:
    from packaging.requirements import Requirement

    for text in wanted:
        one = Requirement(text)
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        found = _version(one.name)
        if found is None:
            yield fail("libraries", f"{one.name} is not installed", f"pip install '{text}'")
        elif not one.specifier.contains(found, prereleases=True):
            yield fail("libraries", f"{one.name} is {found}, asked for is {one.specifier}", f"pip install '{text}'")


def _shown() -> str:
    return ", ".join(f"{name} {_version(name) or 'missing'}" for name in SHOWN)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
