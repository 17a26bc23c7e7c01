"""The terminal app comes here: it reads lab.db, draws `figures`, and acts only by `lab.control`."""
