"""A lab that was recorded, played again: the screen of a lab with keys for the tempo, and nothing to be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from textual.binding import BindingType
from textual.dom import DOMNode

from scalelab.replay.player import Player
from scalelab.tui import header, keys
from scalelab.tui.replay import ReplayFeed
from scalelab.tui.screens.lab import FIRST_VIEW, LabScreen

FACTOR = 2.0
"""What a key makes of the speed."""
SHOWN = 0.5
"""Seconds after which the header tells anew how far it is."""
RECORDING = "this is a recording: nothing of it can be trained, stopped or changed"
REFUSED = frozenset({"lab.stop", "lab.go_on", "lab.extend", "runs.retry", "runs.text", "predict.text"})
"""Actions of a lab that are not offered."""
PLAYING = frozenset({"replay.pause", "replay.slower", "replay.faster", "replay.end"})
"""Actions that mean nothing once it has been played."""
AGAIN = "replay.start"


class ReplayScreen(LabScreen):
    """A recorded lab under its five views, as it came to be."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("replay")

    def __init__(self, player: Player, view: str = FIRST_VIEW) -> None:
        super().__init__(player.root, view)
        self._player = player
        self._feed = ReplayFeed(player, self.hear)

    async def on_mount(self) -> None:
        """Begin to play, and tell how far it is."""
        self.set_interval(SHOWN, self._tell_tempo)

    def on_unmount(self) -> None:
        """Play no more."""
        self._player.tempo.pause(True)

    @property
    def scopes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The keys of the replay before those of a lab."""
        found = super().scopes
        return tuple(each for scope in found for each in (("replay", scope) if scope == "lab" else (scope,)))

    def owner(self, scope: str) -> DOMNode | None:
        """The screen itself for the keys of the replay."""
        return self if scope == "replay" else super().owner(scope)

    @property
    def log_file(self) -> None:
        """A copy has none."""

    def owners(self) -> Sequence[str]:
        """Speed and how far it is, beside who looks."""
        return f"{self._player.tempo.words}  {header.who()}", self._player.tempo.words

    def can_be_asked(self, name: str) -> bool:
        """Nothing that would train, and no tempo of what has been played."""
        return name not in (REFUSED | PLAYING if self._player.tempo.over else REFUSED) and super().can_be_asked(name)

    def offered(self) -> Iterator[keys.Key]:
        """At the end to play it again comes first: a narrow key bar has room for few."""
        found = list(super().offered())
        yield from sorted(found, key=lambda key: key.id != AGAIN) if self._player.tempo.over else found

    def ask(self, do: Callable[[], str]) -> None:
        """It cannot be done."""
        self.say(RECORDING)

    def _tell_tempo(self) -> None:
        if self.is_current:
            self._draw_header()
            self.tell_keys()

    # What keys do

    def action_pause(self) -> None:
        """Stand still; again: go on."""
        tempo = self._player.tempo
        if tempo.over:
            self.say(f"it has been played to its end: {self.key(AGAIN)} plays it again")
            return
        tempo.pause(not tempo.paused)
        self._tell_tempo()

    def action_tempo(self, way: int) -> None:
        """Faster or slower."""
        self._player.tempo.change(FACTOR**way)
        self._tell_tempo()

    def action_to_end(self) -> None:
        """All that is left at once."""
        self._player.tempo.to_end()

    def action_to_start(self) -> None:
        """From the start, in a new screen: the one that was seen knows how it ends."""
        tempo = self._player.tempo
        again = replace(self._player.replay, at=0.0, share=0.0, speed=tempo.speed, paused=False)
        self.app.play(Player(again, self._player.clock), self.view)  # type: ignore[attr-defined]

    def refuse(self, run: str = "") -> None:
        """Nothing is trained here, and no model is here that could write."""
        self.say(RECORDING)

    action_stop = action_go_on = action_extend = retry = write_text = refuse
