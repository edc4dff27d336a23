"""XLSX workbooks, read row by row with bounds, every cell as text."""

import datetime as dt
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import openpyxl
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from csi_service.errors import FileRefusedError

MAX_UNPACKED_BYTES, MAX_RATIO = 1024**3, 200
MAX_COLUMNS, MAX_BLANK_ROWS, HEADER_SEARCH_ROWS = 512, 1000, 30
_BATCH_ROWS = 20_000


class Sheet:
    """A sheet of a workbook: its header, and its rows after it as batches of texts with their row numbers."""

    def __init__(self, path: Path, wanted: Sequence[str], sheet: str | None, header_row: int | None) -> None:
        """Open the workbook and find the header: the given row, or the first that holds most of the wanted names.

        Raises:
            FileRefusedError: no workbook, too large when unpacked, no such sheet, an empty sheet.
        """
        _refuse_bomb(path)
        try:
            self._book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise FileRefusedError(f"{path.name}: is not a readable XLSX workbook ({error})") from error
        names = self._book.sheetnames
        if sheet is not None and sheet not in names:
            raise FileRefusedError(f"{path.name}: has no sheet {sheet!r}; it has {', '.join(names)}")
        self._sheet = self._book[sheet] if sheet is not None else self._book.worksheets[0]
        top = [tuple(cell or "" for cell in row) for _, row in islice(self._rows(), header_row or HEADER_SEARCH_ROWS)]
        if not top or (header_row is not None and len(top) < header_row):
            raise FileRefusedError(f"{path.name}: sheet {self._sheet.title!r} is empty or ends before its header row")
        best = max(range(len(top)), key=lambda index: (len(set(top[index]) & set(wanted)), -index))
        self._header_at = header_row - 1 if header_row is not None else best
        self.header = tuple(name.strip() for name in top[self._header_at])
        while self.header and not self.header[-1]:
            self.header = self.header[:-1]

    def _rows(self) -> Iterator[tuple[int, list[str | None]]]:
        blank = 0
        for number, row in enumerate(self._sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS), 1):
            cells = [_text(value) for value in row]
            blank = 0 if any(cells) else blank + 1
            if blank > MAX_BLANK_ROWS:
                return  # styled but empty rows down to the end of the sheet
            yield number, cells

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows after the header: column `line`, then one text column c0, c1, ... a header name."""
        width = len(self.header)
        schema = pa.schema([("line", pa.int64()), *((f"c{index}", pa.string()) for index in range(width))])
        rows = (
            (number, *cells[:width], *[None] * (width - len(cells))) for number, cells in self._rows() if any(cells)
        )
        rows = (row for row in rows if row[0] > self._header_at + 1)
        while block := list(islice(rows, _BATCH_ROWS)):
            columns = zip(zip(*block, strict=True), schema.types, strict=True)
            yield pa.record_batch([pa.array(column, type=type_) for column, type_ in columns], schema=schema)

    def close(self) -> None:
        """Close the workbook."""
        self._book.close()


def _refuse_bomb(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise FileRefusedError(f"{path.name}: is not a readable XLSX workbook ({error})") from error
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * path.stat().st_size + 1024**2:
        text = f"{path.name}: unpacks to {unpacked / 1024**2:,.0f} MiB, more than a workbook of this size should; save it as CSV"
        raise FileRefusedError(text)


def _text(value: object) -> str | None:
    """Return a cell as the text that a CSV export of it would hold."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return (
            value.date().isoformat()
            if value.time() == dt.time()
            else value.isoformat(" ", "seconds" if not value.microsecond else "auto")
        )
    if isinstance(value, dt.timedelta):
        seconds = value.total_seconds()
        return f"{int(seconds // 3600):02d}:{int(seconds // 60 % 60):02d}:{int(seconds % 60):02d}"
    return str(value).strip() or None
