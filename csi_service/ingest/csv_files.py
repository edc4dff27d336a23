"""CSV files: their encoding, delimiter and header; the physical line of a record."""

import codecs
import csv
import gzip
import io
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.ingest.header import header_of

MAX_LINE_BYTES = 16 * 1024 * 1024
DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_BYTES, _BLOCK_BYTES = 4 * 1024 * 1024, 256 * 1024
MAX_RATIO, _ANY_SIZE = 200, 64 * 1024 * 1024  # of a gzipped file: what it may unpack to, for each byte and besides
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file that is ready to read: UTF-8 (perhaps gzipped), its delimiter and its header.

    `may_hold_nul` is false where no NUL stands in the file.
    """

    path: Path
    compressed: bool
    delimiter: str
    header: tuple[str, ...]
    header_row: int
    may_hold_nul: bool


def prepare(
    path: Path, folder: Path, wanted: Sequence[str], encoding: str | None, delimiter: str | None, header_row: int
) -> CsvFile:
    """Find out how a CSV file is written; another encoding than UTF-8 is written anew as UTF-8 into `folder`.

    `wanted` are column names that the header should hold; they decide between delimiters. Bytes that are not text in
    the encoding go through as they are, so that the engine rejects their lines.

    Raises:
        FileRefusedError: an empty file, or a header line longer than 16 MiB or that cannot be decoded.
    """
    name = path.name
    with path.open("rb") as stream:
        compressed = stream.read(2) == _GZIP
    sample, may_hold_nul = _look_through(path, compressed)
    encoding = encoding or _encoding(sample)
    if encoding != "utf-8":
        path, compressed, may_hold_nul = _as_utf8(path, compressed, encoding, folder), False, True
    with _open(path, compressed) as stream:
        for _ in range(header_row - 1):
            stream.readline(MAX_LINE_BYTES + 1)
        first = _record(stream).removeprefix(codecs.BOM_UTF8)
    _check_first(name, first, header_row)
    try:
        text = first.decode("utf-8")
        headers = [(sign, _split(text, sign)) for sign in ([delimiter] if delimiter else DELIMITERS)]
    except UnicodeDecodeError:
        raise FileRefusedError(
            Told(
                "{name}: the header line is neither UTF-8 nor GB18030; save the file anew as CSV or XLSX, "
                "or set encoding in the mapping",
                name=name,
            )
        ) from None
    except csv.Error as error:
        raise FileRefusedError(
            Told(
                "{name}: the header line cannot be taken apart ({reason}); "
                "end lines with LF or CRLF, and close quotation marks",
                name=name,
                reason=str(error),
            )
        ) from error
    best, header = max(headers, key=lambda pair: (len(set(pair[1]) & set(wanted)), len(pair[1])))
    return CsvFile(path, compressed, best, header, header_row, may_hold_nul)


def _check_first(name: str, first: bytes, header_row: int) -> None:
    """Refuse a first line that can be no header."""
    if not first.strip():
        what = Told("the file is empty")
        if header_row > 1:
            what = Told("the file has no line {header_row}, or it is blank", header_row=header_row)
        text = Told("{name}: {what}; a header line and at least one row are needed", name=name, what=what)
        raise FileRefusedError(text)
    if len(first) > MAX_LINE_BYTES:
        most = MAX_LINE_BYTES // 1024**2
        raise FileRefusedError(Told("{name}: the header line is longer than {most} MiB", name=name, most=most))
    if b"\0" in first:
        text = Told("{name}: the header line holds NUL; is it UTF-16? set encoding in the mapping", name=name)
        raise FileRefusedError(text)


def _record(stream: IO[bytes]) -> bytes:
    """Read one record: a line, and the lines after it while a quotation mark is open."""
    record = stream.readline(MAX_LINE_BYTES + 1)
    while record.count(b'"') % 2 and len(record) <= MAX_LINE_BYTES:
        line = stream.readline(MAX_LINE_BYTES + 1)
        if not line:
            break
        record += line
    return record


def _split(record: str, delimiter: str) -> tuple[str, ...]:
    csv.field_size_limit(MAX_LINE_BYTES)
    return header_of(next(csv.reader(io.StringIO(record.rstrip("\r\n"), newline=""), delimiter=delimiter), []))


@contextmanager
def _open(path: Path, compressed: bool) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream:
        if not compressed:
            yield stream
            return
        with gzip.GzipFile(fileobj=stream) as unpacked:
            try:
                yield cast(IO[bytes], unpacked)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise FileRefusedError(
                    Told("{file}: the gzip data are damaged ({reason})", file=path.name, reason=str(error))
                ) from error


def _look_through(path: Path, compressed: bool) -> tuple[bytes, bool]:
    """Return up to 4 MiB from where a file stops being ASCII (b"" where it never does), and whether it may hold NUL.

    Raises:
        FileRefusedError: a gzipped file unpacks to more than a file of its size should.
    """
    sample, nul, unpacked = bytearray(), False, 0
    most = MAX_RATIO * path.stat().st_size + _ANY_SIZE
    with _open(path, compressed) as stream:
        while block := stream.read(_BLOCK_BYTES):
            unpacked += len(block)
            if compressed and unpacked > most:
                raise FileRefusedError(
                    Told(
                        "{name}: unpacks to more than {size} MiB, more than a file of its size should; "
                        "send it as plain CSV",
                        name=path.name,
                        size=most // 1024**2,
                    )
                )
            nul = nul or b"\0" in block
            if len(sample) < _SAMPLE_BYTES and (sample or not block.isascii()):
                sample += block
            if len(sample) >= _SAMPLE_BYTES and nul and not compressed:
                break
    return bytes(sample), nul


def _encoding(sample: bytes) -> str:
    """Guess from a sample. Single lines that are not text do not decide: they are rejected later."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    whole = len(sample) < _SAMPLE_BYTES
    if _decodes(sample, "utf-8", whole):
        return "utf-8"
    lines = [line for line in sample.split(b"\n")[: None if whole else -1] if not line.isascii()]
    half = len(lines) / 2
    if sum(_decodes(line, "utf-8") for line in lines) >= half:
        return "utf-8"
    return "gb18030" if sum(_decodes(line, "gb18030") for line in lines) >= half else "utf-8"


