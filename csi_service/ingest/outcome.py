"""What became of the rows of a file: how many counted, which were rejected and why, which columns were ignored."""

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from csi_service.core.told import Told

SPREADSHEET_TRIGGERS = ("=", "+", "-", "@", "\t", "\r")
ADDED_COLUMNS = ("kind", "file", "line", "column", "value", "reason")
# SQL of a cell of a file of rejects as it was before `safe_cell`.
ORIGINAL_TEXT = r"CASE WHEN regexp_matches({cell}, '^''[=+\-@\t\r]') THEN substr({cell}, 2) ELSE {cell} END"


@dataclass(frozen=True, slots=True)
class Reject:
    """One rejected row: its file and line, the columns at fault with their texts and reasons, and its cells by column.

    `lines` is how many lines of the file it takes with it: more than one where a quotation mark was not closed.
    """

    file: str
    line: int | None
    columns: tuple[str, ...]
    values: tuple[str, ...]
    reasons: tuple[str, ...]
    row: Mapping[str, str | None]
    lines: int = 1


@dataclass(slots=True)
class Outcome:
    """The sum of an import of one record kind; of very many rejects only the first are kept, all are counted.

    `notes` tell what of the files was left out as a whole.
    """

    kind: str
    files: list[str] = field(default_factory=list)
    loaded: int = 0
    repeated: int = 0
    rejected: int = 0
    ignored_columns: list[str] = field(default_factory=list)
    header: tuple[str, ...] = ()
    rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def reasons(self) -> list[tuple[str, int]]:
        """Return the reasons of the kept rejects with their number, the most frequent first."""
        pairs = (
            Told("{column} {reason}", column=column, reason=reason) if column else reason
            for reject in self.rejects
            for column, reason in zip(reject.columns, reject.reasons, strict=True)
        )
        return Counter(pairs).most_common()


def safe_cell(text: str | None) -> str | None:
    """Return a text that a spreadsheet will not run as a formula."""
    return "'" + text if text and text.startswith(SPREADSHEET_TRIGGERS) else text


def write_rejects(path: Path, outcomes: Sequence[Outcome], tell: Callable[[str], str]) -> None:
    """Write the rejected rows as CSV: kind, file, line, column, value and reason, then the row's own columns.

    `tell` gives a reason in the reader's language. A file with rejects of one kind loads again once mended, with the
    mapping that its rows were read with.
    """
    columns = list(dict.fromkeys(name for outcome in outcomes for name in outcome.header if name and outcome.rejects))
    added = [f"reject_{name}" if name in columns else name for name in ADDED_COLUMNS]
    with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*added, *columns])
        for outcome in outcomes:
            writer.writerows(_row(outcome, reject, columns, tell) for reject in outcome.rejects)


def _row(outcome: Outcome, reject: Reject, columns: Sequence[str], tell: Callable[[str], str]) -> list[object]:
    found = ["; ".join(parts) for parts in (reject.columns, reject.values, map(tell, reject.reasons))]
    return [
        outcome.kind,
        safe_cell(reject.file),
        reject.line,
        *map(safe_cell, found),
        *(safe_cell(reject.row.get(name)) for name in columns),
    ]
