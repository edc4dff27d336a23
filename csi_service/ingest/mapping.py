"""Mapping documents: where each field of a record kind is found in the columns of another system's export."""

import re
import zoneinfo
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from typing import Any

from csi_service.core.tables import Table, read_toml
from csi_service.core.told import Told
from csi_service.errors import MappingError, Problem
from csi_service.facts.kinds import KINDS, Field, Kind

DURATION_UNITS = ("seconds", "minutes", "mm:ss", "hh:mm:ss", "days")
ENCODINGS = ("utf-8", "gb18030", "utf-16")
FORMAT_CODES = "YymdHIMSpfjbBaAz%"  # of strptime, those that the engine reads as Python does


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field comes from: a source column, a date and a time column, or a constant; and how its text is read.

    `values` turns source texts into ours, `formats` are strptime patterns, `unit` is that of a duration, `blank` what
    an empty cell stands for.
    """

    column: str | None = None
    time: str | None = None
    constant: str | None = None
    values: MappingType[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    unit: str = "seconds"
    blank: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that the field needs."""
        return tuple(name for name in (self.column, self.time) if name)


@dataclass(frozen=True, slots=True)
class Condition:
    """Which rows belong to the kind: those whose column holds one of the texts, or is blank or not."""

    column: str
    texts: tuple[str, ...] = ()
    blank: bool | None = None


@dataclass(frozen=True, slots=True)
class KindMapping:
    """How one record kind is read: its columns by field, its rows, and the kind whose file holds it, if another's."""

    columns: MappingType[str, Column]
    rows: tuple[Condition, ...] = ()
    taken_from: str | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """How the files of one source system are read; without a document, columns are named as our fields."""

    name: str = ""
    time_zone: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str = "."
    sheet: str | None = None
    header_row: int | None = None
    blanks: tuple[str, ...] = ()
    kinds: MappingType[str, KindMapping] = field(default_factory=dict)

    def of(self, kind: Kind) -> KindMapping:
        """Return how a kind is read; where the document is silent, each field is the column of its own name."""
        return self.kinds.get(kind.name) or KindMapping({field.name: Column(field.name) for field in kind.fields})


def parse_mapping(text: str, name: str) -> Mapping:
    """Return the mapping that a TOML text describes.

    Raises:
        MappingError: not TOML, or one `Problem` for each key that breaks its rules.
    """
    problems: list[Problem] = []
    table = Table(read_toml(text, name, MappingError), "", problems, [])
    table.text("title", "")
    zone = table.text("time_zone", "") or None
    if zone is not None and zone not in zoneinfo.available_timezones():
        table.report(
            "time_zone", Told("is {zone!r}; give an IANA name such as Asia/Shanghai", zone=zone), zone, "range"
        )
    header_row = table.number("header_row", 1, least=1, most=1000)
    if header_row % 1 > 0:
        table.report(
            "header_row", Told("is {header_row:g}; give a whole row number", header_row=header_row), header_row, "range"
        )
    mapping = Mapping(
        name=name,
        time_zone=zone,
        encoding=table.choice("encoding", ENCODINGS, "") or None,
        delimiter=_delimiter(table),
        decimal=table.choice("decimal", (".", ","), "."),
        sheet=table.text("sheet", "") or None,
        header_row=int(header_row) if "header_row" in table and header_row >= 1 else None,
        blanks=_texts(table, "blanks"),
        kinds={kind.name: _read_kind(table.table(kind.name), kind) for kind in KINDS.values() if kind.name in table},
    )
    table.close()
    if problems:
        raise MappingError(name, tuple(problems))
    return mapping


def _delimiter(table: Table) -> str | None:
    sign = table.peek("delimiter")
    if sign is None or (isinstance(sign, str) and len(sign) == 1 and sign.isascii() and sign not in '"\r\n\0'):
        return sign
    table.report(
        "delimiter", Told("must be one sign such as ; or | or a tab, found {sign!r}", sign=sign), sign, "range"
    )
    return None


def _read_kind(table: Table, kind: Kind) -> KindMapping:
    taken_from = table.choice("from", tuple(KINDS), "") or None
    rows = tuple(_read_condition(row) for row in table.tables("rows"))
    columns = {field.name: _read_column(table, field) for field in kind.fields if field.name in table}
    missing = [field.name for field in kind.fields if field.required and field.name not in columns]
    if missing:
        table.report(
            "",
            Told(
                "names no column for {missing}; every row of {kind} needs it",
                missing=", ".join(missing),
                kind=kind.name,
            ),
            None,
            "missing",
        )
    table.close()
    return KindMapping(columns, rows, taken_from)


def _read_condition(table: Table) -> Condition:
    column = table.text("column")
    texts = _texts(table, "is")
    blank = _flag(table, "blank")
    if bool(texts) == (blank is not None):
        table.report("", 'needs either is = ["text", ...] or blank = true or false', None, "missing")
    table.close()
    return Condition(column, texts, blank)


def _read_column(parent: Table, field: Field) -> Column:
    value = parent.peek(field.name)
    if isinstance(value, str):
        return Column(parent.text(field.name))
    table = parent.table(field.name)
    if "constant" in table:
        column = Column(constant=_plain(table, "constant", table.peek("constant")))
    elif "date" in table:
        column = Column(table.text("date"), table.text("time"), formats=_formats(table))
    else:
        unit = table.choice("unit", DURATION_UNITS, "seconds") if field.type == "seconds" else "seconds"
        blank = _plain(table, "blank", table.peek("blank")) if "blank" in table else None
        values = {key: _plain(table, f"values.{key}", text) for key, text in _mapping_of(table, "values").items()}
        column = Column(table.text("column"), values=values, formats=_formats(table), unit=unit, blank=blank)
    table.close()
    return column


def _mapping_of(table: Table, key: str) -> MappingType[str, Any]:
    value = table.peek(key)
    if value is not None and not isinstance(value, dict):
        table.report(
            key, Told("must be a table of source text = our value, found {value!r}", value=value), value, "type"
        )
    return value if isinstance(value, dict) else {}


def _texts(table: Table, key: str) -> tuple[str, ...]:
    value = table.peek(key)
    items = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(item, str) for item in items):
        table.report(key, Told("must be a text or a list of texts, found {value!r}", value=value), value, "type")
        return ()
    return tuple(items)


def _formats(table: Table) -> tuple[str, ...]:
    """Patterns of strptime; whether the text carries its offset (%z) must be the same for all of them."""
    formats = _texts(table, "format")
    for pattern in formats:
        left = re.sub(f"%-?[{FORMAT_CODES}]", "", pattern)
        if "%" in left or left == pattern:
            codes = " ".join(f"%{code}" for code in FORMAT_CODES)
            table.report(
                "format",
                Told("{pattern!r} is not a pattern of strptime; usable are {codes}", pattern=pattern, codes=codes),
                pattern,
                "range",
            )
    if len({"%z" in pattern for pattern in formats}) > 1:
        table.report("format", "must have %z in all patterns or in none", list(formats), "range")
    return formats


def _flag(table: Table, key: str) -> bool | None:
    value = table.peek(key)
    if value is not None and not isinstance(value, bool):
        table.report(key, Told("must be true or false, found {value!r}", value=value), value, "type")
        return None
    return value


def _plain(table: Table, key: str, value: Any) -> str:
    """A text, number, date or truth value as the text that a cell would hold."""
    if isinstance(value, list | dict):
        table.report(
            key, Told("must be a text, a number or true or false, found {value!r}", value=value), value, "type"
        )
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
