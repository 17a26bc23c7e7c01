"""A sweep under fire: `python -m tests.soak` kills, fills, holds and suspends, then counts what was lost."""
