"""Statements made ready once, for what runs with every small write: SQLAlchemy writes them, the driver runs them.

SQLAlchemy takes about 0.1 ms for each statement that it runs, ten times as long as SQLite itself.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

Row = Mapping[str, Any]
_Values = dict[str, Any] | tuple[Any, ...]


class Prepared:
    """A statement's text for one kind of database, and how its values go in and its columns come out."""

    def __init__(self, statement: Any, dialect: sa.Dialect, names: Sequence[str] | None = None) -> None:
        """Write the statement; `names` are the columns that an INSERT fills."""
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)
        self.sql = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup
        self._binds = [(name, bind.value, _way_in(bind.type, dialect)) for name, bind in compiled.binds.items()]
        self._dialect, self._out = dialect, [(column.name, column.type) for column in statement.exported_columns]
        self._columns: list[tuple[str, Callable[[Any], Any] | None]] = []

    def values(self, row: Row) -> _Values:
        """Return a row's values as the driver takes them."""
        made = {}
        for name, usual, convert in self._binds:
            value = row.get(name, usual)
            made[name] = value if convert is None else convert(value)
        return made if self._order is None else tuple([made[name] for name in self._order])

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
    with _as_sqlalchemy_tells(connection, prepared):
        return prepared.read(_driver(connection).execute(prepared.sql, prepared.values(values)))


def run(connection: sa.Connection, statement: Any, rows: Sequence[Row]) -> None:
    """Run a statement (one that is kept, not made for this call) for each of some rows with the same keys."""
    prepared = _prepared(statement, connection.dialect.name, tuple(rows[0]))
    with _as_sqlalchemy_tells(connection, prepared):
        if len(rows) == 1:
            _driver(connection).execute(prepared.sql, prepared.values(rows[0]))
        else:
            _driver(connection).cursor().executemany(prepared.sql, [prepared.values(row) for row in rows])


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


@functools.cache
def _prepared(statement: Any, dialect: str, names: tuple[str, ...] | None) -> Prepared:
    url = sa.make_url("sqlite://" if dialect == "sqlite" else "postgresql+psycopg://")
    kind = url.get_dialect()
    return Prepared(statement, kind(), names)


def _way_in(type_: Any, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    way: Callable[[Any], Any] | None = type_.dialect_impl(dialect).bind_processor(dialect)
    return way


def _way_out(type_: Any, dialect: sa.Dialect, code: object) -> Callable[[Any], Any] | None:
    way: Callable[[Any], Any] | None = type_.dialect_impl(dialect).result_processor(dialect, code)
    return way


@contextlib.contextmanager
def _as_sqlalchemy_tells(connection: sa.Connection, prepared: Prepared) -> Iterator[None]:
    """Raise a driver's error as the one that SQLAlchemy makes of it, without the values."""
    driver_error = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except driver_error as error:
        raise sa.exc.DBAPIError.instance(prepared.sql, None, error, driver_error, hide_parameters=True) from error
