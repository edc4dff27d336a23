"""Any readable file -> a table of text columns in the engine: CSV, XLSX or Parquet, told apart by their content."""

import re
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.facts.duck import file_literal, identifier, literal
from csi_service.ingest import csv_files
from csi_service.ingest.csv_files import MAX_LINE_BYTES, CsvFile
from csi_service.ingest.header import MAX_COLUMNS
from csi_service.ingest.mapping import Mapping
from csi_service.ingest.outcome import ADDED_COLUMNS, ORIGINAL_TEXT

_XLSX, _PARQUET, _OLD_EXCEL = b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"
_REJECTS = re.compile(b"\xef\xbb\xbf" + ",".join(f"(reject_)?{name}" for name in ADDED_COLUMNS).encode())
_NESTED = ("STRUCT", "MAP", "UNION")
_BUFFER_BYTES = 2 * MAX_LINE_BYTES  # the engine's own choice is 16 lines of the greatest length, and slow to fill
_SHOWN_NAMES = 12
_INSTANT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Source:
    """One file as the engine reads it: SQL of a relation with the columns `line` (NULL for CSV) and c0, c1, ...

    `nested` are the names of columns that hold more than one value a cell; `csv` is given for a CSV file, and `mended`
    tells that it is our own file of rejects. `sheet` is that of a workbook, `others` the sheets that nobody asked for.
    """

    path: Path
    header: tuple[str, ...]
    relation: str
    csv: CsvFile | None = None
    nested: frozenset[str] = frozenset()
    mended: bool = False
    sheet: str = ""
    others: tuple[str, ...] = ()

    @property
    def unread(self) -> Told | None:
        """What to tell of a workbook's other sheets; None where there are none."""
        if not self.others:
            return None
        return Told(
            '{file}: the sheet {sheet!r} was read, not {others}; sheet = "..." in a mapping chooses another',
            file=self.name,
            sheet=self.sheet,
            others=listed(self.others),
        )

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def column(self, name: str) -> str | None:
        """Return the SQL name of the source column with that header, None where it has none."""
        return f"c{self.header.index(name)}" if name in self.header else None

    def ready(self, types: MappingType[str, str]) -> str | None:
        """Return SQL of the relation in which columns have these types; None where they can be read as text only.

        The engine makes the values while it takes the file apart, which is quicker, and fails over the first line at
        fault. It reads numbers as it casts texts; of instants it reads those written as 2021-01-31 09:12:58.
        """
        if self.csv is None or self.mended:
            return None
        return f"(SELECT CAST(NULL AS BIGINT) AS line, * FROM {_read_csv(self.csv, types)})"


def listed(names: Sequence[str]) -> str:
    """Return names in a row, of many only the first."""
    return ", ".join(names[:_SHOWN_NAMES]) + (" ..." if len(names) > _SHOWN_NAMES else "")


def open_source(
    connection: duckdb.DuckDBPyConnection, path: Path, folder: Path, mapping: Mapping, wanted: Sequence[str], table: str
) -> Source:
    """Return a file as a source; a workbook is loaded into the temporary table `table`.

    Raises:
        FileRefusedError: no such file, or a file that cannot be read as a whole.
    """
    if path.is_dir():
        raise FileRefusedError(Told("{path}: is a folder; name its files, such as '{path}/*.csv'", path=path))
    if not path.is_file():
        raise FileRefusedError(Told("{path}: there is no such file", path=path))
    try:
        with path.open("rb") as stream:
            start = stream.read(200)
        source = _open(connection, path, start, folder, mapping, wanted, table)
    except OSError as error:
        raise FileRefusedError(
            Told("{path}: cannot be read ({reason})", path=path, reason=error.strerror or error)
        ) from error
    if len(source.header) > MAX_COLUMNS:
        raise FileRefusedError(
            Told(
                "{file}: has more than {most:,} columns; leave out those that are not used",
                file=path.name,
                most=MAX_COLUMNS,
            )
        )
    return source


