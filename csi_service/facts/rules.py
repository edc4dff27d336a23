"""The rules between the fields of a single record: the same SQL that an import runs over whole files.

SQLite, in memory, evaluates it here, once for the same values.
"""

import atexit
import datetime as dt
import functools
import re
import sqlite3
import threading
from collections.abc import Mapping
from typing import Any

from csi_service.facts.kinds import Kind, Rule

_lock = threading.Lock()


class Rules:
    """The rules of a kind, ready to be asked."""

    def __init__(self, kind: Kind) -> None:
        """Find the fields that the rules speak of and write the question."""
        self.rules = kind.rules
        words = set(re.findall(r"\w+", " ".join(rule.broken for rule in kind.rules)))
        self._fields = [field.name for field in kind.fields if field.name in words]
        columns = ", ".join(f"? AS {name}" for name in self._fields)
        query = f"SELECT {', '.join(rule.broken for rule in kind.rules)} FROM (SELECT {columns})"
        self._ask = functools.lru_cache(maxsize=1024)(functools.partial(_ask, query))

    def broken_by(self, record: Mapping[str, Any]) -> list[Rule]:
        """Return the rules that a record (every field; None where nothing is known) breaks."""
        if not self.rules:
            return []
        found = self._ask(*(_bound(record[name]) for name in self._fields))
        return [rule for rule, broken in zip(self.rules, found, strict=True) if broken]


def _ask(query: str, *values: Any) -> tuple[Any, ...]:
    with _lock:
        (found,) = _connection().execute(query, values).fetchall()
    return tuple(found)


@functools.cache
def _connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    atexit.register(connection.close)
    return connection


def _bound(value: Any) -> Any:
    """Instants as text of one length, which sorts as they do."""
    return value.isoformat(timespec="microseconds") if isinstance(value, dt.datetime) else value
