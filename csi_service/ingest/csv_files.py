"""CSV files: their encoding, delimiter and header; the physical line of a record."""

import codecs
import csv
import gzip
import io
import mmap
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from csi_service.errors import FileRefusedError

MAX_LINE_BYTES = 16 * 1024 * 1024
DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_BYTES = 4 * 1024 * 1024
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file that is ready to read: UTF-8 (perhaps gzipped), its delimiter and its header."""

    path: Path
    compressed: bool
    delimiter: str
    header: tuple[str, ...]
    header_row: int

    def may_hold_nul(self) -> bool:
        """Tell whether a NUL byte stands in the file; a gzipped one may hold any."""
        if self.compressed:
            return True
        with self.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(b"\0") >= 0


def prepare(
    path: Path, folder: Path, wanted: Sequence[str], encoding: str | None, delimiter: str | None, header_row: int
) -> CsvFile:
    """Find out how a CSV file is written; another encoding than UTF-8 is written anew as UTF-8 into `folder`.

    `wanted` are column names that the header should hold; they decide between delimiters. Bytes that are not text in
    the encoding go through as they are, so that the engine rejects their lines.

    Raises:
        FileRefusedError: an empty file, or a header line longer than 16 MiB or that cannot be decoded.
    """
    compressed = _magic(path) == _GZIP
    encoding = encoding or _encoding(path, compressed)
    if encoding != "utf-8":
        path, compressed = _as_utf8(path, compressed, encoding, folder), False
    with _open(path, compressed) as stream:
        for _ in range(header_row):
            first = stream.readline(MAX_LINE_BYTES + 1)
    if not first.strip():
        raise FileRefusedError(f"{path.name}: the file is empty; a header line and at least one row are needed")
    if len(first) > MAX_LINE_BYTES:
        raise FileRefusedError(f"{path.name}: the header line is longer than {MAX_LINE_BYTES // 1024**2} MiB")
    try:
        text = first.removeprefix(codecs.BOM_UTF8).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise FileRefusedError(
            f"{path.name}: the header line is neither UTF-8 nor GB18030; set encoding in the mapping"
        ) from None
    candidates = [delimiter] if delimiter else DELIMITERS
    headers = [(candidate, _split(text, candidate)) for candidate in candidates]
    best, header = max(headers, key=lambda pair: (len(set(pair[1]) & set(wanted)), len(pair[1])))
    return CsvFile(path, compressed, best, header, header_row)


def _split(line: str, delimiter: str) -> tuple[str, ...]:
    csv.field_size_limit(MAX_LINE_BYTES)
    return tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter), []))


def _magic(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(2)


@contextmanager
def _open(path: Path, compressed: bool) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream:
        if not compressed:
            yield stream
            return
        with gzip.GzipFile(fileobj=stream) as unpacked:
            try:
                yield unpacked
            except (OSError, EOFError) as error:
                raise FileRefusedError(f"{path.name}: the gzip data are damaged ({error})") from error


def _encoding(path: Path, compressed: bool) -> str:
    with _open(path, compressed) as stream:
        sample = stream.read(_SAMPLE_BYTES)
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(sample, final=len(sample) < _SAMPLE_BYTES)
        except UnicodeDecodeError:
            continue
        return encoding
    return "utf-8"  # the lines that are not are rejected one by one


def _as_utf8(path: Path, compressed: bool, encoding: str, folder: Path) -> Path:
    target = folder / f"{len(list(folder.iterdir()))}-{path.stem}"
    with (
        _open(path, compressed) as source,
        target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as sink,
    ):
        reader = codecs.getreader(encoding)(source, errors="surrogateescape")
        shutil.copyfileobj(reader, sink, 1024 * 1024)
    return target


def find_lines(file: CsvFile, rows: Sequence[Sequence[str | None]]) -> list[int | None]:
    """Return the physical line on which each record ends its first line, by looking the records up in file order.

    The engine numbers neither records nor lines, so the file is read once more, and each record is found by its content.
    """
    found: list[int | None] = [None] * len(rows)
    position = 0
    with _open(file.path, file.compressed) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(text, delimiter=file.delimiter)
        start = 1
        try:
            for record in reader:
                if position < len(rows) and [cell or "" for cell in rows[position]] == record:
                    found[position] = start
                    position += 1
                start = reader.line_num + 1
                if position == len(rows):
                    break
        except csv.Error:
            return found  # a record too odd for this reader; the rest stay without a line
    return found


def line_at(file: CsvFile, byte: int, counted: tuple[int, int] = (0, 1)) -> tuple[int, int]:
    """Return (byte, line) for a byte position, counting on from an earlier (byte, line)."""
    start, line = counted
    with _open(file.path, file.compressed) as stream:
        stream.seek(start)
        left = byte - start
        while left > 0 and (block := stream.read(min(left, 1024 * 1024))):
            line += block.count(b"\n")
            left -= len(block)
        while (mark := stream.read(1)) in (b"\n", b"\r"):
            line += mark == b"\n"
            byte += 1
    return byte, line
