"""Lives here: how the engine over call facts is opened (and, with the store, how facts are kept).

May import: errors, core.
Never: formulas, HTTP, people's text.
"""
