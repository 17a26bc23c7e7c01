"""Files that a verb writes: whole or not at all, and nothing that stands there is overwritten unasked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean


def refuse_overwriting(target: Path, *, force: bool) -> None:
    """BadInput where the file is there already and nobody said --force, or where no file of that name can be.

    Asked before the work whose fruit the file is to hold.
    """
    if target.is_dir():
        raise BadInput(f"{clean(str(target), 200)} is a folder", allowed="the name of a file")
    if not target.parent.is_dir():
        raise BadInput(f"there is no folder {clean(str(target.parent), 200)}", todo="make it first")
    if target.exists() and not force:
        raise BadInput(f"{clean(str(target), 200)} is there already", todo="--force overwrites it")


def save(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """What `write` puts onto a stream, written beside the target and moved over it."""
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:40]}-", delete=False) as file:
            beside = Path(file.name)
            try:
                write(cast(BinaryIO, file))
                file.flush()
                beside.chmod(0o666 & ~_umask())
                beside.replace(target)
            except BaseException:
                beside.unlink()
                raise
    except FileNotFoundError:
        raise BadInput(f"there is no folder {clean(str(target.parent), 200)}", todo="make it first") from None
    except OSError as error:
        # The error names the file beside the target, which nobody asked for.
        raise ScalelabError(f"{clean(str(target), 200)} cannot be written: {(error.strerror or '').lower()}") from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
