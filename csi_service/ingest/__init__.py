"""Lives here: files of other systems -> checked, typed rows, with every rejected row named.

May import: errors, core, schema, facts.
Never: formulas, scores, HTTP.
"""
