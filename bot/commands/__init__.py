"""The verbs, one file for each room of them.

A file here is cheap to import: a verb imports what it needs when it runs, so `--help` and completion answer at once.
"""
