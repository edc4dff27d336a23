"""Files of one record kind -> a view of typed rows, each with its problems; the outcome and the rejected rows."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from csi_service.errors import FileRefusedError
from csi_service.facts.duck import literal, run_with_progress
from csi_service.ingest.coerce import Typed, Zones, doubt, refused, trimmed, typed
from csi_service.ingest.csv_files import find_lines, line_at
from csi_service.facts.kinds import Field, Kind
from csi_service.ingest.mapping import Column, Condition, Mapping
from csi_service.ingest.outcome import Outcome, Reject
from csi_service.ingest.sources import Source, open_source

Columns = MappingType[str, Column]
_STRUCTURE_REASONS = {
    "MISSING COLUMNS": "has too few fields for the header",
    "TOO MANY COLUMNS": "has more fields than the header",
    "UNQUOTED VALUE": "has a quotation mark that is not closed",
    "LINE SIZE OVER MAXIMUM": "is longer than 16 MiB",
    "INVALID ENCODING": "holds bytes that are not text in the file's encoding",
}


@dataclass(slots=True)
class Records:
    """The rows of one kind in the engine.

    `rows` is a view over the files: the kind's fields, `day` (the local day it is
    counted on), `source` (the number of the file), `good`, and `problems` (what is
    wrong with a row; ask for it only where a row is not good); beside each field its text as it came, `r_field`.
    `reads` tells how each field that the files have a column for is read.
    """

    kind: Kind
    rows: str
    reads: dict[str, Typed]
    sources: list[Source]
    outcome: Outcome

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the files have a column for."""
        return frozenset(self.reads)

    def values(self, names: Iterable[str]) -> dict[str, str]:
        """Return SQL of the value of each field, over its text."""
        return {name: self.reads[name].value for name in names}

    def refused(self, names: Iterable[str]) -> dict[str, str]:
        """Return SQL that is true where a field's text is refused, over its value and its text."""
        fields = {item.name: item for item in self.kind.fields}
        return {name: fault(fields[name], self.reads[name]) for name in names}

    def doubts(self, names: Iterable[str]) -> str:
        """Return SQL of an aggregate that is 0 where no row is refused for any of the fields; else `good` tells."""
        nul = any(source.csv is None or source.csv.may_hold_nul() for source in self.sources)
        fields = {item.name: item for item in self.kind.fields}
        return " + ".join(
            doubt(fields[name].type, self.reads[name], name, f"r_{name}", required=fields[name].required, nul=nul)
            for name in names
        )


@dataclass(slots=True)
class Importer:
    """Where files are read: the engine, its temporary folder, the mapping, the time zones, and the files opened so far."""

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


def open_records(importer: Importer, kind: Kind, paths: Sequence[Path]) -> Records:
    """Return the rows of a kind over its files, unread as yet.

    Raises:
        FileRefusedError: a file that cannot be read, lacks a required column or has one twice; files with different fields.
    """
    mapping = importer.mapping
    columns = mapping.of(kind).columns
    wanted = [name for column in columns.values() for name in column.sources]
    sources, selects, fields = [], [], frozenset[str]()
    for number, path in enumerate(paths):
        source = importer.open(path, wanted)
        present = _present(source, kind, columns, mapping)
        if number and present != fields:
            odd = ", ".join(sorted(present ^ fields))
            raise FileRefusedError(
                f"{path.name}: its columns differ from those of {paths[0].name} in {odd}; read them in separate runs"
            )
        fields = present
        sources.append(source)
        selects.append(_select(source, number, kind, mapping, importer.zones, fields))
    view = f"{kind.name}_rows"
    importer.connection.execute(f"CREATE TEMP VIEW {view} AS {' UNION ALL '.join(selects)}")
    used = {name for column in columns.values() for name in column.sources}
    ignored = dict.fromkeys(name for source in sources for name in source.header if name and name not in used)
    outcome = Outcome(
        kind.name, [source.name for source in sources], ignored_columns=list(ignored), header=sources[0].header
    )
    reads = _reads(kind, fields, mapping, importer.zones)
    return Records(kind, view, reads, sources, outcome)


def _reads(kind: Kind, fields: frozenset[str], mapping: Mapping, zones: Zones) -> dict[str, Typed]:
    """How each field that the files have is read from its cell `r_field` by way of its first step `b_field`."""
    columns = mapping.of(kind).columns
    present = [item for item in kind.fields if item.name in fields]
    return {
        item.name: typed(item.type, f"r_{item.name}", f"b_{item.name}", columns[item.name], zones, mapping.decimal)
        for item in present
    }


