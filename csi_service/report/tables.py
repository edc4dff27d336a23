"""The tables of a report with their figures unrounded, one function a table: the writers give them their looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from csi_service.report.document import Column, Table
from csi_service.report.figures import Figure
from csi_service.report.groups import Group, GroupCell
from csi_service.report.monthly import Ratings, ReportModel
from csi_service.report.words import DASH, Words, definition

_TONES = {-2: "down2", -1: "down1", 0: "", 1: "up1", 2: "up2"}


class Value(NamedTuple):
    """A cell: its text or figure (None: missing), how a figure is told, its tone, signs before and after it.

    `form` is "" for a text, else `share`, `seconds`, `points` (of two shares), `lapse` (of two times), `count`, `whole`
    (a whole per cent) or `factor`.
    """

    value: str | float | None
    form: str = ""
    tone: str = ""
    before: str = ""
    after: str = ""


Row = tuple[Value, ...]
NOTHING = Value("")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its columns, its rows; `small` where it has many columns."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]
    small: bool = False


def as_table(grid: Grid, words: Words) -> Table:
    """Return the table in words, its figures rounded."""
    rows = [tuple((_shown(cell, words), cell.tone) for cell in row) for row in grid.rows]
    return Table(grid.columns, rows, grid.small)


def _shown(cell: Value, words: Words) -> str:
    if isinstance(cell.value, str):
        return f"{cell.before}{cell.value}{cell.after}"
    return f"{cell.before}{words.figure(cell.value, cell.form)}{cell.after}"


def kpi_grid(model: ReportModel, words: Words) -> Grid:
    """Return every figure as measured, with target, floor, score, weight and cases."""
    columns = [Column(words("Figure"), False, 3.4), Column(words("measured")), Column(words("compared"))]
    columns += [Column(words("difference")), Column(words("target")), Column(words("floor")), Column(words("score"))]
    columns += [Column(words("weight")), Column(words("n"))]
    return Grid(tuple(columns), [_kpi_row(figure, words) for figure in model.figures], small=True)


def _kpi_row(figure: Figure, words: Words) -> Row:
    depth = figure.key.count(".")
    index = depth < 2  # an index is its own score; only its figures are measured
    now, before = (figure.value, figure.before) if index else (figure.raw, figure.raw_before)
    form = "seconds" if figure.unit == "seconds" and not index else "share"
    change = None if now is None or before is None else now - before
    star = "*" if figure.partial else "°" if "provisional" in figure.flags else ""
    floor = figure.parameters.get("floor")
    return (
        Value("\u2003" * depth + words.both(figure.name), tone="strong" if index else ""),
        Value(now, form, "down1" if "below_floor" in figure.flags else "", after=star),
        Value(before, form),
        Value(change, "lapse" if form == "seconds" else "points", after="" if figure.alike else "*"),
        target(figure, form, words),
        NOTHING if floor is None else Value(floor, form),
        Value(figure.value, "share"),
        NOTHING if figure.weight is None else Value(figure.weight, "share"),
        NOTHING if figure.n is None else Value(figure.n, "count"),
    )


def target(figure: Figure, form: str, words: Words) -> Value:
    """Return the target of a figure, or the band that it should lie in; an empty cell without one."""
    found = figure.parameters
    if "target" in found:
        return Value(found["target"], form)
    if "low" in found and "high" in found:
        return Value(f"{found['low']:g}{DASH}{words.figure(found['high'], form)}")
    return NOTHING


def restatement_grid(model: ReportModel, words: Words) -> Grid:
    """Return the scores as they were published before and as they are now, side by side."""
    before = {} if model.restatement is None else model.restatement.figures
    columns = [Column(words("Figure"), False, 3.4), Column(words("published before")), Column(words("restated"))]
    rows: list[Row] = []
    for figure in model.figures:
        old = before.get(figure.key)
        change = None if old is None or figure.value is None else figure.value - old
        name = Value("\u2003" * figure.key.count(".") + words.both(figure.name))
        rows.append((name, Value(old, "share"), Value(figure.value, "share"), Value(change, "points")))
    return Grid((*columns, Column(words("difference"))), rows)


def group_grid(model: ReportModel, words: Words) -> Grid:
    """Return the heat table of the groups, by name."""
    names = (Column(words.title(key), False, 1.7) for key in model.keys)
    figures = (Column(words.short(column.name), note=meaning(model, column.name, words)) for column in model.columns)
    units = {figure.name: figure.unit for figure in model.figures}
    forms = [
        "seconds" if column.measured and units.get(column.name) == "seconds" else "share" for column in model.columns
    ]
    rows = [_group_row(group, forms, words) for group in model.groups]
    return Grid((*names, Column(words("contacts")), *figures), rows, small=True)


def _group_row(group: Group, forms: list[str], words: Words) -> Row:
    tone, thin = ("muted", words(" (thin)")) if group.too_thin else ("", "")
    *names, last = words.group(group.names)
    marked = (*(Value(name, tone=tone) for name in names), Value(last, tone=tone, after=thin))
    cells = (_group_cell(cell, form, tone) for cell, form in zip(group.cells, forms, strict=True))
    return (*marked, Value(group.contacts, "count", tone), *cells)


def _group_cell(cell: GroupCell, form: str, tone: str) -> Value:
    sign = "" if cell.tone == 0 else "▲" if cell.tone > 0 else "▼"
    return Value(cell.shown, form, _TONES[cell.tone] or tone, sign, "*" if cell.partial else "")


def channel_grid(model: ReportModel, words: Words) -> Grid:
    """Return the surveys by channel."""
    columns = [Column(words("Channel"), False, 1.8), Column(words("satisfied")), Column(words("compared"))]
    columns += [Column(words("mean score")), Column(words("answers")), Column(words("set aside"))]
    columns += [Column(words("invited")), Column(words("response rate")), Column(words("weight"))]
    rows = [
        (
            Value(words.title(channel.figure.name)),
            Value(channel.satisfied_share, "share"),
            Value(channel.satisfied_before, "share"),
            Value(channel.mean_score, "share"),
            Value(channel.figure.n, "count"),
            Value(channel.set_aside, "count"),
            Value(channel.invited, "count"),
            Value(channel.response_rate, "share"),
            Value(channel.figure.weight, "share"),
        )
        for channel in model.channels
    ]
    return Grid(tuple(columns), rows, small=True)


def complaint_grid(model: ReportModel, words: Words) -> Grid:
    """Return the complaints, their rate and what the index makes of them."""
    figure = model.figure("csi.complaint")
    columns = (Column("", False, 2.2), Column(words("this period")), Column(words("compared")))
    if figure is None:
        return Grid(columns, [(Value(words("The weights have no complaint index.")), NOTHING, NOTHING)])
    counts = [(figure.numerator, figure.denominator), (figure.numerator_before, figure.denominator_before)]
    upheld = Value(model.counts.complaints_upheld, "count")
    rows = [
        (Value(words("Complaints counted")), *(Value(number, "count") for number, _ in counts)),
        (Value(words("Found justified, of all received")), upheld, NOTHING),
        (Value(words("Contacts")), *(Value(number, "count") for _, number in counts)),
        (Value(words("Complaint rate")), *(Value(_rate(*pair), "share") for pair in counts)),
        (Value(words("Factor of the index")), Value(figure.parameters.get("multiplier"), "factor"), NOTHING),
        _shares(words("Index before the floor at 0"), figure.raw, figure.raw_before),
        _shares(words("Complaint index"), figure.value, figure.before),
    ]
    return Grid(columns, rows)


def _rate(complaints: float | None, contacts: float | None) -> float | None:
    return complaints / contacts if complaints is not None and contacts else None


def _shares(title: str, *values: float | None) -> Row:
    return (Value(title), *(Value(value, "share") for value in values))


def level_grid(ratings: Ratings, words: Words) -> Grid:
    """Return the levels: the whole per cents of the bar beside the exact shares."""
    columns = (Column(words("Level"), False, 2.2), Column(words("rounded")), Column(words("exact share")))
    rows = [
        (Value(words.title(level.name)), Value(level.percent, "whole"), Value(level.share, "share"))
        for level in ratings.levels
    ]
    return Grid(columns, rows)


def quality_grid(model: ReportModel, words: Words) -> Grid:
    """Return what the data hold and lack."""
    quality = model.quality
    columns = (Column(words("What"), False, 3.0), Column(words("share")), Column(words("counted")), Column(words("of")))
    all_rows = None if quality.rows_counted is None else quality.rows_counted + (quality.rows_rejected or 0)

    def row(title: str, share: float | None, *counts: float | None) -> Row:
        cells = [Value(count, "count") for count in counts] or [NOTHING, NOTHING]
        return (Value(title), Value(share, "share"), *cells)

    days = (quality.days_without_calls, quality.days)
    rows = [
        row(words("Days without calls"), None if days[0] is None or not days[1] else days[0] / days[1], *days),
        row(words("Rejected records, all files"), quality.rejected_share, quality.rows_rejected, all_rows),
        row(words("Contacts without a group"), quality.unassigned_share),
    ]
    texts = {
        "sla": words("Answered calls whose wait is known"),
        "aht": words("Answered calls whose handling time is known"),
        "qa": words("Recordings scored, of the answered calls"),
        "external": words("Survey answers, of the answered calls"),
        "fcr": words("Closed tickets whose window has passed"),
    }
    rows += [row(texts[part.figure], part.share, part.counted, part.of) for part in quality.coverage]
    indices = (figure for figure in (model.csi, *model.components) if figure.missing)
    rows += [row(words("Weight with data: {figure}", figure=words.title(f.name)), f.coverage) for f in indices]
    return Grid(columns, rows)


def weight_grid(model: ReportModel, words: Words) -> Grid:
    """Return each weight with its share of the whole index and the source that the set names for it."""
    columns = [Column(words("Figure"), False, 2.2), Column(words("weight"), True, 0.8)]
    columns += [Column(words("of the index"), True, 0.9), Column(words("target"), True, 0.9)]
    columns += [Column(words("Source"), False, 3.2)]
    rows = []
    for figure in model.figures[1:]:
        name = "\u2003" * (figure.key.count(".") - 1) + words.both(figure.name)
        shares = (Value(figure.weight, "share"), Value(figure.overall, "share"))
        aim = target(figure, "seconds" if figure.unit == "seconds" else "share", words)
        rows.append((Value(name), *shares, aim, Value(words.source(_source(model.weights.document, figure)))))
    return Grid(tuple(columns), rows, small=True)


def _source(document: Any, figure: Figure) -> str:
    table = document
    for name in figure.key.split(".")[1:]:
        table = table.get(name, {})
    return str(table.get("source", ""))


def definition_grid(model: ReportModel, words: Words) -> Grid:
    """Return what each figure means under the weights used."""
    columns = (Column(words("Figure"), False, 2.0), Column(words("Meaning"), False, 4.2))
    rows = [(Value(words.both(figure.name)), Value(meaning(model, figure.name, words))) for figure in model.figures]
    return Grid(columns, rows)


def meaning(model: ReportModel, name: str, words: Words) -> str:
    """Return what a figure of the report means; "" for one that has no words of its own."""
    applied = next((figure.parameters for figure in model.figures if figure.name == name), {})
    return definition(name, model.weights.components, applied, words)
