"""Worksheets that are filled table by table: texts stay texts, figures stay unrounded and get their formats."""

import datetime as dt
import io
from typing import Any

import xlsxwriter

from csi_service.report.tables import Grid

CREATED = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - the same in every book, so that the bytes are too
OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_NUMBERS = {
    "share": "0.00%",
    "whole": "0%",
    "points": "+0.00;-0.00;0.00",
    "lapse": '+#,##0.00" s";-#,##0.00" s";0.00" s"',
    "seconds": '#,##0.00" s"',
    "count": "#,##0",
}
_SCALES = {"points": 100.0, "whole": 0.01}
_LOOKS: dict[str, dict[str, Any]] = {
    "": {},
    "strong": {"bold": True},
    "muted": {"italic": True, "font_color": "#5B6875"},
    "up1": {"bg_color": "#E1F0EA"},
    "up2": {"bg_color": "#A9D8C4"},
    "down1": {"bg_color": "#FBE5DC"},
    "down2": {"bg_color": "#F2B8A0"},
}
_HEAD = {"bold": True, "bottom": 2, "text_wrap": True, "valign": "bottom"}
_TITLE = {"bold": True, "font_size": 14, "font_color": "#16324F"}


class Book:
    """A workbook; each format is made once."""

    def __init__(self, stream: io.BytesIO, title: str) -> None:
        """Write to a stream; nothing in the book tells when it was made."""
        self.book = xlsxwriter.Workbook(stream, OPTIONS)
        self.book.set_properties({"title": title, "created": CREATED})
        self.head, self.title = self.book.add_format(_HEAD), self.book.add_format(_TITLE)
        self._formats: dict[tuple[str, ...], Any] = {}

    def format(self, form: str, tone: str, before: str = "", after: str = "") -> Any:
        """Return the format of cells of a form and a tone, with signs before and after their figures."""
        key = (form, tone, before, after)
        if key not in self._formats:
            pattern = _NUMBERS.get(form, "General")
            signed = ";".join(f"{_quoted(before)}{part}{_quoted(after)}" for part in pattern.split(";"))
            self._formats[key] = self.book.add_format({"valign": "top", "num_format": signed, **_LOOKS[tone]})
        return self._formats[key]

    def sheet(self, name: str) -> "Sheet":
        """Return a new worksheet."""
        return Sheet(self, self.book.add_worksheet(name), name)


def _quoted(sign: str) -> str:
    return f'"{sign}"' if sign else ""


class Sheet:
    """A worksheet that is filled from the top."""

    def __init__(self, book: Book, sheet: Any, name: str) -> None:
        """Start in the first row."""
        self.sheet, self.name, self.row = sheet, name, 0
        self._book = book

    def lines(self, *texts: str) -> None:
        """Write texts, a row each."""
        for text in texts:
            self.sheet.write_string(self.row, 0, text, self._book.format("", ""))
            self.row += 1

    def heading(self, text: str) -> None:
        """Write a title."""
        self.sheet.write_string(self.row, 0, text, self._book.title)
        self.row += 1

    def grid(self, grid: Grid) -> int:
        """Write a table; return the row of its head."""
        top, sheet = self.row, self.sheet
        for index, column in enumerate(grid.columns):
            sheet.write_string(top, index, column.title, self._book.head)
            if column.note:
                sheet.write_comment(top, index, column.note, {"x_scale": 2, "visible": False})
        for number, row in enumerate(grid.rows, top + 1):
            for index, (value, form, tone, before, after) in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(number, index, value, self._book.format("", tone))
                elif value is None:
                    sheet.write_blank(number, index, None, self._book.format(form, tone))
                else:
                    format_ = self._book.format(form, tone, before, after)
                    sheet.write_number(number, index, value * _SCALES.get(form, 1.0), format_)
        self.row = top + len(grid.rows) + 2
        return top

    def widths(self, *widths: float) -> None:
        """Set the columns' widths; the last one counts for all that follow."""
        for index, wide in enumerate(widths):
            self.sheet.set_column(index, index if index < len(widths) - 1 else 20, wide)
