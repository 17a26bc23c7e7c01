"""The page around textual-serve's terminal: ours, as theirs asks a server on the net for its font.

Nothing in it comes from anywhere but this server, and the Content-Security-Policy has the browser see to that.
"""

from __future__ import annotations

import html
from importlib import resources
from string import Template

from scalelab.gate import clean
from scalelab.serve.admission import HOME, names_loopback

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""xterm.js writes style elements; scripts come from files alone."""


def page(title: str, host: str) -> str:
    """The page, for the host that the browser calls us by: `ssh -L` may have given us another port there."""
    text = (resources.files("scalelab.serve") / "assets" / "index.html").read_text("utf-8")
    return Template(text).substitute(title=html.escape(clean(title, 100)), host=html.escape(host))


def headers(host: str, path: str) -> dict[str, str]:
    """What every answer carries: who may use it (this page), and that no proxy or disk keeps it."""
    kept = "no-cache" if path.startswith(("/static/", "/page/")) else "no-store"
    return {
        "Cache-Control": kept,
        "Content-Security-Policy": _POLICY.format(host=host if names_loopback(host) else HOME),
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Server": "scalelab",
        "X-Content-Type-Options": "nosniff",
    }
