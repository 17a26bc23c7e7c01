"""Tabs and their processes: names that a shell would obey, and how each of them ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scalelab.lab import lock
from tests.lab.mini import write_text
from tests.serve.serving import PATIENCE, Served, admitted, alive, environment, open_tab, see, serving, until

HOSTILE = (
    "two  words'; touch pwned; echo \"", "$(touch pwned)`touch pwned`&touch pwned|touch pwned", "-rf --theme=light",
    "<script>alert(1)</script> ünï 💥",
)  # fmt: skip


def test_no_name_of_a_lab_is_obeyed_by_anything(finished: Path, tmp_path: Path) -> None:
    async def look(served: Served) -> tuple[str, str]:
        async with admitted(served) as client:
            async with client.get(served.base) as answer:
                page = await answer.text()
            async with open_tab(served, client) as tab:
                return page, await see(tab, "finished 9 of 9", "L = ")

    for name in HOSTILE:
        labs = tmp_path / "labs"
        shutil.copytree(finished, labs / name)
        with serving(tmp_path, "--", f"labs/{name}") as served:
            page, seen = asyncio.run(look(served))
        assert "<script>alert" not in page
        assert "\x1b" not in seen and "\x1b" not in page
        assert sorted(path.name for path in tmp_path.rglob("pwned*")) == []
        shutil.rmtree(labs / name)


def test_two_tabs_are_two_apps_and_a_closed_one_ends_its_own(served: Served) -> None:
    async def visit() -> None:
        async with admitted(served) as client:
            async with open_tab(served, client) as first:
                await see(first, "finished")
                [mine] = served.apps()
                async with open_tab(served, client) as second:
                    await see(second, "finished")
                    others = [app for app in served.apps() if app.pid != mine.pid]
                    assert len(others) == 1
                await asyncio.to_thread(until, lambda: not alive(others), "end of the closed tab's app", 10)
                await first.send_str('["stdin", "3"]')
                await see(first, "held back")
                assert alive([mine])
            await asyncio.to_thread(until, lambda: not served.apps(), "end of the last app", 10)

    asyncio.run(visit())


def test_leaving_the_app_ends_its_process_and_closes_its_tab(served: Served) -> None:
    async def visit() -> None:
        async with admitted(served) as client, open_tab(served, client) as tab:
            await see(tab, "finished")
            await tab.send_str('["stdin", "q"]')
            async with asyncio.timeout(PATIENCE):
                while not (await tab.receive()).type.name.startswith("CLOS"):
                    pass
            assert tab.close_code == 1000
            assert served.apps() == []

    asyncio.run(visit())
    assert served.end() == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_and_every_app_without_a_word(served: Served, number: int) -> None:
    async def visit() -> None:
        async with admitted(served) as client, open_tab(served, client) as first, open_tab(served, client) as second:
            await see(first, "finished")
            await see(second, "finished")
            apps = served.apps()
            assert len(apps) == 2
            ended = await asyncio.to_thread(served.end, number)
            assert ended == (0, "", "")
            assert alive(apps) == []
            assert (await first.receive()).type.name != "ERROR"

    asyncio.run(visit())


def test_a_killed_server_leaves_no_app_behind(served: Served) -> None:
    async def visit() -> None:
        async with admitted(served) as client, open_tab(served, client) as tab:
            await see(tab, "finished")
            apps = served.apps()
            served.process.kill()
            await asyncio.to_thread(until, lambda: not alive(apps), "end of the app", 10)

    asyncio.run(visit())


def test_an_app_that_hangs_is_killed(served: Served) -> None:
    async def visit() -> None:
        async with admitted(served) as client:
            async with open_tab(served, client) as tab:
                await see(tab, "finished")
                [app] = served.apps()
                app.suspend()
            await asyncio.to_thread(until, lambda: not alive([app]), "end of the hung app", 15)

    asyncio.run(visit())


FORGED = (
    "{",
    "[]",
    '"stdin"',
    '["stdin"]',
    '["stdin", 5]',
    '["resize", {}]',
    '["exit"]',
    "[" * 100_000,
    '["focus", 1]',
)


def test_a_forged_message_closes_its_tab_and_no_other(served: Served) -> None:
    async def visit() -> None:
        async with admitted(served) as client, open_tab(served, client) as good:
            for message in FORGED:
                async with open_tab(served, client) as bad:
                    await bad.send_str(message)
                    async with asyncio.timeout(PATIENCE):
                        while not (await bad.receive()).type.name.startswith("CLOS"):
                            pass
                    assert bad.close_code == 1008, message
            await see(good, "finished")

    asyncio.run(visit())
    assert served.end() == (0, "", "")


def test_a_forged_size_is_cut_to_a_window_that_there_may_be(served: Served) -> None:
    async def visit() -> None:
        async with admitted(served) as client, open_tab(served, client) as tab:
            await see(tab, "finished")
            [app] = served.apps()
            for size in (
                '{"width": 1e9, "height": 2}',
                '{"width": 10000000, "height": 10000000}',
                '{"width": -5, "height": 0}',
            ):
                await tab.send_str(f'["resize", {size}]')
            await tab.send_str('["resize", {"width": 100, "height": 30}]')
            await tab.send_str('["stdin", "3"]')
            await see(tab, "held back")
            assert app.memory_info().rss < 1 << 30

    asyncio.run(visit())


def test_an_app_that_does_not_come_up_says_why_in_the_tab_and_to_who_serves(served: Served, tmp_path: Path) -> None:
    settings = tmp_path / "config" / "scalelab" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("colour = 'pink'\n")

    async def visit() -> None:
        async with admitted(served) as client, open_tab(served, client) as tab:
            await see(tab, "scalelab: settings: colour is not a field")

    asyncio.run(visit())
    code, _, err = served.end()
    assert code == 0
    assert "the app of a tab ended: settings: colour is not a field" in err
    assert err.count("\n") == 1


def test_training_goes_on_when_tabs_and_server_end(tmp_path: Path) -> None:
    write_text(tmp_path / "text.txt")
    made = subprocess.run(
        [sys.executable, "-m", "scalelab", "run", "--preset", "smoke", "--lab", "labs/smoke", "--detach", "--set",
         "corpus.source=text.txt", "--set", "corpus.tokenizer=bytes", "--set", "evaluation.tokens=1024",
         "--set", "budgets.tokens=[2_000_000]", "--set", "hardware.slots=1"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    owner = lock.holder(tmp_path / "labs" / "smoke" / "lock")
    assert owner is not None

    async def visit(served: Served) -> None:
        async with admitted(served) as client:
            async with open_tab(served, client) as tab:
                await see(tab, "training")
            await asyncio.to_thread(until, lambda: not served.apps(), "end of the app", 10)

    try:
        with serving(tmp_path, "labs/smoke") as served:
            asyncio.run(visit(served))
            assert served.end()[0] == 0
        assert lock.holder(tmp_path / "labs" / "smoke" / "lock") == owner
    finally:
        os.kill(owner.pid, signal.SIGTERM)
