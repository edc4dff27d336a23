"""Scores as files: JSON, CSV and XLSX; one writer a format, one line in WRITERS."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.ingest.outcome import Outcome, safe_cell
from csi_service.language import ENGLISH
from csi_service.report.text import render
from csi_service.schema.scores import plain, roots_body, weights_body
from csi_service.scoring import PeriodScores, Scores

Writer = Callable[[Scores, Sequence[Outcome], str], bytes]


def as_table(scores: Scores, outcomes: Sequence[Outcome], language: str = ENGLISH) -> bytes:
    """Return the scores as text for a terminal, UTF-8; of all forms this alone is in a language of its reader."""
    return render(scores, language).encode()


def as_json(scores: Scores, outcomes: Sequence[Outcome], language: str = ENGLISH) -> bytes:
    """Return the scores as JSON: the trees by period and group, the totals, what became of the files."""
    body = {
        "scores": [_period_body(part, total) for part, total in zip(scores.by_group, scores.total, strict=True)],
        "warnings": scores.warnings,
        "imports": [_import_body(outcome) for outcome in outcomes],
    }
    return (json.dumps(plain(body), ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()


def as_csv(scores: Scores, outcomes: Sequence[Outcome], language: str = ENGLISH) -> bytes:
    """Return the long score table as CSV with unrounded numbers; texts are safe to open in a spreadsheet."""
    return _safe(scores).to_csv(index=False, lineterminator="\n").encode()


def as_xlsx(scores: Scores, outcomes: Sequence[Outcome], language: str = ENGLISH) -> bytes:
    """Return the long score table as a workbook, with a sheet of notes."""
    table = scores.table()
    if len(table) > _SHEET_ROWS:
        text = Told(
            "a sheet holds {most:,} rows, the scores have {count:,}; use --format csv, or a shorter period",
            most=_SHEET_ROWS,
            count=len(table),
        )
        raise FileRefusedError(text)
    buffer = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with pd.ExcelWriter(buffer, engine="xlsxwriter", engine_kwargs={"options": options}) as book:
        table.to_excel(book, sheet_name="scores", index=False, freeze_panes=(1, 0))
        sheet = book.sheets["scores"]
        percent = book.book.add_format({"num_format": "0.00%"})
        for index, name in enumerate(table.columns):
            sheet.set_column(index, index, 24 if name == "node" else 14, percent if name in _SHARES else None)
        sheet.autofilter(0, 0, len(table), len(table.columns) - 1)
        sets = dict.fromkeys(f"{part.weights.name} {part.weights.digest}" for part in scores.by_group)
        notes = [("weights", text) for text in sets]
        notes += [("period", f"{part.period.label} has not ended") for part in scores.by_group if part.in_progress]
        notes += [("note", warning) for warning in scores.warnings]
        notes += [(outcome.kind, f"{outcome.loaded} rows counted, {outcome.rejected} rejected") for outcome in outcomes]
        pd.DataFrame(notes, columns=["what", "text"]).to_excel(book, sheet_name="notes", index=False)
        book.sheets["notes"].set_column(0, 1, 40)
    return buffer.getvalue()


_SHARES = ("value", "coverage", "partial_value")
_SHEET_ROWS = 1_048_575  # of a worksheet, below its header

WRITERS: Mapping[str, Writer] = {"table": as_table, "json": as_json, "csv": as_csv, "xlsx": as_xlsx}


def _safe(scores: Scores) -> pd.DataFrame:
    table = scores.table()
    table["partial"] = table["partial"].map({True: "true", False: "false"})
    for key in scores.keys:
        table[key] = table[key].map(safe_cell)
    return table


def _period_body(part: PeriodScores, total: PeriodScores) -> dict[str, Any]:
    groups = part.groups.to_dict("records")
    return {
        "period": part.period.label,
        "first": part.period.first,
        "last": part.period.last,
        "in_progress": part.in_progress,
        "weights": weights_body(part.weights),
        "groups": [{"group": group, **roots_body(part.roots, index)} for index, group in enumerate(groups or [{}])],
        "total": roots_body(total.roots, 0),
    }


def _import_body(outcome: Outcome) -> dict[str, Any]:
    return {
        "kind": outcome.kind,
        "files": outcome.files,
        "loaded": outcome.loaded,
        "repeated": outcome.repeated,
        "rejected": outcome.rejected,
        "ignored_columns": outcome.ignored_columns,
    }
