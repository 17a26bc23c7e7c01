"""The terminal app comes here: it reads lab.db, draws `figures`, and acts only by `lab.control`."""

import os

# Textual paints at ticks, and a key that moves a cursor and then the words beside it waits for two of them: at 120 a
# second what it brings about is whole in 24 ms (p95 32) instead of 32 (p95 50) at 60, in one run. At 240 it is no
# better, and another view is painted oftener on its way. Nothing ticks while nothing changes. Textual reads it once,
# when it is imported.
os.environ.setdefault("TEXTUAL_FPS", "120")
