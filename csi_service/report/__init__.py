"""Lives here: scores as people and other programs take them away: tables, files.

May import: errors, core, language, schema, facts, ingest, scoring.
Never: a change of a stored value, a formula, HTTP.
"""
