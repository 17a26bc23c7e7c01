"""A terminal into which others write: a key makes every cell what the app had drawn there."""

from __future__ import annotations

import pyte

from tests.pictures import Picture, app


def test_a_key_draws_the_whole_screen_anew() -> None:
    with app(Picture(command=("replay", "--at", "60%", "--paused"))) as seen:
        seen.settle("of 20")
        drawn = list(seen.screen.display)
        pyte.Stream(seen.screen).feed("\x1b[3;5HBroadcast message from root\x1b[30;1H\n\n\x1b[12;1H\x1b[2K")
        assert seen.screen.display != drawn
        seen.type("D")
        seen.settle("of 20")
        assert seen.screen.display == drawn
