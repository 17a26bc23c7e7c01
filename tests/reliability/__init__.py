"""The figures of what a lab survives: tests named `test_row_NN_…` count, and `python -m tests.reliability` shows it."""
