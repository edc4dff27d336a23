"""Record files for the tests, and what became of them once opened as the program opens them."""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd

from csi_service.core.weights import WeightSet
from csi_service.facts.duck import workspace
from csi_service.file_facts import FileFacts
from csi_service.ingest.coerce import Zones
from csi_service.ingest.load import Importer
from csi_service.ingest.mapping import Mapping as FileMapping
from csi_service.ingest.mapping import parse_mapping
from csi_service.ingest.outcome import Outcome
from csi_service.rollup.places import Scope
from tests.make import make_weights

Files = Mapping[str, Path | Sequence[Path]]


def csv_text(rows: Sequence[Sequence[object]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def make_csv(path: Path, rows: Sequence[Sequence[object]] | str, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    """Write rows (the header first), or a text as it is; gzipped where the name ends in .gz."""
    data = (rows if isinstance(rows, str) else csv_text(rows, delimiter)).encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def make_xlsx(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@contextmanager
def opened(
    files: Files, mapping: str = "", zone: str = "UTC", keys: Sequence[str] = (), centre: str | None = None
) -> Iterator[FileFacts]:
    """Yield files opened under a mapping text; `zone` is that of their local times and, unless given, the centre's."""
    described = parse_mapping(mapping, "mapping") if mapping else FileMapping()
    zones = Zones(described.time_zone or zone, centre or zone)
    lists = {kind: [paths] if isinstance(paths, Path) else list(paths) for kind, paths in files.items()}
    with workspace(opens=[path for paths in lists.values() for path in paths]) as (connection, folder):
        yield FileFacts(Importer(connection, folder, described, zones), lists, Scope(tuple(keys)))


def outcome_of(files: Files, mapping: str = "", zone: str = "UTC", weights: WeightSet | None = None) -> Outcome:
    """Return what became of the rows of the first kind."""
    with opened(files, mapping, zone) as facts:
        facts.measures(weights or make_weights())
        return facts.outcomes[0]


def measures_of(files: Files, mapping: str = "", weights: WeightSet | None = None, **how: Any) -> pd.DataFrame:
    """Return the measures by day and key."""
    with opened(files, mapping, **how) as facts:
        return facts.measures(weights or make_weights())


def totals_of(files: Files, mapping: str = "", weights: WeightSet | None = None, **how: Any) -> dict[str, float]:
    """Return the measures of all days and keys together."""
    frame = measures_of(files, mapping, weights, **how)
    return {name: float(frame[name].sum()) for name in frame.select_dtypes("number")}
