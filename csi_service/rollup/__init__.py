"""Lives here: typed rows -> additive measures a local day and group, one file a record kind.

May import: errors, core, schema, facts.
Never: a quotient, a weight applied, text for people.
"""
