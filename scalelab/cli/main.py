"""The door of the command line: finds the verb, and turns every error into one line and an exit code.

It knows no verb from inside: each is a file of its own, imported when it is asked for, and each imports what is
heavy inside the function that needs it (`scalelab --help` has 0.3 s, numpy alone takes 0.1).
"""

from __future__ import annotations

import errno
import glob
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence

import click

from scalelab import __version__
from scalelab.cli.streams import drop_stdout, make_safe, say
from scalelab.errors import BadInput, ExitCode, Interrupted, ScalelabError, did_you_mean, mistake
from scalelab.gate import clean

VERBS = (
    "run",
    "attach",
    "replay",
    "serve",
    "plan",
    "status",
    "stop",
    "resume",
    "retry",
    "extend",
    "rm",
    "fit",
    "predict",
    "report",
    "compare",
    "sample",
    "evaluate",
    "export",
    "import",
    "presets",
    "devices",
    "doctor",
)
"""In the order in which a newcomer needs them."""
_FILES = {"import": "importing"}
"""Verbs whose file cannot have their name: Python keeps it for itself."""


class Verbs(click.Group):
    """The verbs by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's own file, imported now."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"scalelab.cli.{_FILES.get(cmd_name, cmd_name)}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb, or one line that says which there are."""
        if args and args[0] not in VERBS and _is_lab(args[0]):
            args = ["attach", *args]
        if args and args[0] not in VERBS:
            raise BadInput(
                f"there is no verb {clean(args[0], 60)!r}", allowed=", ".join(VERBS), todo=did_you_mean(args[0], VERBS)
            )
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every verb has --help with an example, and all but the app's have --json: one JSON document on stdout, all "
    "talk on stderr.\n\n"
    "Exit codes: 0 done; 1 could not be finished; 2 the input was refused, nothing was written; "
    "130 interrupted, the same command goes on.",
)
@click.option("--version", is_flag=True, help="Show the version and exit; with --json as a document.")
@click.option("--json", "as_json", is_flag=True, hidden=True)
@click.option("--preset", metavar="NAME|FILE", help="Open the app with a new plan of this preset.")
@click.option("--glyphs", metavar="SET", help="What the app draws with: braille, block or ascii.")
@click.option("--theme", metavar="NAME", help="The app's colours: dark, light or ansi (the terminal's own).")
@click.pass_context
def cli(
    ctx: click.Context, version: bool, as_json: bool, preset: str | None, glyphs: str | None, theme: str | None
) -> None:
    """Train a ladder of small models, fit the law of their losses, and know what a larger one will reach.

    Without a verb the app opens: `scalelab` with the labs that there are, `scalelab LAB` with one of them.
    """
    if version:
        click.echo(json.dumps({"scalelab": __version__}) if as_json else f"scalelab {__version__}")
        ctx.exit()
    if as_json:
        raise BadInput("--json before a verb", todo="put it after the verb, or beside --version")
    if ctx.invoked_subcommand is None:
        from scalelab.cli.attach import open_app

        open_app(preset=preset, glyphs=glyphs, theme=theme)
    elif preset or glyphs or theme:
        option = "--preset" if preset else "--glyphs" if glyphs else "--theme"
        raise BadInput(
            f"{option} before {ctx.invoked_subcommand}", todo="put it after the verb, where it has a meaning"
        )


def _is_lab(name: str) -> bool:
    """Whether a first word means a lab: there is one, or it is a path and can be nothing else."""
    return os.sep in name or os.path.isfile(os.path.join(name, "lab.db"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never raises for what a user did."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    make_safe()
    code, error = _run(given)
    if arguments is None:
        # Of a second Ctrl-C the rest of us would die by the signal, with a traceback where Python still has its own.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code if error is None else _tell(_as_told(error), as_json=_wants_json(given))


def _run(given: list[str]) -> tuple[int, BaseException | None]:
    """The exit code, or what it ended with instead."""
    try:
        code = cli.main(args=given, prog_name="scalelab", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return int(code or 0), None
    except BrokenPipeError:
        drop_stdout()
        return int(ExitCode.OK), None
    except SystemExit as end:  # click's own answer to a closed pipe while it prints
        drop_stdout()
        return (int(ExitCode.OK) if end.code == 1 else int(end.code or 0)), None
    except BaseException as error:
        return int(ExitCode.FAILED), error


def _as_told(error: BaseException) -> ScalelabError:
    """Whatever went wrong, as the one exception that a user sees."""
    match error:
        case ScalelabError():
            return error
        case click.MissingParameter() if error.param is not None and error.param.name == "lab":
            there = sorted(os.path.dirname(path) for path in glob.glob(os.path.join("labs", "*", "lab.db")))
            todo = "" if there else "`scalelab run` makes one"
            return BadInput("no lab was named", allowed=", ".join(clean(each, 60) for each in there[:8]), todo=todo)
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else "scalelab"
            return BadInput(_sentence(error.format_message()), todo=f"`{path} --help` shows what there is")
        case click.ClickException():
            return ScalelabError(_sentence(error.format_message()))
        case click.Abort() | KeyboardInterrupt():
            return Interrupted("interrupted", todo="the same command goes on from where it stopped")
        case OSError() if error.errno is not None:
            where = f": {clean(str(error.filename), 120)}" if error.filename else ""
            kind = BadInput if error.errno in _NAMES else ScalelabError
            return kind(f"{os.strerror(error.errno).lower()}{where}", todo=_FREE.get(error.errno, ""))
        case _:
            return _bug(error)


_NAMES = frozenset({errno.ENAMETOOLONG, errno.ELOOP})
"""What only a name that somebody typed can bring about."""
_FREE = {errno.ENOSPC: "free some space and type the same command again"}


def _sentence(message: str) -> str:
    return message.strip().rstrip(".")


def _bug(error: BaseException) -> ScalelabError:
    """A mistake of ours; whoever looks for it sees the traceback at once."""
    if not os.environ.get("SCALELAB_DEBUG"):
        return mistake(error)
    import traceback

    say("".join(traceback.format_exception(error)))
    return mistake(error, where="the traceback stands above")


def _wants_json(given: Sequence[str]) -> bool:
    return "--json" in (given[: given.index("--")] if "--" in given else given)


def _tell(error: ScalelabError, *, as_json: bool) -> int:
    """The error as a line on stderr, and with --json as a document on stdout too."""
    if as_json:
        import json

        try:
            print(json.dumps({"schema": "scalelab.error/1", "error": error.to_dict()}), flush=True)
        except (OSError, ValueError):
            drop_stdout()
    say(f"scalelab: {error.line()}")
    return int(error.exit_code)
