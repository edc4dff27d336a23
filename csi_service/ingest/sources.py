"""Any readable file -> a table of text columns in the engine: CSV, XLSX or Parquet, told apart by their content."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from csi_service.errors import FileRefusedError
from csi_service.facts.duck import identifier, literal
from csi_service.ingest import csv_files
from csi_service.ingest.csv_files import MAX_LINE_BYTES, CsvFile
from csi_service.ingest.mapping import Mapping
from csi_service.ingest.xlsx_files import Sheet

_XLSX, _PARQUET, _OLD_EXCEL = b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Source:
    """One file as the engine reads it: SQL of a relation with the columns `line` (NULL for CSV) and c0, c1, ..."""

    name: str
    header: tuple[str, ...]
    relation: str
    csv: CsvFile | None = None

    def column(self, name: str) -> str | None:
        """Return the SQL name of the source column with that header, None where it has none."""
        return f"c{self.header.index(name)}" if name in self.header else None


def open_source(
    connection: duckdb.DuckDBPyConnection, path: Path, folder: Path, mapping: Mapping, wanted: Sequence[str], table: str
) -> Source:
    """Return a file as a source; a workbook is loaded into the temporary table `table`.

    Raises:
        FileRefusedError: no such file, or a file that cannot be read as a whole.
    """
    if not path.is_file():
        raise FileRefusedError(f"{path}: there is no such file")
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == _XLSX:
        return _from_xlsx(connection, path, mapping, wanted, table)
    if magic == _PARQUET:
        return _from_parquet(connection, path)
    if magic == _OLD_EXCEL:
        raise FileRefusedError(f"{path.name}: is an old .xls workbook; save it as .xlsx or CSV")
    file = csv_files.prepare(path, folder, wanted, mapping.encoding, mapping.delimiter, mapping.header_row or 1)
    columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(file.header)))
    relation = (
        f"(SELECT CAST(NULL AS BIGINT) AS line, * FROM read_csv({literal(str(file.path))}, auto_detect=false, header=true, "
        f"skip={file.header_row - 1}, delim={literal(file.delimiter)}, quote='\"', escape='\"', columns={{{columns}}}, "
        f"max_line_size={MAX_LINE_BYTES}, store_rejects=true, compression='{'gzip' if file.compressed else 'none'}'))"
    )
    return Source(path.name, file.header, relation, file)


def _from_xlsx(
    connection: duckdb.DuckDBPyConnection, path: Path, mapping: Mapping, wanted: Sequence[str], table: str
) -> Source:
    sheet = Sheet(path, wanted, mapping.sheet, mapping.header_row)
    try:
        columns = ", ".join(f"c{index} VARCHAR" for index in range(len(sheet.header)))
        connection.execute(f"CREATE TEMP TABLE {table} (line BIGINT, {columns})")
        for batch in sheet.batches():
            connection.register("batch", pa.Table.from_batches([batch]))
            connection.execute(f"INSERT INTO {table} SELECT * FROM batch")
            connection.unregister("batch")
    finally:
        sheet.close()
    return Source(path.name, sheet.header, table)


def _from_parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> Source:
    file = literal(str(path))
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({file})").fetchall()
    except duckdb.Error as error:
        raise FileRefusedError(f"{path.name}: is not a readable Parquet file ({str(error).splitlines()[0]})") from error
    header = tuple(row[0] for row in described)
    columns = ", ".join(f"CAST({identifier(name)} AS VARCHAR) AS c{index}" for index, name in enumerate(header))
    relation = f"(SELECT file_row_number + 1 AS line, {columns} FROM read_parquet({file}, file_row_number=true))"
    return Source(path.name, header, relation)
