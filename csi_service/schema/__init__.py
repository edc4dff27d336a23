"""Lives here: what comes in and what goes out, as marshmallow schemas and plain bodies.

May import: errors, core, marshmallow.
Never: Flask, a store, a formula.
"""
