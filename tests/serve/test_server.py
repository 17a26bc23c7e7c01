"""The server inside this process, where what a process would cost too much for is looked at."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, web

from scalelab.serve import server
from scalelab.serve.admission import HOME, Admission
from tests.serve.serving import see


def test_more_tabs_than_a_machine_should_bear_are_refused_in_words(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_TABS", 1)
    told: list[str] = []

    async def visit() -> None:
        with server.listen(HOME, 0) as sock:
            port, admission = sock.getsockname()[1], Admission()
            one = server.Server(
                [str(finished), "", ""], title="smoke", port=port, admission=admission, tell=told.append
            )
            runner = web.AppRunner(one.application())
            await runner.setup()
            await web.SockSite(runner, sock).start()
            base = f"http://{HOME}:{port}"
            try:
                async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
                    await client.get(f"{base}/?token={admission.token}")
                    async with client.ws_connect(f"{base}/ws", headers={"Origin": base}) as first:
                        async with client.ws_connect(f"{base}/ws", headers={"Origin": base}) as second:
                            await see(second, "1 tabs are open: close one first")
                            assert (await second.receive()).type.name == "CLOSE"
                        await see(first, "finished")
            finally:
                await runner.cleanup()

    asyncio.run(visit())
    assert told == []


def test_the_loopback_address_of_ipv6_is_served_too(finished: Path) -> None:
    async def visit(url: str) -> int:
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client, client.get(url) as answer:
            return answer.status

    async def run() -> None:
        with server.listen("::1", 0) as sock:
            port, admission = sock.getsockname()[1], Admission()
            one = server.Server([str(finished), "", ""], title="x", port=port, admission=admission)
            runner = web.AppRunner(one.application())
            await runner.setup()
            await web.SockSite(runner, sock).start()
            try:
                assert await visit(f"http://[::1]:{port}/?token={admission.token}") == 200
                assert await visit(f"http://[::1]:{port}/") == 403
            finally:
                await runner.cleanup()

    try:
        asyncio.run(run())
    except OSError:
        pytest.skip("this machine has no ::1")
