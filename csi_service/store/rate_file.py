"""Ratings from a file, by the same rules as those that are sent one by one."""

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from csi_service.access import Caller
from csi_service.core.told import Told
from csi_service.errors import FileRefusedError, InvalidInputError
from csi_service.facts.duck import workspace
from csi_service.facts.kinds import Field, Kind
from csi_service.ingest.coerce import Zones
from csi_service.ingest.csv_files import find_lines
from csi_service.ingest.mapping import Mapping
from csi_service.ingest.rows import reads_of, select_rows
from csi_service.ingest.sources import Source, listed, open_source
from csi_service.records.database import chunks
from csi_service.schema.evaluations import RATING
from csi_service.schema.records import MOST_RECORDS, STATUSES, read_records
from csi_service.store.answers import Answer
from csi_service.store.drafts import EVALUATIONS, draft_rating
from csi_service.store.folder import Store
from csi_service.store.judging import judge
from csi_service.store.sending import Sending

COLUMNS = ("call_id", "rating", "batch", "rater", "rated_at", "comment")
_REQUIRED = COLUMNS[:2]
# Only times are read here, as an import reads them; the texts are judged like those that are sent.
_ROWS = Kind(
    "ratings", (), None, tuple(Field(name, "instant" if name == "rated_at" else "comment") for name in COLUMNS)
)


@dataclass(slots=True)
class RatedFile:
    """What became of the rows of a file: how many of each status, how many of calls not kept as yet, what is wrong.

    `refused` has for each fault the line of the file (None where it is not known), the column and the message.
    `unread` is what to tell of a workbook's other sheets.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*STATUSES, "unmatched"), 0))
    refused: list[tuple[int | None, str, str]] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of a row that are not blank, its line, and why its time is refused ("" where it is not)."""

    cells: dict[str, str]
    line: int | None
    not_a_time: str


def rate_file(store: Store, path: Path, caller: Caller, rater: str, unknown_calls: str, now: dt.datetime) -> RatedFile:
    """Put the ratings of a CSV, XLSX or Parquet file into the store; rows that name no rater are `rater`'s.

    Times without an offset are local times of the centre, read as an import reads them.

    Raises:
        FileRefusedError: the file cannot be read as a whole, or lacks a column.
    """
    rated = RatedFile()
    rows = _read(path, store.time_zone, rated)
    sending = Sending(store)
    for some in chunks(rows, MOST_RECORDS):
        body = [{"rater": rater} | row.cells for row in some]
        judging = judge(
            store, [draft_rating(item, now) for item in read_records(RATING, body)], "r", unknown_calls, caller
        )
        results: list[dict[str, Any]] = []
        tell = functools.partial(_note, results)
        try:
            sending.send(EVALUATIONS, judging.items, caller, now, tell, gate=judging)
        except InvalidInputError as error:  # none of them can be kept
            rated.counts["rejected"] += len(some)
            faults = [(problem.where, problem.message) for problem in error.problems]
        else:
            faults = [(each["pointer"], each["message"]) for result in results for each in result.get("errors", ())]
        for result in results:
            rated.counts[result["status"]] += 1
        rated.counts["unmatched"] += len(judging.unmatched)
        rated.refused += _placed(some, faults)
    return rated


def _note(noted: list[dict[str, Any]], results: list[dict[str, Any]]) -> Answer:
    noted += results
    return Answer(200, "")


def _placed(rows: Sequence[_Row], faults: Sequence[tuple[str, str]]) -> Iterator[tuple[int | None, str, str]]:
    """Faults with the line and the column in place of the pointer into a part of the file."""
    for pointer, message in faults:
        _, number, *column = pointer.split("/")
        row = rows[int(number)]
        if column == ["rated_at"] and row.not_a_time:
            message = row.not_a_time
        yield row.line, "".join(column), message


def _read(path: Path, zone: str, rated: RatedFile) -> list[_Row]:
    """The rows of a file; what is not read of it is noted."""
    with workspace(opens=[path]) as (duck, folder):
        source = open_source(duck, path, folder, Mapping(), COLUMNS, "rating_rows")
        if missing := [name for name in _REQUIRED if name not in source.header]:
            header = ", ".join(name for name in source.header if name)
            text = Told(
                "{file}: has no column {missing}; columns are {columns}, its header reads: {listed}",
                file=path.name,
                missing=", ".join(missing),
                columns=", ".join(COLUMNS),
                listed=header,
            )
            raise FileRefusedError(text)
        rows = list(_rows(duck, source, zone))
        if (
            source.csv is not None
            and (odd := duck.execute("SELECT min(line) FROM reject_errors").fetchone())
            and odd[0]
        ):
            raise FileRefusedError(
                Told("{file}: line {line} cannot be taken apart into its columns; mend it", file=path.name, line=odd[0])
            )
    if not rows:
        raise FileRefusedError(Told("{file}: holds no row below its header", file=path.name))
    rated.ignored = tuple(name for name in source.header if name and name not in COLUMNS)
    if source.others:
        rated.unread = Told(
            "{file}: the sheet {sheet!r} was read, not {others}; put the ratings into the first one",
            file=path.name,
            sheet=source.sheet,
            others=listed(source.others),
        )
    return rows


def _rows(duck: duckdb.DuckDBPyConnection, source: Source, zone: str) -> Iterator[_Row]:
    names = [name for name in COLUMNS if name in source.header]
    reads = reads_of(_ROWS, frozenset(names), Mapping(), Zones(zone, zone))
    cells = ", ".join(f"r_{name}" for name in names)
    typed = select_rows(source, 0, _ROWS, Mapping(), reads)
    found = duck.execute(f"SELECT line, original, rated_at, problems, {cells} FROM ({typed})").fetchall()
    lines = [row[0] for row in found] if source.csv is None else find_lines(source.csv, [row[1] for row in found])
    told = {str(reason): reason for how in reads.values() for reason in how.reasons}
    for (_, _, at, problems, *texts), line in zip(found, lines, strict=True):
        row = {name: text.strip() for name, text in zip(names, texts, strict=True) if text and text.strip()}
        wrong = [told[each["reason"]] for each in problems if each["column"] == "rated_at"]
        if at is not None and not wrong:
            row["rated_at"] = f"{at.isoformat()}Z"
        yield _Row(row, line, "".join(wrong[:1]))
