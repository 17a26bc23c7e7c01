"""The whole way in a real browser: Chromium without a window opens the printed address, and keys are pressed.

Needs Debian's chromium and chromium-driver, or Chrome and its driver, on the PATH.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from tests.serve.serving import PATIENCE, Served, until

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--window-size=1200,800",
)  # fmt: skip
_STEERING = re.compile(r"\x1b\[[0-9;?$]*[A-Za-z]|\x1b\][^\x07]*\x07")


class Browser:
    """A browser, what its page asked the network for, and what its terminal was sent."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.asked: list[str] = []
        self.shown = ""

    def press(self, keys: str) -> None:
        """Press keys, wherever the page has put the focus."""
        self.shown = ""
        ActionChains(self.driver).send_keys(keys).perform()

    def see(self, *words: str) -> None:
        """Wait until the terminal has been sent all of these since the last key."""
        end = time.monotonic() + PATIENCE
        while not all(word in self.shown for word in words):
            assert time.monotonic() < end, f"{words} not in {self.shown[-3000:]!r}"
            self._read()

    def _read(self) -> None:
        for entry in self.driver.get_log("performance"):
            event: dict[str, Any] = json.loads(entry["message"])["message"]
            match event["method"], event["params"]:
                case "Network.requestWillBeSent", {"request": {"url": url}}:
                    self.asked.append(url)
                case "Network.webSocketCreated", {"url": url}:
                    self.asked.append(url)
                case "Network.webSocketFrameReceived", {"response": {"opcode": 2, "payloadData": sent}}:
                    self.shown += _STEERING.sub("", base64.b64decode(sent).decode("utf-8", "replace"))

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return self.driver.get_screenshot_as_png()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """Chromium with nothing of the user's."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no chromium with its driver on the PATH: `apt-get install chromium chromium-driver`")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    window = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(window)
    finally:
        window.quit()


def test_the_app_in_a_browser_from_the_address_to_the_end(served: Served, browser: Browser, tmp_path: Path) -> None:
    window = browser.driver
    window.get(served.url)
    browser.see("finished 9 of 9", "48x1-D160k-s0")
    assert window.current_url == served.base + "/"
    assert window.title == "smoke"
    runs = browser.picture()

    browser.press("3")
    browser.see("loss against compute", "held back")
    law = browser.picture()
    assert law != runs
    (tmp_path / "law.png").write_bytes(law)

    browser.press("y")  # OSC 52, by the page to the browser's own clipboard
    browser.see("copied")
    window.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite"]})
    copied = window.execute_async_script("navigator.clipboard.readText().then(arguments[0], arguments[0])")
    assert "L = " in copied

    assert window.get_cookies()[0]["name"] == f"scalelab-{served.port}"
    assert window.execute_script("return document.cookie") == ""  # no script can read it
    asked = [url for url in browser.asked if url.startswith(("http", "ws"))]
    assert any(url.startswith("ws:") for url in asked)
    assert all(url.startswith((served.base, served.base.replace("http", "ws", 1))) for url in asked), asked
    wrong = [entry for entry in window.get_log("browser") if entry["level"] == "SEVERE"]
    assert wrong == []

    browser.press("q")
    ended = window.find_element(By.CSS_SELECTOR, ".ended")
    until(ended.is_displayed, "word that the app has ended", 10)
    assert "What trains goes on" in ended.text
    until(lambda: not served.apps(), "end of the app", 10)
    browser.shown = ""
    ended.find_element(By.TAG_NAME, "a").click()
    browser.see("finished 9 of 9")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """A page of somebody else's server on this machine, to which the browser sends our cookie too."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "index.html").write_text("<p>elsewhere</p>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


ATTACKS = (
    "const socket = new WebSocket('ws' + base.slice(4) + '/ws'); socket.onopen = yes; socket.onerror = no",
    "fetch(base + '/', {credentials: 'include'}).then(yes, no)",
    "const script = document.createElement('script'); script.src = base + '/static/js/textual.js'; script.onload = yes;"
    "script.onerror = no; document.head.append(script)",
)


def test_another_page_of_the_browser_reaches_nothing(served: Served, browser: Browser, elsewhere: str) -> None:
    window = browser.driver
    window.get(served.url)
    browser.see("finished")
    window.get(elsewhere)
    assert [cookie["name"] for cookie in window.get_cookies()] == [f"scalelab-{served.port}"]
    until(lambda: not served.apps(), "end of the tab's app", 10)
    for attack in ATTACKS:
        script = "const [base, told] = arguments, yes = () => told('reached'), no = () => told('refused');" + attack
        assert window.execute_async_script(script, served.base) == "refused", attack
    assert served.apps() == []
