"""What makes a plan happen: the supervisor and its workers, the executors that start them, refits, start and stop.

The process that trains never talks to the process that draws: readers look at the store and act by `control` alone.
"""
