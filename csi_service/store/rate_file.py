"""Ratings from a file, by the same rules as those that are sent one by one."""

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csi_service.access import Caller
from csi_service.core.told import Told
from csi_service.errors import FileRefusedError, InvalidInputError
from csi_service.facts.duck import workspace
from csi_service.ingest.mapping import Mapping
from csi_service.ingest.sources import open_source
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


@dataclass(slots=True)
class RatedFile:
    """What became of the rows of a file: how many of each status, how many of calls not kept as yet, what is wrong.

    `refused` has for each fault the row (1: the first one below the header), the column and the message.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*STATUSES, "unmatched"), 0))
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    ignored: tuple[str, ...] = ()


def rate_file(store: Store, path: Path, caller: Caller, rater: str, unknown_calls: str, now: dt.datetime) -> RatedFile:
    """Put the ratings of a CSV, XLSX or Parquet file into the store; rows that name no rater are `rater`'s.

    Raises:
        FileRefusedError: the file cannot be read as a whole, or lacks a column.
    """
    rated = RatedFile()
    rows, rated.ignored = _read(path)
    sending = Sending(store)
    for number, some in enumerate(chunks(rows, MOST_RECORDS)):
        body = [{"rater": rater} | row for row in some]
        judging = judge(
            store, [draft_rating(item, now) for item in read_records(RATING, body)], "r", unknown_calls, caller.name
        )
        results: list[dict[str, Any]] = []
        tell = functools.partial(_note, results)
        try:
            sending.send(EVALUATIONS, judging.items, caller, now, tell, screen=judging.screen, beside=judging.beside)
        except InvalidInputError as error:  # none of them can be kept
            rated.counts["rejected"] += len(some)
            faults = [(problem.where, problem.message) for problem in error.problems]
        else:
            faults = [(each["pointer"], each["message"]) for result in results for each in result.get("errors", ())]
        for result in results:
            rated.counts[result["status"]] += 1
        rated.counts["unmatched"] += len(judging.unmatched)
        rated.refused += _placed(number * MOST_RECORDS, faults)
    return rated


def _note(noted: list[dict[str, Any]], results: list[dict[str, Any]]) -> Answer:
    noted += results
    return Answer(200, "")


def _placed(start: int, faults: Sequence[tuple[str, str]]) -> Iterator[tuple[int, str, str]]:
    """Faults with the row and the column in place of the pointer into a part of the file."""
    for pointer, message in faults:
        _, row, *column = pointer.split("/")
        yield start + int(row) + 1, "".join(column), message


def _read(path: Path) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """The rows with their cells that are not blank, and the columns that are not used."""
    with workspace(opens=[path]) as (duck, folder):
        source = open_source(duck, path, folder, Mapping(), COLUMNS, "rating_rows")
        if missing := [name for name in _REQUIRED if name not in source.header]:
            listed = ", ".join(name for name in source.header if name)
            text = Told(
                "{file}: has no column {missing}; columns are {columns}, its header reads: {listed}",
                file=path.name,
                missing=", ".join(missing),
                columns=", ".join(COLUMNS),
                listed=listed,
            )
            raise FileRefusedError(text)
        names = [name for name in COLUMNS if name in source.header]
        columns = ", ".join(str(source.column(name)) for name in names)
        cells = duck.execute(f"SELECT {columns} FROM {source.relation}").fetchall()
        if (
            source.csv is not None
            and (odd := duck.execute("SELECT min(line) FROM reject_errors").fetchone())
            and odd[0]
        ):
            raise FileRefusedError(
                Told("{file}: line {line} cannot be taken apart into its columns; mend it", file=path.name, line=odd[0])
            )
    if not cells:
        raise FileRefusedError(Told("{file}: holds no row below its header", file=path.name))
    rows = [
        {name: cell.strip() for name, cell in zip(names, row, strict=True) if cell is not None and cell.strip()}
        for row in cells
    ]
    return rows, tuple(name for name in source.header if name and name not in COLUMNS)
