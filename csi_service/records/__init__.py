"""Lives here: what people and systems write one by one, in SQL: the tables, the database, the migrations.

May import: errors, core, facts.kinds, sqlalchemy, alembic.
Never: formulas, HTTP, files of calls.
"""
