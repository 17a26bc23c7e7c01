"""The one exception a user sees, and the exit codes: what was given, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum

from scalelab.gate import clean


class ExitCode(IntEnum):
    """What the process says to the shell."""

    OK = 0
    """Done."""
    FAILED = 1
    """The work was understood and could not be finished; runs that finished are kept."""
    BAD_INPUT = 2
    """The input was refused, in one line; nothing was written."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; the same command goes on from where it stopped."""


class ScalelabError(Exception):
    """A problem told in one line. `what` was given, `allowed` says what may be, `todo` what to do about it."""

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, allowed: str = "", todo: str = "") -> None:
        self.what, self.allowed, self.todo = (clean(part) for part in (what, allowed, todo))
        super().__init__(self.line())

    def line(self) -> str:
        """The whole message on one line."""
        line = self.what + (f" (allowed: {self.allowed})" if self.allowed else "")
        return line + (f": {self.todo}" if self.todo else "")

    def to_dict(self) -> dict[str, object]:
        """The same for --json."""
        return {"what": self.what, "allowed": self.allowed, "todo": self.todo, "exit_code": int(self.exit_code)}


class BadInput(ScalelabError):
    """The user's input was refused before anything was written."""

    exit_code = ExitCode.BAD_INPUT


class Interrupted(ScalelabError):
    """The user asked to stop."""

    exit_code = ExitCode.INTERRUPTED


def mistake(error: BaseException, *, where: str = "") -> ScalelabError:
    """A mistake of ours as one line; unless `where` says where its traceback is, that is kept in a file and named."""
    if not where:
        import tempfile
        import traceback

        try:
            with tempfile.NamedTemporaryFile(prefix="scalelab-", suffix=".txt", delete=False) as file:
                # A path that is no text stands in it too.
                file.write("".join(traceback.format_exception(error)).encode(errors="backslashreplace"))
            where = f"the traceback is in {file.name}"
        except OSError:
            where = "SCALELAB_DEBUG=1 shows the traceback"
    return ScalelabError(f"a mistake in scalelab: {type(error).__name__}: {clean(str(error), 200)}", todo=where)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Ask "did you mean X?" with the nearest known word; an empty text where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
