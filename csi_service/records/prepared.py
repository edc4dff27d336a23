"""Statements made ready once, for what runs with every small write: SQLAlchemy writes them, the driver runs them.

SQLAlchemy takes about 0.1 ms for each statement that it runs, ten times as long as SQLite itself.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

Row = Mapping[str, Any]
_MOST_ROWS = 32  # in one INSERT
_Values = dict[str, Any] | list[Any]


class _Texts(sa.types.TypeDecorator[Sequence[str]]):
    """Texts as one value: a list of PostgreSQL's, JSON for SQLite."""

    impl = postgresql.ARRAY(sa.Text)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type that the driver is given."""
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else postgresql.ARRAY(sa.Text))

    def process_bind_param(self, value: Sequence[str] | None, dialect: sa.Dialect) -> Any:
        """Turn texts into what the driver is given."""
        return _as_json(value) if dialect.name == "sqlite" else value


class _Among(sa.ColumnElement[Any]):
    """Whether a column's text is one of a list that is given as one value."""

    inherit_cache = False
    type = sa.types.NULLTYPE  # of a Boolean SQLAlchemy asks SQLite whether it equals 1, and no index helps there

    def __init__(self, column: sa.Column[Any], name: str) -> None:
        self.column, self.texts = column, sa.bindparam(name, type_=_Texts())


@compiles(_Among, "sqlite")
def _among_sqlite(found: _Among, compiler: Any, **options: Any) -> str:
    listed = sa.func.json_each(found.texts).table_valued("value")
    return str(compiler.process(found.column.in_(sa.select(listed.c.value)), **options))


@compiles(_Among, "postgresql")
def _among_postgresql(found: _Among, compiler: Any, **options: Any) -> str:
    return str(compiler.process(found.column == sa.any_(found.texts), **options))


def among(column: sa.Column[Any], name: str) -> sa.ColumnElement[Any]:
    """Return whether a column's text is one of the list `name`, of whatever length: the statement can be kept."""
    return _Among(column, name)


class Prepared:
    """A statement's text for one kind of database, and how its values go in and its columns come out."""

    def __init__(self, statement: Any, dialect: sa.Dialect, names: Sequence[str] | None = None) -> None:
        """Write the statement; `names` are the columns that an INSERT fills."""
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)
        self.sql = str(compiled)
        binds = {name: (name, bind.value, _way_in(bind.type, dialect)) for bind, name in compiled.bind_names.items()}
        self._by_name = compiled.positiontup is None
        self._binds = list(binds.values()) if self._by_name else [binds[name] for name in compiled.positiontup]
        self._dialect, self._out = dialect, [(column.name, column.type) for column in statement.exported_columns]
        self._columns: list[tuple[str, Callable[[Any], Any] | None]] = []

    @property
    def binds(self) -> int:
        """How many values the statement takes."""
        return len(self._binds)

    def values(self, row: Row) -> _Values:
        """Return a row's values as the driver takes them."""
        values = [
            row.get(name, usual) if convert is None else convert(row.get(name, usual))
            for name, usual, convert in self._binds
        ]
        if self._by_name:
            return {name: value for (name, _, _), value in zip(self._binds, values, strict=True)}
        return values

    def read(self, cursor: Any) -> list[dict[str, Any]]:
        """Return the rows that came out, by their columns' names."""
        if not self._columns:
            told = zip(self._out, cursor.description, strict=True)
            self._columns = [(name, _way_out(type_, self._dialect, column[1])) for (name, type_), column in told]
        return [
            {
                name: value if convert is None else convert(value)
                for (name, convert), value in zip(self._columns, row, strict=True)
            }
            for row in cursor.fetchall()
        ]


def fetch(connection: sa.Connection, statement: Any, values: Row) -> list[dict[str, Any]]:
    """Run a statement (one that is kept, not made for this call) and return its rows."""
    prepared = _prepared(statement, connection.dialect.name, None)
    try:
        return prepared.read(_driver(connection).execute(prepared.sql, prepared.values(values)))
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy_tells(connection, prepared, error) from error


def run(connection: sa.Connection, statement: Any, rows: Sequence[Row]) -> None:
    """Run a statement (one that is kept, not made for this call) for each of some rows with the same keys."""
    dialect, driver = connection.dialect.name, _driver(connection)
    prepared = _prepared(statement, dialect, tuple(rows[0]))
    try:
        if len(rows) == 1:
            driver.execute(prepared.sql, prepared.values(rows[0]))
        elif dialect == "sqlite" and statement.is_insert:
            for some in _in_powers(rows):
                values = [value for row in some for value in prepared.values(row)]
                driver.execute(_insert_of(prepared, len(some)), values)
        else:
            driver.cursor().executemany(prepared.sql, [prepared.values(row) for row in rows])
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy_tells(connection, prepared, error) from error


def _in_powers(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield the rows in slices of 32, 16, 8, 4, 2 and 1, so that few statements serve any number of rows."""
    start = 0
    while left := len(rows) - start:
        size = min(_MOST_ROWS, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


def _insert_of(prepared: Prepared, rows: int) -> str:
    """The text of an INSERT of several rows: other threads take their turn once, not with every row."""
    one = f"({', '.join('?' * prepared.binds)})"
    head, tail = prepared.sql.split(one)
    return f"{head}{', '.join([one] * rows)}{tail}"


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


@functools.cache
def _prepared(statement: Any, dialect: str, names: tuple[str, ...] | None) -> Prepared:
    url = sa.make_url("sqlite://" if dialect == "sqlite" else "postgresql+psycopg://")
    kind: Any = url.get_dialect()
    return Prepared(statement, kind(json_serializer=_as_json), names)


def _as_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _way_in(type_: Any, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    way: Callable[[Any], Any] | None = type_.dialect_impl(dialect).bind_processor(dialect)
    return way


def _way_out(type_: Any, dialect: sa.Dialect, code: object) -> Callable[[Any], Any] | None:
    way: Callable[[Any], Any] | None = type_.dialect_impl(dialect).result_processor(dialect, code)
    return way


def _as_sqlalchemy_tells(connection: sa.Connection, prepared: Prepared, error: Exception) -> BaseException:
    """Return the error that SQLAlchemy makes of a driver's, without the values."""
    known: type[Exception] = connection.dialect.loaded_dbapi.Error
    return sa.exc.DBAPIError.instance(prepared.sql, None, error, known, hide_parameters=True)