def _present(source: Source, kind: Kind, columns: Columns, mapping: Mapping) -> frozenset[str]:
    """The fields that the source has columns for; refuses a missing required one and one that stands twice."""
    missing, twice, present = [], [], set()
    for field in kind.fields:
        column = columns.get(field.name)
        if column is None:
            continue
        absent = [name for name in column.sources if name not in source.header]
        twice += [name for name in column.sources if source.header.count(name) > 1]
        if not absent:
            present.add(field.name)
        elif field.required or mapping.of(kind).taken_from or kind.name in mapping.kinds:
            missing += absent
    if twice:
        raise FileRefusedError(
            f"{source.name}: the header has the column {', '.join(dict.fromkeys(twice))} more than once"
        )
    if missing:
        found = ", ".join(source.header[:12]) + (" ..." if len(source.header) > 12 else "")
        hint = (
            "is this the header line, and the delimiter right?"
            if len(source.header) > 1
            else "is the delimiter right? set it in the mapping"
        )
        text = f"{source.name}: has no column {', '.join(dict.fromkeys(missing))} for {kind.name}; its header reads: {found} - {hint}"
        raise FileRefusedError(f"{text} A mapping file can name other columns (csi mapping suggest {source.name}).")
    return frozenset(present)


def _select(source: Source, number: int, kind: Kind, mapping: Mapping, zones: Zones, fields: frozenset[str]) -> str:
    """SQL of a source's typed rows, from inside out: the cells, a first step of each, the values, the judgement."""
    columns = mapping.of(kind).columns
    present = [item for item in kind.fields if item.name in fields]
    cells = {item.name: f"r_{item.name}" for item in present}
    reads = _reads(kind, fields, mapping, zones)
    raws = [f"{_cell(source, columns[item.name], mapping.blanks)} AS {cells[item.name]}" for item in present]
    bases = [f"{reads[item.name].base} AS b_{item.name}" for item in present]
    values = [f"{reads[item.name].value} AS {item.name}" for item in present]
    values += [
        f"CAST(NULL AS {_SQL_TYPES.get(item.type, 'VARCHAR')}) AS {item.name}"
        for item in kind.fields
        if item.name not in fields
    ]
    checks = [_check(item, columns[item.name], reads[item.name]) for item in present]
    checks += [
        (f"coalesce({rule.broken}, false)", _problem(rule.field, columns, cells.get(rule.field, "NULL"), rule.reason))
        for rule in kind.rules
    ]
    bad = " OR ".join(f"({broken})" for broken, _ in checks)
    listed = ", ".join(f"CASE WHEN {broken} THEN {problem} END" for broken, problem in checks)
    where = " AND ".join(_condition(source, condition) for condition in mapping.of(kind).rows) or "true"
    originals = ", ".join(f"c{index}" for index in range(len(source.header)))
    names = ", ".join(item.name for item in kind.fields if item.name != "day")
    bases_and_cells = [name for item in present for name in (f"b_{item.name}", cells[item.name])]
    return (
        f"SELECT {names}, {_day(kind, reads)} AS day, {', '.join(bases_and_cells)}, {number} AS source, line, [{originals}] AS original, "
        f"NOT ({bad}) AS good, list_filter([{listed}], lambda p: p IS NOT NULL) AS problems "
        f"FROM (SELECT *, {', '.join(values)} FROM (SELECT *, {', '.join(bases)} "
        f"FROM (SELECT line, {originals}, {', '.join(raws)} FROM {source.relation} AS source_rows WHERE {where})))"
    )


def _day(kind: Kind, reads: dict[str, Typed]) -> str:
    how = reads.get(kind.counted_on or "")
    return how.day if how is not None else "CAST(NULL AS DATE)"


_SQL_TYPES = {
    "instant": "TIMESTAMP", "instants": "TIMESTAMP[]", "flag": "BOOLEAN", "seconds": "DOUBLE", "number": "DOUBLE", "count": "DOUBLE",
    "day": "DATE", "level": "TINYINT",
}  # fmt: skip


def _cell(source: Source, column: Column, blanks: Sequence[str]) -> str:
    """SQL of the text that a field is read from; a plain column is left as it came."""
    if column.constant is not None:
        return literal(column.constant)
    cell = source.column(column.column or "") or "NULL"
    if column.time:
        cell = f"({trimmed(cell)} || ' ' || {trimmed(source.column(column.time) or 'NULL')})"
    if blanks:
        cell = f"CASE WHEN trim({cell}) NOT IN ({', '.join(map(literal, blanks))}) THEN {cell} END"
    if column.values:
        cases = " ".join(f"WHEN {literal(text)} THEN {literal(value)}" for text, value in column.values.items())
        cell = f"CASE trim({cell}) {cases} ELSE {cell} END"
    return cell if column.blank is None else f"coalesce({trimmed(cell)}, {literal(column.blank)})"


def _condition(source: Source, condition: Condition) -> str:
    name = source.column(condition.column)
    if name is None:
        raise FileRefusedError(f"{source.name}: has no column {condition.column}, by which the mapping chooses rows")
    text = f"coalesce(trim({name}), '')"
    if condition.blank is not None:
        return f"{text} {'=' if condition.blank else '<>'} ''"
    return f"{text} IN ({', '.join(map(literal, condition.texts))})"


