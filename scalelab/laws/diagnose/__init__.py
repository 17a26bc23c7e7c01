"""What is odd about the runs of a fit: parameters not told apart, bends, runs that pull, noise, repeats."""
