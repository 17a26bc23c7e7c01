"""Curves of single runs: how the learning rate shapes them, and where a running one will end."""
