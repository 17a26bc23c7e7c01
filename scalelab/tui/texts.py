"""Who brings texts of trained runs into the app: one thread, and one worker for all that is asked of a lab.

Both end when nothing was asked for a while: a worker holds half a gigabyte that training could use. Draws nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from scalelab.errors import ScalelabError, mistake
from scalelab.tui.views.writing import Ask

if TYPE_CHECKING:
    from scalelab.lab.control import Scribe

PATIENCE = 60.0
"""Seconds without a question after which the worker ends."""
REST_SECONDS = 1.0
"""Between two looks whether somebody else's worker still needs what this one was forked from."""


class Written(Message):
    """What one run wrote, or why it did not."""

    def __init__(self, ask: Ask, text: str, problem: str = "") -> None:
        self.ask, self.text, self.problem = ask, text, problem
        super().__init__()


class Texts:
    """The texts of one lab's runs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = threading.Condition()
        self._waiting: deque[tuple[Ask, Callable[[Message], object]]] = deque()
        self._now: tuple[Ask, Callable[[Message], object]] | None = None
        self._thread: threading.Thread | None = None
        self._scribe: Scribe | None = None
        self._loaded = False
        self._over = threading.Event()

    @property
    def loaded(self) -> bool:
        """Whether a worker is there, and a text comes at once."""
        return self._loaded

    def ask(self, asks: Sequence[Ask], post: Callable[[Message], object]) -> None:
        """Have these written, in this order; what waits from before is not wanted any more.

        `post` is called from the thread, with a `Written` for each.
        """
        with self._turn:
            # The same words for another screen are another question: that one was left, and hears nothing any more.
            self._waiting = deque((ask, post) for ask in asks if (ask, post) != self._now)
            if self._thread is None:
                # A worker's texts come one after the other: one thread for all.
                self._thread = threading.Thread(target=self._run, name="scalelab-text", daemon=True)
                self._thread.start()
            self._turn.notify()

    def forget(self) -> None:
        """Nobody waits for anything any more: what is being written is ended too."""
        with self._turn:
            self._waiting.clear()
            if self._now is not None and self._scribe is not None:
                self._scribe.end()

    def close(self) -> None:
        """Forget all, and end the worker now."""
        self._over.set()
        self.forget()
        with self._turn:
            self._turn.notify()

    def _run(self) -> None:
        while self._serve():
            pass

    def _serve(self) -> bool:
        """Write until nothing was asked for a while; whether something was asked while the worker was ended."""
        from scalelab.lab import control

        while (task := self._next()) is not None:
            ask, post = task
            try:
                self._scribe = self._scribe or control.Scribe(self._root)
                made = self._scribe.write(ask.run, ask.prompt, n=ask.n, temperature=ask.temperature, seed=ask.seed)
                self._loaded = True
                post(Written(ask, made.text))
            except Exception as problem:  # a thread that dies in silence leaves a screen that waits for ever
                told = problem if isinstance(problem, ScalelabError) else mistake(problem)
                post(Written(ask, "", told.line()))
        if self._scribe is not None:
            self._scribe.close()
            self._scribe, self._loaded = None, False
            while not (control.rest() or self._waiting or self._over.wait(REST_SECONDS)):
                pass
        with self._turn:
            if not self._waiting:
                self._thread = None
            return bool(self._waiting)

    def _next(self) -> tuple[Ask, Callable[[Message], object]] | None:
        """What is to be written next; None where nothing was asked for a while."""
        with self._turn:
            self._now = None
            self._turn.wait_for(lambda: self._waiting or self._over.is_set(), PATIENCE)
            if not self._waiting:
                return None
            self._now = self._waiting.popleft()
            return self._now
