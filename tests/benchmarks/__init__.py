"""Ratios against named peers, measured side by side in one run and printed; nothing here asserts a time."""
