"""Lives here: the use cases over the data folder: import, write, count, read, undo, check.

May import: settings, scoring and everything below them.
Never: HTTP, text for a terminal, a formula.
"""
