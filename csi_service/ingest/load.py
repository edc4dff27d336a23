"""Files of record kinds, opened -> a view of typed rows each; loaded -> a table of the good ones."""

import shlex
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.facts.duck import run_with_progress
from csi_service.facts.kinds import KINDS, Kind
from csi_service.ingest.coerce import Zones
from csi_service.ingest.mapping import Mapping
from csi_service.ingest.outcome import Outcome
from csi_service.ingest.rejects import collect_rejects, collect_structure_rejects
from csi_service.ingest.rows import Columns, Records, reads_of, select_ready, select_rows
from csi_service.ingest.sources import Source, listed, open_source


@dataclass(slots=True)
class Importer:
    """Where files are read: the engine, its temporary folder, the mapping, the time zones, the files opened so far."""

    connection: duckdb.DuckDBPyConnection
    folder: Path
    mapping: Mapping
    zones: Zones
    opened: dict[Path, Source] = field(default_factory=dict)

    def open(self, path: Path, wanted: Sequence[str]) -> Source:
        """Return a file as a source; one that serves several kinds is opened once."""
        if path not in self.opened:
            table = f"source_{len(self.opened)}"
            self.opened[path] = open_source(self.connection, path, self.folder, self.mapping, wanted, table)
        return self.opened[path]


def open_all(importer: Importer, files: MappingType[str, Sequence[Path]]) -> dict[str, Records]:
    """Return the rows of each kind over its files, unread as yet.

    Raises:
        FileRefusedError: a file cannot be read, lacks a required column or has one twice; files with other fields.
    """
    used: dict[Path, list[str]] = {}  # by all kinds that read the file
    for kind, paths in files.items():
        for path in paths:
            used.setdefault(path, []).extend(_used_columns(importer.mapping, KINDS[kind]))
    opened: dict[str, Records] = {}
    claimed: set[Path] = set()
    for kind in (name for name in KINDS if name in files):
        opened[kind] = _open_records(importer, KINDS[kind], files[kind], used, claimed)
        claimed.update(files[kind])
    return opened


def _used_columns(mapping: Mapping, kind: Kind) -> list[str]:
    described = mapping.of(kind)
    fields = [name for column in described.columns.values() for name in column.sources]
    return fields + [condition.column for condition in described.rows]


def _open_records(
    importer: Importer, kind: Kind, paths: Sequence[Path], used: MappingType[Path, Iterable[str]], claimed: set[Path]
) -> Records:
    mapping = importer.mapping
    sources: list[Source] = []
    fields = frozenset[str]()
    for path in dict.fromkeys(paths):
        source = importer.open(path, list(used[path]))
        present = _present(source, kind, mapping.of(kind).columns, mapping)
        if sources and present != fields:
            odd = ", ".join(sorted(present ^ fields))
            raise FileRefusedError(
                Told(
                    "{file}: its columns differ from those of {first} in {odd}; read them in separate runs",
                    file=path.name,
                    first=paths[0].name,
                    odd=odd,
                )
            )
        fields = present
        sources.append(source)
    reads = reads_of(kind, fields, mapping, importer.zones)
    selects = [select_rows(source, number, kind, mapping, reads) for number, source in enumerate(sources)]
    view = f"{kind.name}_rows"
    importer.connection.execute(f"CREATE TEMP VIEW {view} AS {' UNION ALL '.join(selects)}")
    header = tuple(dict.fromkeys(name for source in sources for name in source.header))
    ignored = dict.fromkeys(
        name for source in sources for name in source.header if name and name not in set(used[source.path])
    )
    answers_for = [source for source in sources if source.path not in claimed]
    outcome = Outcome(
        kind.name,
        [source.name for source in sources],
        ignored_columns=list(ignored),
        header=header,
        notes=[note for source in answers_for if (note := source.unread)],
    )
    return Records(kind, view, reads, sources, answers_for, outcome)


def ready_records(importer: Importer, records: Records) -> Records | None:
    """Return the rows with what values the CSV reader itself can make, which is quicker; None where it can make none.

    Reading them fails where a line or a cell is at fault or written in another way; the rows of text tell which.
    """
    selects: list[str] = []
    reads = records.reads
    for number, source in enumerate(records.sources):
        found = select_ready(source, number, records.kind, importer.mapping, importer.zones, records.reads)
        if found is None:
            return None
        select, reads = found
        selects.append(select)
    view = f"{records.kind.name}_ready"
    importer.connection.execute(f"CREATE TEMP VIEW {view} AS {' UNION ALL '.join(selects)}")
    own = frozenset(name for name, how in reads.items() if how != records.reads[name])
    return replace(records, rows=view, reads=reads, ready=own)


