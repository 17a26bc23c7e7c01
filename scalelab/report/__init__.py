"""What a lab says, in every form that is not the app: terminal, plot, one JSON document, tables for other programs.

This room draws `figures` and writes what `laws` found; it computes no law and opens no store of its own.
"""
