"""Lives here: what comes in and what goes out, as marshmallow schemas and plain bodies.

May import: errors, core, the kinds, years and rules of facts, marshmallow.
Never: Flask, a store, a formula.
"""
