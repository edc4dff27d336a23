"""XLSX workbooks, read row by row with bounds, every cell as text."""

import datetime as dt
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError  # the exception only; nothing is parsed with it

import openpyxl
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.ingest.header import MAX_COLUMNS, header_of

MAX_UNPACKED_BYTES, MAX_RATIO = 1024**3, 200
MAX_BLANK_ROWS, HEADER_SEARCH_ROWS = 1000, 30
_BATCH_ROWS = 20_000
_BROKEN = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, ParseError, OSError, EOFError, RuntimeError, ValueError,
    LookupError, AttributeError, TypeError, NotImplementedError,
)  # fmt: skip  # what openpyxl and the modules under it raise over parts that are missing or damaged


class Sheet:
    """A sheet of a workbook: its header, and its rows after it as batches of texts with their row numbers.

    `others` are the visible sheets with cells that stand beside it, where nobody asked for this one.
    """

    def __init__(
        self, path: Path, wanted: Sequence[str], sheet: str | None, header_row: int | None, decimal: str = "."
    ) -> None:
        """Open the workbook and find the header: the given row, or the first that holds most of the wanted names.

        Raises:
            FileRefusedError: no workbook, too large when unpacked, no such sheet, an empty sheet.
        """
        self._path, self._decimal = path, decimal
        _refuse_bomb(path)
        with ExitStack() as opened:
            stream = opened.enter_context(path.open("rb"))
            with _refusing(path):
                self._book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            self._find_header(wanted, sheet, header_row)
            self.title: str = self._sheet.title
            self.others = tuple(self._others()) if sheet is None else ()
            self._opened = opened.pop_all()

    def _find_header(self, wanted: Sequence[str], sheet: str | None, header_row: int | None) -> None:
        names = [worksheet.title for worksheet in self._book.worksheets]
        if not names or (sheet is not None and sheet not in names):
            asked = f" {sheet!r}" if names else ""
            raise FileRefusedError(
                Told(
                    "{file}: has no sheet{asked} with cells; it has {names}",
                    file=self._path.name,
                    asked=asked,
                    names=", ".join(names) or Told("none"),
                )
            )
        self._sheet = self._book[sheet or names[0]]
        with _refusing(self._path):
            top = [
                header_of(cell or "" for cell in row)
                for _, row in islice(self._rows(MAX_COLUMNS + 1), header_row or HEADER_SEARCH_ROWS)
            ]
        if not any(any(row) for row in top) or (header_row is not None and len(top) < header_row):
            raise FileRefusedError(
                Told(
                    "{file}: sheet {sheet!r} is empty or ends before its header",
                    file=self._path.name,
                    sheet=self._sheet.title,
                )
            )
        best = max(range(len(top)), key=lambda index: (len(set(top[index]) & set(wanted)), any(top[index]), -index))
        self._header_at = header_row or best + 1
        self.header = top[self._header_at - 1]
        while self.header and not self.header[-1]:
            self.header = self.header[:-1]

    def _others(self) -> Iterator[str]:
        for worksheet in self._book.worksheets:
            if worksheet.title != self.title and worksheet.sheet_state == "visible" and _has_cells(worksheet):
                yield worksheet.title

    def _rows(self, width: int) -> Iterator[tuple[int, list[str | None]]]:
        blank = 0
        for number, row in enumerate(self._sheet.iter_rows(values_only=True, max_col=width), 1):
            cells = [_text(value, self._decimal) for value in row]
            blank = 0 if any(cells) else blank + 1
            if blank > MAX_BLANK_ROWS:
                return  # styled but empty rows down to the end of the sheet
            yield number, cells

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows after the header: column `line`, then one text column c0, c1, ... a header name.

        Raises:
            FileRefusedError: the sheet is damaged further down.
        """
        width = len(self.header)
        schema = pa.schema([("line", pa.int64()), *((f"c{index}", pa.string()) for index in range(width))])
        rows = (
            (number, *cells, *[None] * (width - len(cells)))
            for number, cells in self._rows(width)
            if number > self._header_at and any(cells)
        )
        while True:
            with _refusing(self._path):
                block = list(islice(rows, _BATCH_ROWS))
            if not block:
                return
            columns = zip(zip(*block, strict=True), schema.types, strict=True)
            yield pa.record_batch([pa.array(column, type=type_) for column, type_ in columns], schema=schema)

    def close(self) -> None:
        """Close the workbook."""
        self._book.close()
        self._opened.close()


def _has_cells(worksheet: Any) -> bool:
    try:
        rows = islice(worksheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1), MAX_BLANK_ROWS)
        return any(_text(cell, ".") for row in rows for cell in row)
    except _BROKEN:
        return True


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Refuse the workbook where the library fails over it; its warnings about styles are no concern here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _BROKEN as error:
        raise FileRefusedError(
            Told(
                "{file}: is not a readable XLSX workbook ({reason}); save it again as .xlsx or as CSV",
                file=path.name,
                reason=str(error),
            )
        ) from error


def _refuse_bomb(path: Path) -> None:
    with _refusing(path), zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * path.stat().st_size + 1024**2:
        size = f"{unpacked / 1024**2:,.0f} MiB"
        raise FileRefusedError(
            Told(
                "{file}: unpacks to {size}, more than a workbook of this size should; save it as CSV",
                file=path.name,
                size=size,
            )
        )


def _text(value: object, decimal: str) -> str | None:
    """Return a cell as the text that a CSV export of it would hold."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else repr(value).replace(".", decimal)
    if isinstance(value, dt.datetime):
        if value.time() == dt.time():
            return value.date().isoformat()
        return value.isoformat(" ", "microseconds" if value.microsecond else "seconds")
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(value.total_seconds(), 60)
        fraction = f"{seconds % 1:.3f}"[1:] if seconds % 1 else ""
        return f"{int(minutes // 60):02d}:{int(minutes % 60):02d}:{int(seconds):02d}{fraction}"
    return str(value).strip() or None
