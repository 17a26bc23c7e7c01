"""Text → shards of about 8 MB on disk, encoded by processes at once, kept until the corpus is whole.

Whoever is killed here loses the shard in hand and no other: fetched text is not fetched again, nor are finished tokens
made again. Knows no hub and no tokenizer's inside.
"""
