"""Whether this machine can do what the lab asks of it: one file a subject, each yields lines that say ok, warn or fail.

It asks the rooms that do the work (a lock is taken, a store is opened, a device trains) and draws nothing.
"""
