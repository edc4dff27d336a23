"""A report as a document: sections of blocks, in words, for every writer that lays pages out."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `tone` is "" or `lead`, `note`, `alert`, `heading`."""

    text: str
    tone: str = ""
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that stands out: what it is, its value, what it is beside."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """Figures side by side; the first is the main one."""

    tiles: tuple[Tile, ...]
    kind: str = "tiles"


@dataclass(frozen=True, slots=True)
class Facts:
    """Short facts: what, and the answer."""

    rows: tuple[tuple[str, str], ...]
    kind: str = "facts"


@dataclass(frozen=True, slots=True)
class Points:
    """Numbered findings: a heading and its evidence."""

    points: tuple[tuple[str, str], ...]
    kind: str = "points"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its caption, drawn for a page's width and for a phone's."""

    caption: str
    svg: str
    narrow: str
    kind: str = "chart"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, whether it holds numbers, its share of the width, what it means."""

    title: str
    numeric: bool = True
    share: float = 1.0
    note: str = ""


Cell = tuple[str, str]  # the text, and its tone: "" or up1, up2, down1, down2, strong, muted


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `small` where it has many columns."""

    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    small: bool = False
    kind: str = "table"


Block = Text | Tiles | Facts | Points | Chart | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its blocks."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A report: its language, title, period, the first page's blocks, the sections after it, its frame.

    In a `brief` one the sections follow on the first page.
    """

    language: str
    title: str
    period: str
    subtitle: str
    first_page: tuple[Block, ...]
    sections: tuple[Section, ...]
    footer: str
    page: str
    brief: bool
