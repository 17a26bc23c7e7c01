"""The server: what is asked for and what is answered, from the first request to the last leftover.

Listens on a loopback socket that it is handed, lets in who `admission` lets in, and ends every app that it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from typing import Any

import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve.download_manager import DownloadManager

from scalelab.serve.admission import Admission, stranger, wrong_token
from scalelab.serve.page import headers, page
from scalelab.serve.tab import Tab

MOST_TABS = 16
"""Each is a process of some 60 MB."""
_SOON = 5.0
"""Seconds within which connections are closed at the end."""
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """One start of `scalelab serve`. `arguments` are those of `tab_app`, `tell` takes a line of talk."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        title: str,
        port: int,
        admission: Admission,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._arguments, self._title, self._admission, self._tell = tuple(arguments), title, admission, tell
        self._cookie = f"scalelab-{port}"
        self._downloads = DownloadManager()
        self._tabs: dict[Tab, web.WebSocketResponse] = {}

    async def run(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Serve until SIGINT or SIGTERM; `ready` is called when the first request would be answered."""
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=_SOON)
        await runner.setup()
        try:
            await web.SockSite(runner, sock).start()
            ready()
            await stopped.wait()
        finally:
            await runner.cleanup()

    def application(self) -> web.Application:
        """The routes behind their door."""
        app = web.Application(middlewares=[self._admit], client_max_size=0)
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._end_tabs)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/ws", self._websocket),
                web.get("/download/{key}", self._download),
                web.static("/page", str(resources.files("scalelab.serve") / "assets")),
                web.static("/static", str(resources.files(textual_serve) / "static")),
            ]
        )
        return app

    # The door

    @web.middleware
    async def _admit(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        given = request.query.get("token") if request.path == "/" else None
        if given is not None:
            return self._first_visit(request, given)
        ticket = request.cookies.get(self._cookie)
        if why := self._admission.refusal(request.headers, ticket=ticket, websocket=request.path == "/ws"):
            return _refused(why)
        return await handler(request)

    def _first_visit(self, request: web.Request, token: str) -> web.StreamResponse:
        """The token becomes a cookie, and leaves the address bar and the browser's history."""
        if why := stranger(request.headers):
            return _refused(why)
        if not self._admission.knows_token(token):
            return _refused(wrong_token())
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(self._cookie, self._admission.ticket, httponly=True, samesite="Strict", path="/")
        return answer

    # What is behind it

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=page(self._title, request.host), content_type="text/html")

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One tab, from its opening to its closing."""
        browser = web.WebSocketResponse(heartbeat=15, timeout=2, max_msg_size=1 << 20)
        await browser.prepare(request)
        if len(self._tabs) >= MOST_TABS:
            await browser.send_bytes(f"\r\n  {MOST_TABS} tabs are open: close one first\r\n".encode())
            await browser.close()
            return browser
        tab = Tab(
            self._arguments, write_bytes=browser.send_bytes, write_str=browser.send_str, close=browser.close,
            downloads=self._downloads, tell=self._tell,
        )  # fmt: skip
        self._tabs[tab] = browser
        try:
            await tab.start(_number(request, "width", 80), _number(request, "height", 24))
            async for message in browser:
                if message.type is not WSMsgType.TEXT or not await _obey(message.data, tab, browser):
                    await browser.close(code=WSCloseCode.POLICY_VIOLATION)
        finally:
            await tab.stop()
            del self._tabs[tab]
        return browser

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file that the app hands out."""
        key = request.match_info["key"]
        try:
            file = await self._downloads.get_download_metadata(key)
        except KeyError:
            raise web.HTTPNotFound(text="there is no such file any more") from None
        answer = web.StreamResponse()
        answer.content_type = "application/octet-stream"
        answer.headers["Content-Disposition"] = _attachment(file.file_name)
        await answer.prepare(request)
        async for chunk in self._downloads.download(key):
            await answer.write(chunk)
        await answer.write_eof()
        return answer

    async def _end_tabs(self, _: web.Application) -> None:
        await asyncio.gather(*(tab.stop() for tab in list(self._tabs)), return_exceptions=True)
        for browser in list(self._tabs.values()):
            with contextlib.suppress(OSError, RuntimeError):
                await browser.close(code=WSCloseCode.GOING_AWAY)


def listen(address: str, port: int) -> socket.socket:
    """A socket that listens on a loopback address; OSError where the port is taken or not allowed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


async def _obey(text: str, tab: Tab, browser: web.WebSocketResponse) -> bool:
    """Do what a message of textual-serve's page says; False where it is none."""
    try:
        match json.loads(text):
            case ["stdin", str(keys)]:
                await tab.send_bytes(keys.encode("utf-8", "replace"))
            case ["resize", {"width": width, "height": height}]:
                await tab.set_terminal_size(width, height)
            case ["ping", str(number)]:
                await browser.send_json(["pong", number])
            case ["focus"]:
                await tab.focus()
            case ["blur"]:
                await tab.blur()
            case _:
                return False
    except (ValueError, RecursionError):
        return False
    return True


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(headers(request.host, request.path))


def _refused(why: str) -> web.Response:
    return web.Response(status=403, text=f"scalelab: {why}\n")


def _number(request: web.Request, name: str, otherwise: int) -> int:
    given = request.query.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else otherwise


def _attachment(name: str) -> str:
    """A Content-Disposition with any file name."""
    from urllib.parse import quote

    return f"attachment; filename*=UTF-8''{quote(name.encode('utf-8', 'replace'))}"


def serve(
    arguments: Sequence[str],
    *,
    title: str,
    address: str,
    port: int,
    ready: Callable[[str], None],
    tell: Callable[[str], None],
) -> None:
    """Serve until it is told to stop; `ready` is handed the address with its token once it answers there."""
    with listen(address, port) as sock:
        here: tuple[Any, ...] = sock.getsockname()
        admission = Admission()
        server = Server(arguments, title=title, port=here[1], admission=admission, tell=tell)
        name = f"[{address}]" if ":" in address else address
        url = f"http://{name}:{here[1]}/?token={admission.token}"
        asyncio.run(server.run(sock, lambda: ready(url)))
