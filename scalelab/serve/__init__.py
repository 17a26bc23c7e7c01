"""The app in a browser, on this machine's own address and behind a token: one app process for each open tab.

Knows the app only as a process that it starts: nothing here draws, reads a lab or trains.
"""
