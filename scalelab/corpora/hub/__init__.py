"""Corpora of the Hugging Face hub: their names, the process that streams them, and what is said when it cannot.

`datasets` and `huggingface_hub` are imported by that process alone, so that nobody else pays their seconds and memory,
and a library that hangs is ended from outside. Knows no tokens.
"""
