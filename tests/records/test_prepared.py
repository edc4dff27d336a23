"""Statements that are kept: a list of any length in one, and indexes that serve them."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from csi_service.records.database import _insertion
from csi_service.records.prepared import _insert_of, _prepared, among, fetch, run
from csi_service.records.tables import HELD_FIELDS, METADATA, RECORDS
from csi_service.store.folder import open_store
from csi_service.store.parts import fold_posted
from csi_service.store.places import locate
from tests.store.kept import call, put

OF_THESE = sa.select(HELD_FIELDS.c.field).where(among(HELD_FIELDS.c.field, "names")).order_by(HELD_FIELDS.c.field)
FORGET = sa.delete(HELD_FIELDS).where(among(HELD_FIELDS.c.field, "names"))
NAMES = ["a", 'b"', "c'", "呼入", "x,y"]


def found(store, names):
    with store.database.reading() as connection:
        return [row["field"] for row in fetch(connection, OF_THESE, {"names": names})]


@pytest.fixture
def noted(store):
    with store.database.writing() as connection:
        run(connection, sa.insert(HELD_FIELDS), [{"kind": "calls", "field": name, "import_id": 0} for name in NAMES])
    return store


@pytest.mark.parametrize("names", [[], ["a"], ["c'", 'b"'], ["呼入", "x,y", "nowhere"], NAMES * 500])
def test_a_list_of_any_length_finds_its_texts(noted, names):
    assert found(noted, names) == sorted(set(names) & set(NAMES))


def test_a_list_deletes_its_texts_only(noted):
    with noted.database.writing() as connection:
        run(connection, FORGET, [{"names": ["a", "呼入"]}])
    assert found(noted, NAMES) == ['b"', "c'", "x,y"]


@pytest.mark.parametrize("count", [1, 2, 3, 32, 33, 101])
def test_any_number_of_rows_goes_in(store, count):
    names = [f"n{number:03}" for number in range(count)]
    rows = [{"kind": "calls", "field": name, "import_id": number} for number, name in enumerate(names)]
    with store.database.writing() as connection:
        run(connection, sa.insert(HELD_FIELDS), rows)
    with store.database.reading() as connection:
        assert [dict(row) for row in connection.execute(sa.select(HELD_FIELDS).order_by("field")).mappings()] == rows


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=str)
def test_an_insert_of_several_rows_is_as_sqlalchemy_writes_it(table):
    names = tuple(table.columns.keys())
    for statement in (sa.insert(table), _insertion("sqlite", table, names)):
        prepared = _prepared(statement, "sqlite", names)
        rows = [{name: sa.bindparam(f"{name} {row}") for name in names} for row in range(3)]
        assert _insert_of(prepared, 3) == str(statement.values(rows).compile(dialect=sqlite.dialect()))


@pytest.mark.parametrize("column", ["survey_id", "call_id", "customer_id", "import_id"])
def test_an_index_serves_lists_and_the_columns_whose_blanks_it_leaves_out(tmp_path, column):
    database = open_store(tmp_path / "data", "Asia/Shanghai").database  # SQLite plans alike whatever the tables hold
    table = RECORDS["surveys"]
    named = table.c.import_id == sa.bindparam("of") if column == "import_id" else among(table.c[column], "of")
    prepared = _prepared(sa.select(table).where(named), "sqlite", None)
    with database.reading() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {prepared.sql}", tuple(prepared.values({"of": 1 if column == "import_id" else []}))
        )
        steps = [row[3] for row in plan if "surveys" in row[3]]
    database.close()
    assert [step.split(" USING ")[0] for step in steps] == ["SEARCH surveys"]


def test_files_are_chosen_by_the_order_of_code_points(store):
    put(store, "calls", *(call(number, "2026-03-02 09:00", team="T7") for number in ("B1", "Z5", "a1")))
    fold_posted(store)
    assert {number: place["team"] for number, place in locate(store, ["Z5"]).places.items()} == {"Z5": "T7"}
    if not store.database.is_sqlite:  # whatever order the server has otherwise
        of_columns = (
            "SELECT collation_name FROM information_schema.columns WHERE column_name IN ('least_id', 'greatest_id')"
        )
        with store.database.reading() as connection:
            assert connection.exec_driver_sql(of_columns).scalars().all() == ["C", "C"]
