"""A recorded lab played again: a private copy of its store that grows by a clock. Knows store and lock, no screen.

tempo.py     where a replay stands, and what that is on the recorded clock
player.py    the copy, and who keeps it at that moment
"""
