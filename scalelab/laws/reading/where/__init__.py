"""`--where`: which rows of a table are read, said in a small language of its own."""