def fault(item: Field, how: Typed) -> str:
    """Return SQL that is true where a field's text is refused or a required field is blank."""
    refusal = refused(item.type, how, item.name, f"r_{item.name}")
    return f"({item.name} IS NULL OR {refusal})" if item.required else f"({refusal})"


def _check(item: Field, column: Column, how: Typed) -> tuple[str, str]:
    """SQL that is true where a field's cell is at fault, and SQL of the problem."""
    cell, where = f"r_{item.name}", {item.name: column}
    problem = _problem(item.name, where, cell, how.reason)
    if not item.required:
        return fault(item, how), problem
    blank = _problem(item.name, where, "''", "is blank; every row needs it")
    return fault(item, how), f"CASE WHEN {trimmed(cell)} IS NULL THEN {blank} ELSE {problem} END"


def _problem(field: str, columns: Columns, value: str, reason: str) -> str:
    column = columns.get(field)
    name = " + ".join(column.sources) if column is not None and column.sources else field
    return f"{{'column': {literal(name)}, 'value': coalesce({value}, ''), 'reason': {literal(reason)}}}"


def stage(
    connection: duckdb.DuckDBPyConnection, records: Records, progress: Callable[[float], None] | None = None
) -> None:
    """Load the good rows into a temporary table named after the kind, and keep the rejects; for kinds of modest size."""
    run_with_progress(connection, _load_query(records, "good"), progress)
    table = records.kind.name
    collect_structure_rejects(connection, records)
    if connection.execute(f"DELETE FROM {table} WHERE NOT good").fetchall()[0][0]:
        collect_rejects(connection, records)
    _drop_repeats(connection, records)


def load_good(connection: duckdb.DuckDBPyConnection, records: Records) -> None:
    """Load the good rows into a temporary table named after the kind; the rejects are known already."""
    connection.execute(f"{_load_query(records, 'good')} WHERE good")
    _drop_repeats(connection, records)


def _load_query(records: Records, added: str) -> str:
    names = ", ".join(dict.fromkeys(["day", *(field.name for field in records.kind.fields)]))
    return f"CREATE TEMP TABLE {records.kind.name} AS SELECT {names}, {added} FROM {records.rows}"


def _drop_repeats(connection: duckdb.DuckDBPyConnection, records: Records) -> None:
    """Keep the last row of each identity in the kind's table; count those that stay and those that were repeated."""
    table, identity = (
        records.kind.name,
        ", ".join(f"coalesce(CAST({name} AS VARCHAR), '')" for name in records.kind.identity),
    )
    last = f"SELECT max(rowid) FROM {table} GROUP BY {identity}"
    records.outcome.repeated = connection.execute(f"DELETE FROM {table} WHERE rowid NOT IN ({last})").fetchall()[0][0]
    records.outcome.loaded = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


def collect_rejects(connection: duckdb.DuckDBPyConnection, records: Records) -> None:
    """Read the rows with problems once more and keep them, with the line each stands on."""
    found = connection.execute(
        f"SELECT source, line, original, problems FROM {records.rows} WHERE NOT good ORDER BY source"
    ).fetchall()
    for number, source in enumerate(records.sources):
        rows = [row for row in found if row[0] == number]
        lines = find_lines(source.csv, [row[2] for row in rows]) if source.csv else [row[1] for row in rows]
        for (_, _, original, problems), line in zip(rows, lines, strict=True):
            columns, values, reasons = (
                tuple(problem[key] for problem in problems) for key in ("column", "value", "reason")
            )
            records.outcome.rejects.append(Reject(source.name, line, columns, values, reasons, tuple(original)))
    records.outcome.rejected += len(found)


def collect_structure_rejects(connection: duckdb.DuckDBPyConnection, records: Records) -> None:
    """Keep the lines that the CSV reader could not take apart; call it right after the first reading of the rows."""
    files = {str(source.csv.path): source for source in records.sources if source.csv}
    if not files:
        return
    found = connection.execute(
        "SELECT DISTINCT file_path, line_byte_position, error_type, csv_line FROM reject_errors "
        "JOIN reject_scans USING (scan_id, file_id) ORDER BY ALL"
    ).fetchall()
    seen: set[tuple[str, int]] = set()
    counted = (0, 1)
    for path, byte, error, text in found:
        if path not in files or (path, byte) in seen:
            continue
        counted = line_at(files[path].csv, byte, counted if seen and max(seen)[0] == path else (0, 1))
        seen.add((path, byte))
        reason = _STRUCTURE_REASONS.get(error, error.lower())
        line = (text or "").strip("\r\n")
        records.outcome.rejects.append(Reject(files[path].name, counted[1], ("",), (line[:1000],), (reason,), ()))
    records.outcome.rejected += len(seen)