def _present(source: Source, kind: Kind, columns: Columns, mapping: Mapping) -> frozenset[str]:
    """The fields that the source has columns for; refuses a missing required one and one that cannot be used."""
    missing: list[str] = []
    present: list[str] = []
    for item in kind.fields:
        column = columns.get(item.name)
        if column is None:
            continue
        absent = [name for name in column.sources if name not in source.header]
        if not absent:
            present.append(item.name)
        elif item.required or kind.name in mapping.kinds:
            missing += absent
    names = [name for field_name in present for name in columns[field_name].sources]
    if missing:
        raise FileRefusedError(_missing_text(source, kind, missing))
    if twice := dict.fromkeys(name for name in names if source.header.count(name) > 1):
        raise FileRefusedError(
            Told("{file}: the header has the column {names} more than once", file=source.name, names=", ".join(twice))
        )
    if nested := dict.fromkeys(name for name in names if name in source.nested):
        text = Told(
            "{file}: the column {names} holds lists or structures; "
            "a column of numbers, texts, dates or times is needed",
            file=source.name,
            names=", ".join(nested),
        )
        raise FileRefusedError(text)
    return frozenset(present)


def _missing_text(source: Source, kind: Kind, missing: Sequence[str]) -> str:
    found = listed([name for name in source.header if name])
    if source.others:
        hint = Told(
            "The sheet {sheet!r} was read, not {others}. A mapping can set sheet and header_row",
            sheet=source.sheet,
            others=listed(source.others),
        )
    elif source.csv is None:
        hint = Told("Is this the right sheet and header row? A mapping can set sheet and header_row")
    elif len(source.header) > 1:
        hint = Told("Is this the header line? A mapping can set header_row, encoding and delimiter")
    else:
        hint = Told("Is the delimiter another than comma, semicolon, tab or |? A mapping can set it")
    return Told(
        "{file}: has no column {missing} for {kind}; its header reads: {found}. "
        "{hint}, and name other columns (csi mapping suggest {quoted}).",
        file=source.name,
        quoted=shlex.quote(source.name),
        missing=", ".join(dict.fromkeys(missing)),
        kind=kind.name,
        found=found,
        hint=hint,
    )


def stage(
    connection: duckdb.DuckDBPyConnection, records: Records, progress: Callable[[float], None] | None = None
) -> None:
    """Load the good rows into a temporary table named after the kind, keep the rejects; for kinds of modest size."""
    run_with_progress(connection, _load_query(records, "good"), progress)
    table = records.kind.name
    collect_structure_rejects(connection, records)
    if connection.execute(f"DELETE FROM {table} WHERE NOT good").fetchall()[0][0]:
        collect_rejects(connection, records)
    _drop_repeats(connection, records)


def load_good(
    connection: duckdb.DuckDBPyConnection, records: Records, progress: Callable[[float], None] | None = None
) -> None:
    """Load the good rows into a temporary table named after the kind; the rejects are known already."""
    run_with_progress(connection, f"{_load_query(records, 'good')} WHERE good", progress)
    _drop_repeats(connection, records)


def _load_query(records: Records, added: str) -> str:
    names = ", ".join(dict.fromkeys(["day", *(item.name for item in records.kind.fields)]))
    return f"CREATE TEMP TABLE {records.kind.name} AS SELECT {names}, {added} FROM {records.rows}"


def _drop_repeats(connection: duckdb.DuckDBPyConnection, records: Records) -> None:
    """Keep the last row of each identity in the kind's table; count those that stay and those that were repeated."""
    table = records.kind.name
    identity = ", ".join(f"coalesce(CAST({name} AS VARCHAR), '')" for name in records.kind.identity)
    last = f"SELECT max(rowid) FROM {table} GROUP BY {identity}"
    records.outcome.repeated = connection.execute(f"DELETE FROM {table} WHERE rowid NOT IN ({last})").fetchall()[0][0]
    records.outcome.loaded = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
