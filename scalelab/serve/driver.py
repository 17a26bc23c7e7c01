"""Textual's driver for an app behind a pipe, which ends the app when nobody is at the other end any more.

Textual's own one goes on for ever when its server was killed: an idle app writes nothing, so nothing tells it.
"""

from __future__ import annotations

import os
from typing import Any

from textual import messages
from textual.drivers.web_driver import WebDriver

GRACE_SECONDS = 2.0
"""How long an app may take to leave when its server is gone."""


class PipeDriver(WebDriver):
    """The driver of one tab's app."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._write = self._put  # type: ignore[assignment]

    def run_input_thread(self) -> None:
        """Read until the pipe ends; if the app has not ended it, the server is gone."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._leave()
            if not self.exit_event.wait(GRACE_SECONDS):
                os._exit(1)

    def _put(self, packet: bytes) -> int:
        """Write the whole packet; where nobody reads it, leave."""
        try:
            done = 0
            while done < len(packet):
                done += os.write(self.fileno, packet[done:])
        except OSError:
            self._leave()
        return len(packet)

    def _leave(self) -> None:
        self._app.post_message(messages.ExitApp())
