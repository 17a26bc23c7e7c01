"""The door of a real server: what real requests and websockets are answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiohttp import ClientSession, CookieJar, WSServerHandshakeError

from tests.serve.serving import Served, admitted, open_tab, see, serving

_ASKED = re.compile(r"""(?:src=|href=|url\(|@import|fetch\()\s*["']?([^"')\s>]*)""")
PATHS = ("/", "/ws", "/page/page.css", "/static/js/textual.js", "/download/x", "/nowhere", "/static/../../etc/passwd")


@pytest.fixture(scope="module")
def served(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all of these: none of them changes it."""
    with serving(tmp_path_factory.mktemp("door"), str(finished)) as server:
        yield server


def ask(url: str, *, method: str = "GET", cookies: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
    """One request without redirects: status and text."""

    async def answer() -> tuple[int, str]:
        async with (
            ClientSession(cookies=cookies, cookie_jar=CookieJar(unsafe=True)) as client,
            client.request(method, url, headers=headers, allow_redirects=False) as got,
        ):
            return got.status, await got.text()

    return asyncio.run(answer())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_nothing_is_answered_without_the_token(served: Served, path: str, method: str) -> None:
    status, text = ask(served.base + path, method=method)
    assert status == 403
    assert method == "HEAD" or ("needs a token" in text and text.count("\n") == 1) or "websocket" in text


@pytest.mark.parametrize("token", ["", "x", "%00", "%F0%9F%92%A3", "a" * 4000])
def test_a_wrong_token_is_refused_in_a_plain_word(served: Served, token: str) -> None:
    status, text = ask(f"{served.base}/?token={token}")
    assert (status, "token is wrong" in text) == (403, True)


def test_a_wrong_cookie_is_refused(served: Served) -> None:
    status, text = ask(served.base + "/", cookies={f"scalelab-{served.port}": served.url.partition("=")[2]})
    assert (status, "earlier start" in text) == (403, True)


def test_the_token_becomes_a_cookie_and_leaves_the_address(served: Served) -> None:
    async def visit() -> None:
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
            async with client.get(served.url, allow_redirects=False) as first:
                assert (first.status, first.headers["Location"]) == (303, "/")
                cookie = first.cookies[f"scalelab-{served.port}"]
                assert cookie["httponly"] is True
                assert (cookie["samesite"], cookie["path"]) == ("Strict", "/")
                assert cookie.value not in served.url
                assert first.headers["Referrer-Policy"] == "no-referrer"
            for path in ("/", "/page/page.css", "/page/braille.ttf", "/static/js/textual.js", "/static/css/xterm.css"):
                async with client.get(served.base + path) as answer:
                    assert answer.status == 200
            async with client.get(served.base + "/nowhere") as answer:
                assert answer.status == 404

    asyncio.run(visit())


def test_the_token_opens_nothing_but_the_first_page(served: Served) -> None:
    token = served.url.partition("?")[2]
    assert ask(f"{served.base}/static/js/textual.js?{token}")[0] == 403
    assert ask(f"{served.base}/ws?{token}", Origin=served.base)[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "0.0.0.0"])
def test_a_foreign_name_is_refused_whatever_it_carries(served: Served, host: str) -> None:
    """A page whose name was made to resolve to this machine (DNS rebinding)."""
    status, text = ask(served.url, Host=host)
    assert (status, "not a name of this machine" in text) == (403, True)


def test_a_port_that_ssh_gave_is_as_good(served: Served) -> None:
    async def visit() -> None:
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
            for name in ("localhost:9999", "127.0.0.1:1"):
                async with client.get(served.url, headers={"Host": name}, allow_redirects=False) as first:
                    assert first.status == 303
                async with client.get(served.base, headers={"Host": name}) as page:
                    assert f"ws://{name}/ws" in await page.text()

    asyncio.run(visit())


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_a_websocket_of_another_page_is_refused_with_the_cookie_too(served: Served, origin: str | None) -> None:
    async def visit() -> None:
        async with admitted(served) as client:
            with pytest.raises(WSServerHandshakeError) as refused:
                await client.ws_connect(served.base + "/ws", headers={"Origin": origin} if origin else {})
            assert refused.value.status == 403

    asyncio.run(visit())


def test_the_page_asks_nobody_else_for_anything(served: Served) -> None:
    async def visit() -> None:
        async with admitted(served) as client:
            for path in ("/", "/page/page.css", "/page/page.js", "/static/css/xterm.css"):
                async with client.get(served.base + path) as answer:
                    named = _ASKED.findall(await answer.text())
                    assert all(one.startswith(("/", "data:")) and not one.startswith("//") for one in named), named
                    policy = answer.headers["Content-Security-Policy"]
                    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
                    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"

    asyncio.run(visit())


def test_it_listens_on_loopback_alone_and_no_process_has_the_token_in_its_arguments(served: Served) -> None:
    async def visit() -> None:
        async with admitted(served) as client, open_tab(served, client) as tab:
            await see(tab, "finished")
            server = psutil.Process(served.process.pid)
            listening = [one.laddr for one in server.net_connections() if one.status == psutil.CONN_LISTEN]
            assert [(one.ip, one.port) for one in listening] == [("127.0.0.1", served.port)]
            token = served.url.partition("=")[2]
            for process in (server, *served.apps()):
                assert not [one for one in process.net_connections() if one.status == psutil.CONN_LISTEN][1:]
                assert token not in " ".join([*process.cmdline(), *process.environ().values()])

    asyncio.run(visit())
