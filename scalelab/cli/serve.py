"""`scalelab serve`: the app in a browser, on this machine's own address."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput


@click.command(
    "serve",
    short_help="Show the app in a browser.",
    epilog=example("scalelab serve", "scalelab serve labs/tiny --port 8080", "ssh -L 8000:127.0.0.1:8000 you@box"),
)
@click.argument("lab", required=False)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address; no other is listened on.")
@click.option("--glyphs", metavar="SET", help="What charts are drawn with: braille, block or ascii.")
@click.option("--theme", metavar="NAME", help="Colours: dark or light.")
@json_option
def command(lab: str | None, port: int, host: str, glyphs: str | None, theme: str | None, as_json: bool) -> None:
    """Serve the app to browsers on this machine until Ctrl-C: the list of labs, or LAB.

    The address that is printed carries a token of this start: who has it can do all that the app can. Each tab is an
    app of its own; closing one, or ending the server, stops no training.
    """
    serve = _extra()
    from scalelab.cli.labs import lab_at
    from scalelab.cli.streams import say
    from scalelab.serve.admission import address_of
    from scalelab.tui import settings

    address = address_of(host)
    root = "" if lab is None else str(lab_at(lab).root.absolute())
    settings.load(theme, glyphs)  # each tab does it again

    def ready(url: str) -> None:
        if as_json:
            print_json({"schema": "scalelab.serving/1", "url": url, "lab": root or None, "pid": os.getpid()})
        else:
            click.echo(f"{url}\nCtrl-C ends it; what trains goes on")

    try:
        serve(
            [root, theme or "", glyphs or ""], title=os.path.basename(root) or "scalelab", address=address, port=port,
            ready=ready, tell=lambda line: say(f"scalelab: {line}"),
        )  # fmt: skip
    except OSError as problem:
        raise _refused(address, port, problem) from None


def _extra() -> Callable[..., None]:
    """The server, where its library is installed."""
    try:
        from scalelab.serve.server import serve
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("scalelab"):
            raise
        raise BadInput(f"serve needs {missing.name}", todo="pip install 'scalelab[serve]'") from None
    return serve


def _refused(address: str, port: int, problem: OSError) -> Exception:
    """Why the port cannot be had, with a way out."""
    other = "--port 0 takes any free one"
    match problem.errno:
        case errno.EADDRINUSE:
            return BadInput(f"port {port} of {address} is taken", todo=other)
        case errno.EACCES | errno.EPERM:
            return BadInput(f"port {port} is not yours to take", allowed="1024 to 65535", todo=other)
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return BadInput(f"this machine has no address {address}", todo="--host 127.0.0.1")
        case _:
            return problem
