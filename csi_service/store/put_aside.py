"""Records that an import replaces, put aside as JSON and taken back, all in SQL: `writes.as_json` for whole tables."""

from typing import Any

import sqlalchemy as sa

from csi_service.records.tables import IMPORTS, RECORDS, REPLACED_RECORDS, Instant
from csi_service.store.bulk import create_staged, is_one, staged

_BOOK = REPLACED_RECORDS
_NO_FRACTION = ".000000"  # an instant's in SQLite, which isoformat() leaves out


def put_aside(connection: sa.Connection, kind: str, import_id: int) -> None:
    """Keep the records that are there in place of those that are staged."""
    table, new = RECORDS[kind], staged(kind)
    sqlite = connection.dialect.name == "sqlite"
    olds = sa.select(
        sa.literal(import_id), sa.literal(kind), _identity(table, sqlite), _as_json(table, sqlite)
    ).select_from(new.join(table, is_one(kind)))
    connection.execute(sa.insert(_BOOK).from_select(["import_id", "kind", "identity", "record"], olds))


def stage_replaced(connection: sa.Connection, kind: str, import_id: int) -> None:
    """Stage the records that an import had put aside, as they were."""
    new = create_staged(connection, kind)
    names = new.c.keys()
    if connection.dialect.name == "sqlite":
        record = sa.type_coerce(_BOOK.c.record, sa.Text)
        olds: Any = sa.select(*(_from_json(record, column) for column in new.c)).where(*_of(kind, import_id))
        connection.execute(sa.insert(new).from_select(names, olds))
        return
    row = f"jsonb_populate_record(CAST(NULL AS {RECORDS[kind].name}), record)"
    olds = f"SELECT {', '.join(f'old.{name}' for name in names)} FROM {_BOOK.name} CROSS JOIN LATERAL {row} AS old"
    values = {"kind": kind, "import_id": import_id}
    insert = f"INSERT INTO {new.name} {olds} WHERE {_BOOK.name}.import_id = :import_id AND kind = :kind"
    connection.execute(sa.text(insert), values)
    connection.exec_driver_sql(f"ANALYZE {new.name}")


def pass_on(connection: sa.Connection, kind: str, import_id: int) -> None:
    """Where a later import has put an import's record aside, let it put aside what this one had replaced."""
    book, own = _BOOK, _BOOK.alias("own")
    write = sa.select(IMPORTS.c.revision).where(IMPORTS.c.id == import_id).scalar_subquery()
    later = (
        book.c.import_id.in_(sa.select(IMPORTS.c.id).where(IMPORTS.c.revision > write)),
        book.c.kind == kind,
        book.c.record["import_id"].as_integer() == import_id,
    )
    same = (own.c.import_id == import_id, own.c.kind == kind, own.c.identity == book.c.identity)
    connection.execute(sa.update(book).values(record=own.c.record).where(*later, *same))
    connection.execute(sa.delete(book).where(*later))
    connection.execute(sa.delete(book).where(*_of(kind, import_id)))


def _of(kind: str, import_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (_BOOK.c.import_id == import_id, _BOOK.c.kind == kind)


def _identity(table: sa.Table, sqlite: bool) -> sa.ColumnElement[str]:
    """The record's identity as one text, as `writes.identity_text` makes it."""
    parts = [
        sa.type_coerce(column, sa.Text)
        if sqlite or not isinstance(column.type, sa.Date)
        else sa.func.to_char(column, "YYYY-MM-DD")
        for column in table.primary_key
    ]
    whole: sa.ColumnElement[str] = parts[0]
    for part in parts[1:]:
        whole = whole.concat("\x1f").concat(part)
    return whole


def _as_json(table: sa.Table, sqlite: bool) -> sa.ColumnElement[Any]:
    if not sqlite:
        return sa.func.to_jsonb(sa.literal_column(table.name))
    pairs = [each for column in table.c for each in (sa.literal(column.name), _to_json(column))]
    return sa.func.json_object(*pairs)


def _to_json(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """A column of SQLite as its JSON: numbers with all their digits, instants as isoformat() writes them."""
    text = sa.type_coerce(column, sa.Text)
    if isinstance(column.type, sa.Float):
        return sa.func.json(sa.case((column.is_not(None), sa.func.printf("%!.17g", column))))
    if isinstance(column.type, sa.Boolean):
        return sa.func.json(sa.case((column.is_(True), "true"), (column.is_(False), "false")))
    if isinstance(column.type, sa.JSON):
        return sa.func.json(text)
    if isinstance(column.type, Instant):
        return sa.func.replace(sa.func.replace(text, " ", "T"), _NO_FRACTION, "")
    return text


def _from_json(record: sa.ColumnElement[str], column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """A column of SQLite from a record's JSON; instants and lists as SQLAlchemy writes them."""
    value: sa.ColumnElement[Any] = sa.func.json_extract(record, f"$.{column.name}", type_=sa.Text)
    if isinstance(column.type, Instant):
        whole = sa.func.replace(value, "T", " ", type_=sa.Text)
        return sa.case((sa.func.length(value) == len("2026-03-02T09:00:00"), whole.concat(_NO_FRACTION)), else_=whole)
    if isinstance(column.type, sa.JSON):
        return sa.func.replace(value, '","', '", "')
    return value