def _open(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    start: bytes,
    folder: Path,
    mapping: Mapping,
    wanted: Sequence[str],
    table: str,
) -> Source:
    if start.startswith(_XLSX):
        return _from_xlsx(connection, path, mapping, wanted, table)
    if start.startswith(_PARQUET):
        return _from_parquet(connection, path, mapping)
    if start.startswith(_OLD_EXCEL):
        raise FileRefusedError(
            Told(
                "{file}: is an old .xls workbook, or one with a password; save it as .xlsx without one, or as CSV",
                file=path.name,
            )
        )
    rejects = _REJECTS.match(start) is not None
    if rejects:  # our own file of rejects, mended: the mapping knows its columns, but not how we write
        mapping = replace(mapping, encoding="utf-8", delimiter=",", header_row=None)
    return _from_csv(path, folder, mapping, wanted, rejects)


def _from_csv(path: Path, folder: Path, mapping: Mapping, wanted: Sequence[str], rejects: bool) -> Source:
    file = csv_files.prepare(path, folder, wanted, mapping.encoding, mapping.delimiter, mapping.header_row or 1)
    names = [f"c{index}" for index in range(len(file.header))]
    cells = ", ".join(f"{ORIGINAL_TEXT.format(cell=name)} AS {name}" for name in names) if rejects else "*"
    relation = f"(SELECT CAST(NULL AS BIGINT) AS line, {cells} FROM {_read_csv(file)})"
    return Source(path, file.header, relation, file, mended=rejects)


def _read_csv(file: CsvFile, types: MappingType[str, str] | None = None) -> str:
    """SQL that reads a file: as text, keeping the lines that cannot be taken apart; or strictly, with some types."""
    columns = ", ".join(f"'c{n}': '{(types or {}).get(f'c{n}', 'VARCHAR')}'" for n in range(len(file.header)))
    how = "store_rejects=true" if types is None else f"timestampformat='{_INSTANT}'"
    return (
        f"read_csv({file_literal(file.path)}, auto_detect=false, header=true, skip={file.header_row - 1}, "
        f"delim={literal(file.delimiter)}, quote='\"', escape='\"', columns={{{columns}}}, {how}, "
        f"max_line_size={MAX_LINE_BYTES}, buffer_size={_BUFFER_BYTES}, "
        f"compression='{'gzip' if file.compressed else 'none'}')"
    )


def _from_xlsx(
    connection: duckdb.DuckDBPyConnection, path: Path, mapping: Mapping, wanted: Sequence[str], table: str
) -> Source:
    import pyarrow as pa  # like the next, takes its time to load, and most files are CSV

    from csi_service.ingest.xlsx_files import Sheet

    sheet = Sheet(path, wanted, mapping.sheet, mapping.header_row, mapping.decimal)
    try:
        columns = ", ".join(f"c{index} VARCHAR" for index in range(len(sheet.header)))
        connection.execute(f"CREATE TEMP TABLE {table} (line BIGINT, {columns})")
        for batch in sheet.batches():
            connection.register("batch", pa.Table.from_batches([batch]))
            connection.execute(f"INSERT INTO {table} SELECT * FROM batch")
            connection.unregister("batch")
    finally:
        sheet.close()
    return Source(path, sheet.header, table, sheet=sheet.title, others=sheet.others)


def _from_parquet(connection: duckdb.DuckDBPyConnection, path: Path, mapping: Mapping) -> Source:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = file_literal(path)
    try:
        header = tuple(pq.read_schema(path).names)  # the engine gives names that stand twice another name
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({file})").fetchall()
    except (duckdb.Error, pa.ArrowException) as error:
        raise FileRefusedError(
            Told("{file}: is not a readable Parquet file ({reason})", file=path.name, reason=str(error).splitlines()[0])
        ) from error
    columns = [
        f"{_parquet_text(name, type_, mapping.decimal)} AS c{index}"
        for index, (name, type_, *_) in enumerate(described)
    ]
    nested = frozenset(
        name
        for name, (_, type_, *_) in zip(header, described, strict=True)
        if type_.endswith("]") or type_.startswith(_NESTED)
    )
    line, option = "file_row_number + 1", ", file_row_number=true"
    if "file_row_number" in (name.lower() for name in header):
        line, option = "CAST(NULL AS BIGINT)", ""
    relation = f"(SELECT {line} AS line, {', '.join(columns)} FROM read_parquet({file}{option}))"
    return Source(path, header, relation, nested=nested)


def _parquet_text(name: str, type_: str, decimal: str) -> str:
    text = f"CAST({identifier(name)} AS VARCHAR)"
    if decimal != "." and type_.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return f"replace({text}, '.', {literal(decimal)})"
    return text
