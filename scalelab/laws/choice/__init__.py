"""Which law to believe, and the whole assessment that follows from it."""
