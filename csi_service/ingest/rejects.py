"""Rejected rows: why each was rejected, and the line on which it stands."""

import csv
from collections.abc import Callable, Sequence

import duckdb

from csi_service.core.told import Told
from csi_service.facts.duck import literal, watched
from csi_service.ingest.csv_files import find_lines, lines_at
from csi_service.ingest.outcome import Outcome, Reject
from csi_service.ingest.rows import Records
from csi_service.ingest.sources import Source

MOST_KEPT = 100_000  # rejects of a kind; more are counted only
_BLOCK = 10_000
_SHOWN = 1000  # characters of a line that could not be taken apart
_REASONS = {
    "MISSING COLUMNS": Told("has too few fields for the header"),
    "TOO MANY COLUMNS": Told("has more fields than the header"),
    "UNQUOTED VALUE": Told("has a quotation mark that is not closed where it should be"),
    "LINE SIZE OVER MAXIMUM": Told("is longer than 16 MiB"),
    "INVALID ENCODING": Told("holds bytes that are not text in the file's encoding; a mapping can set the encoding"),
}
_APART = ("MISSING COLUMNS", "TOO MANY COLUMNS")  # lines of which the fields are known, only not their columns


def collect_rejects(
    connection: duckdb.DuckDBPyConnection, records: Records, progress: Callable[[float], None] | None = None
) -> None:
    """Read the rows with problems once more and keep them, with the line each stands on."""
    found: list[tuple[int, int | None, list[str | None], list[dict[str, str]]]] = []
    with watched(connection, progress):
        result = connection.execute(f"SELECT source, line, original, problems FROM {records.rows} WHERE NOT good")
        while block := result.fetchmany(_BLOCK):
            records.outcome.rejected += len(block)
            found += block[: MOST_KEPT - len(found)]
    told = records.reasons()
    for number, source in enumerate(records.sources):
        rows = [row for row in found if row[0] == number]
        lines = find_lines(source.csv, [row[2] for row in rows]) if rows and source.csv else [row[1] for row in rows]
        for (_, _, original, problems), line in zip(rows, lines, strict=True):
            columns, values = (tuple(problem[key] for problem in problems) for key in ("column", "value"))
            reasons = tuple(told[problem["reason"]] for problem in problems)
            cells = dict(zip(source.header, original, strict=True))
            records.outcome.rejects.append(Reject(source.name, line, columns, values, reasons, cells))
    _sort(records.outcome)


def collect_structure_rejects(connection: duckdb.DuckDBPyConnection, records: Records) -> None:
    """Keep the lines that the CSV reader could not take apart; call it after the first reading of the rows."""
    for source in records.answers_for:
        if source.csv is None:
            continue
        found = connection.execute(
            "SELECT line_byte_position, min(error_type), any_value(csv_line) FROM reject_errors JOIN reject_scans "
            f"USING (scan_id, file_id) WHERE file_path = {literal(str(source.csv.path))} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        lines = lines_at(source.csv, [byte for byte, _, _ in found]) if found else []
        for (_, error, text), line in zip(found, lines, strict=True):
            reject = _structure_reject(source, line, error, (text or "").strip("\r\n"))
            records.outcome.rejected += reject.lines
            if len(records.outcome.rejects) < MOST_KEPT:
                records.outcome.rejects.append(reject)
    _sort(records.outcome)


def _structure_reject(source: Source, line: int, error: str, text: str) -> Reject:
    lines = text.count("\n") + 1
    reason = _REASONS.get(error, error.lower())
    if error not in _APART and lines > 1:
        reason = Told("{reason}; it takes {count} lines with it", reason=reason, count=lines)
    cells: Sequence[str] = ()
    if error in _APART and source.csv is not None:
        lines = 1
        cells = next(csv.reader([text], delimiter=source.csv.delimiter), [])
    row = dict(zip(source.header, cells, strict=False))
    return Reject(source.name, line, ("",), (text[:_SHOWN],), (reason,), row, lines)


def _sort(outcome: Outcome) -> None:
    """Put the rejects into the order of the files and their lines."""
    order = {name: place for place, name in enumerate(outcome.files)}
    outcome.rejects.sort(key=lambda reject: (order.get(reject.file, 0), reject.line or 0))