def _decodes(data: bytes, encoding: str, whole: bool = True) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _as_utf8(path: Path, compressed: bool, encoding: str, folder: Path) -> Path:
    target = folder / f"{len(list(folder.iterdir()))}-{path.stem}"
    errors = "surrogateescape" if encoding != "utf-16" else "replace"  # UTF-16 has no bytes to carry over
    with (
        _open(path, compressed) as source,
        target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as sink,
    ):
        reader = io.TextIOWrapper(source, encoding=encoding, errors=errors, newline="")
        shutil.copyfileobj(reader, sink, 1024 * 1024)
    return target


def find_lines(file: CsvFile, rows: Sequence[Sequence[str | None]]) -> list[int | None]:
    """Return the physical line on which each record begins; None where it is not found again.

    The engine numbers neither records nor lines, so the file is read once more, and records are found by content.
    """
    found: list[int | None] = [None] * len(rows)
    waiting: dict[tuple[str, ...], list[int]] = {}
    for index in reversed(range(len(rows))):
        waiting.setdefault(_content(rows[index]), []).append(index)
    firsts = {key[0] for key in waiting if key}
    with _open(file.path, file.compressed) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(text, delimiter=file.delimiter)
        start = 1
        try:
            for record in reader:
                if record and _bare(record[0]) in firsts and (indices := waiting.get(_content(record))):
                    found[indices.pop()] = start
                start = reader.line_num + 1
        except csv.Error:
            return found  # a record too odd for this reader; the rest stay without a line
    return found


def _content(record: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(_bare(cell or "") for cell in record)


def _bare(cell: str) -> str:
    return cell.strip(' "')  # the two readers differ in what they make of a mark or a space at the edge


def lines_at(file: CsvFile, positions: Sequence[int]) -> list[int]:
    """Return the line of the first text at or behind each byte position; the positions ascend."""
    lines: list[int] = []
    byte, line = 0, 1
    with _open(file.path, file.compressed) as stream:
        reader = io.BufferedReader(cast(io.RawIOBase, stream))
        for position in positions:
            while byte < position and (block := reader.read(min(position - byte, _BLOCK_BYTES))):
                line += block.count(b"\n")
                byte += len(block)
            while (mark := reader.peek(1)[:1]) in (b"\n", b"\r"):
                line += mark == b"\n"
                byte += len(reader.read(1))
            lines.append(line)
    return lines
