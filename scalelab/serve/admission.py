"""Who is let in: a token of this start, a cookie in its place, and the names that this machine itself goes by.

Everybody who has an account on a shared machine reaches its loopback address, and so does every page that a browser
there has open. So each request needs the token or the cookie that it bought; its Host must be a name of the loopback
address (a foreign name that resolves to it is a rebinding attack); and where it says which page sent it (Origin) that
page must be ours: cookies do not tell ports apart. Pure functions of headers; knows no HTTP library.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from scalelab.errors import BadInput
from scalelab.gate import clean

HOME = "127.0.0.1"
_HOST = re.compile(r"(?P<name>\[[0-9a-f:]{2,45}\]|[a-z0-9.-]{1,253})(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII)
_AGAIN = "open the address that `scalelab serve` printed, by typing or pasting it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The secrets of one start; never written anywhere, and no argument of any process."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """What the printed address carries."""
    ticket: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """What the cookie carries, so that the token stands in no request but the first."""

    def knows_token(self, given: str) -> bool:
        """Whether this is the token, in a time that does not tell how much of it is right."""
        return _same(given, self.token)

    def refusal(self, headers: Mapping[str, str], *, ticket: str | None, websocket: bool = False) -> str:
        """Why a request is not let in, in words for whoever sent it; empty where it is."""
        if wrong := stranger(headers, websocket=websocket):
            return wrong
        if ticket is None:
            return f"this needs a token: {_AGAIN}"
        return "" if _same(ticket, self.ticket) else f"this is the token of an earlier start: {_AGAIN}"


def wrong_token() -> str:
    """What is said to a token that is none."""
    return f"this token is wrong, or of an earlier start: {_AGAIN}"


def stranger(headers: Mapping[str, str], *, websocket: bool = False) -> str:
    """Why a request comes from somewhere it must not come from, whatever it carries; empty where it may."""
    host = headers.get("Host", "")
    if not names_loopback(host):
        return f"{clean(host, 60)!r} is not a name of this machine's own address: use {HOME} or localhost"
    origin = headers.get("Origin")
    if origin is None:
        return "a websocket must say which page opens it" if websocket else ""
    return "" if origin.lower() == f"http://{host}".lower() else "another page sent this"


def names_loopback(host: str) -> bool:
    """Whether a Host header, port or not, names the loopback address; any port, as `ssh -L` may give another."""
    found = _HOST.fullmatch(host)
    return found is not None and _is_loopback(found["name"].strip("[]"))


def address_of(host: str) -> str:
    """The loopback address to listen on.

    Raises
    ------
    BadInput
        It is none. The page is not encrypted, so no other address is ever listened on.
    """
    name = host.strip("[]")
    if not _is_loopback(name):
        raise BadInput(
            f"--host {clean(host, 60)!r} would show the lab to the network, unencrypted",
            allowed=f"{HOME}, ::1, localhost",
            todo="from another machine, `ssh -L 8000:127.0.0.1:8000 USER@THIS-MACHINE` brings it there",
        )
    return HOME if name.lower() == "localhost" else name


def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _same(given: str, true: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), true.encode())
