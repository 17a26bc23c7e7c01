"""Runs out of other people's files: tables, logs, folders. Every row is a run or has a reason."""
