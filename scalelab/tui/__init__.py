"""The terminal app comes here: it reads lab.db, draws `figures`, and acts only by `lab.control`."""

import os

# Textual paints at ticks, and a key that moves a cursor and then the words beside it waits for two of them: at 240 a
# second what it brings about is whole in 21 ms instead of 38 at 60 (medians of one run). Nothing ticks while nothing
# changes, and the bytes are the same. Textual reads it once, when it is imported.
os.environ.setdefault("TEXTUAL_FPS", "240")
