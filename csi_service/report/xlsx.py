"""The report as a workbook: unrounded figures with number formats, native charts, definitions as notes."""

import io

from csi_service.report.charts import LEVEL_COLOURS, LINE_COLOURS
from csi_service.report.document import Column, Text
from csi_service.report.layout import facts, group_notes, notices, rating_facts, restated, rules, weight_facts
from csi_service.report.monthly import ReportModel
from csi_service.report.sentences import findings, headline
from csi_service.report.sheets import Book, Sheet
from csi_service.report.tables import (
    Grid,
    Row,
    Value,
    channel_grid,
    complaint_grid,
    definition_grid,
    group_grid,
    kpi_grid,
    level_grid,
    meaning,
    quality_grid,
    restatement_grid,
    weight_grid,
)
from csi_service.report.words import Words


def as_xlsx(model: ReportModel, words: Words) -> bytes:
    """Return the report as a workbook; every text is written as text, never as a formula, link or number."""
    stream = io.BytesIO()
    book = Book(stream, f"{words('Satisfaction report')} {model.period.label}")
    _overview(book, model, words)
    if model.restatement is not None:
        sheet = book.sheet(words("Restatement"))
        sheet.widths(40, 18)
        sheet.sheet.freeze_panes(sheet.grid(restatement_grid(model, words)) + 1, 1)
        sheet.lines(restated(model, words))
    _figures(book, model, words)
    _trend(book, model, words)
    if model.keys:
        _groups(book, model, words)
    _surveys(book, model, words)
    _ratings(book, model, words)
    _data(book, model, words)
    book.book.close()
    return stream.getvalue()


def _overview(book: Book, model: ReportModel, words: Words) -> None:
    sheet = book.sheet(words("Overview"))
    sheet.widths(44, 16)
    sheet.heading(f"{words('Satisfaction report')} {words.period(model.period)}")
    sheet.lines(*notices(model, words), headline(model, words))
    sheet.row += 1
    rows = [
        (
            Value(words.both(figure.name), tone="strong"),
            Value(figure.value, "share", after="*" if figure.partial else ""),
            Value(figure.before, "share"),
            Value(figure.change if figure.comparable else None, "points"),
            Value("" if figure.comparable else words("made of other parts")),
        )
        for figure in (model.csi, *model.components)
    ]
    columns = (Column(words("Index")), Column(words("value")), Column(words("compared")), Column(words("difference")))
    sheet.grid(Grid((*columns, Column("")), rows))
    for name, answer in facts(model, words):
        _pair(sheet, name, answer)
    sheet.row += 1
    sheet.heading(words("What to look at"))
    for what, evidence in findings(model, words):
        _pair(sheet, what, evidence)
    if not model.attention:
        sheet.lines(words("Nothing stands out by the rules of this report."))


def _pair(sheet: Sheet, name: str, answer: str) -> None:
    sheet.sheet.write_string(sheet.row, 0, name)
    sheet.sheet.write_string(sheet.row, 1, answer)
    sheet.row += 1


def _figures(book: Book, model: ReportModel, words: Words) -> None:
    sheet = book.sheet(words("Figures"))
    sheet.widths(40, 13)
    top = sheet.grid(kpi_grid(model, words))
    for number, figure in enumerate(model.figures, top + 1):
        if text := meaning(model, figure.name, words):
            sheet.sheet.write_comment(number, 0, text, {"x_scale": 2, "visible": False})
    sheet.sheet.freeze_panes(top + 1, 1)
    sheet.heading(words("Definitions"))
    sheet.grid(definition_grid(model, words))
    sheet.lines(*(block.text for block in rules(words) if isinstance(block, Text)))


def _trend(book: Book, model: ReportModel, words: Words) -> None:
    sheet = book.sheet(words("Trend"))
    sheet.widths(24, 16)
    names = [figure.name for figure in model.components]
    columns = [Column(words("Period"), False), Column(words.short("csi"))]
    columns += [Column(words.both(name)) for name in names] + [Column(words("Remark"), False)]
    rows: list[Row] = []
    for point in model.trend:
        remarks = [words("partial")] * point.partial + [words("not ended")] * point.in_progress
        parts = (Value(point.components.get(name), "share") for name in names)
        rows.append((Value(point.period.label), Value(point.csi, "share"), *parts, Value(", ".join(remarks))))
    top = sheet.grid(Grid(tuple(columns), rows))
    sheet.sheet.freeze_panes(top + 1, 1)
    chart = book.book.add_chart({"type": "line"})
    last = top + len(rows)
    for index in range(1 + len(names)):
        line = {"color": LINE_COLOURS[index % len(LINE_COLOURS)], "width": 2.5 if index == 0 else 1.25}
        places = {"categories": [sheet.name, top + 1, 0, last, 0]}
        values = [sheet.name, top + 1, index + 1, last, index + 1]
        name = [sheet.name, top, index + 1]
        marker = {"type": "circle", "size": 5, "fill": {"color": line["color"]}, "border": {"color": line["color"]}}
        chart.add_series({**places, "name": name, "values": values, "line": line, "marker": marker})
    chart.set_title({"name": words("Trend, {count} periods", count=len(rows))})
    chart.set_y_axis({"num_format": "0%", "major_gridlines": {"visible": True, "line": {"color": "#D9DEE4"}}})
    chart.set_legend({"position": "bottom"})
    chart.show_blanks_as("gap")
    sheet.sheet.insert_chart(last + 2, 0, chart, {"x_scale": 1.7, "y_scale": 1.2})


def _groups(book: Book, model: ReportModel, words: Words) -> None:
    sheet = book.sheet(words("Groups"))
    sheet.widths(*[26] * len(model.keys), 12)
    grid = group_grid(model, words)
    top = sheet.grid(grid)
    sheet.sheet.freeze_panes(top + 1, len(model.keys))
    if grid.rows:
        sheet.sheet.autofilter(top, 0, top + len(grid.rows), len(grid.columns) - 1)
        sheet.lines(*group_notes(model, words))


def _surveys(book: Book, model: ReportModel, words: Words) -> None:
    sheet = book.sheet(words("Surveys and complaints"))
    sheet.widths(40, 13)
    top = sheet.grid(channel_grid(model, words))
    sheet.sheet.freeze_panes(top + 1, 1)
    sheet.heading(words("Complaints"))
    sheet.grid(complaint_grid(model, words))


def _ratings(book: Book, model: ReportModel, words: Words) -> None:
    sheet = book.sheet(words("Ratings"))
    sheet.widths(48, 14)
    ratings = model.ratings
    if ratings is None or not ratings.levels:
        sheet.lines(words("There are no ratings of recordings in this period."))
        return
    top = sheet.grid(level_grid(ratings, words))
    sheet.sheet.freeze_panes(top + 1, 1)
    for name, answer in rating_facts(model, words):
        _pair(sheet, name, answer)
    chart = book.book.add_chart({"type": "bar", "subtype": "percent_stacked"})
    for index in range(len(ratings.levels)):
        cell = [sheet.name, top + 1 + index, 2, top + 1 + index, 2]
        fill = {"color": LEVEL_COLOURS[index]}
        chart.add_series({"name": [sheet.name, top + 1 + index, 0], "values": cell, "fill": fill, "gap": 40})
    chart.set_title({"name": words("Quality raters' view of the customers' satisfaction")})
    chart.set_legend({"position": "bottom"})
    chart.set_y_axis({"visible": False})
    sheet.sheet.insert_chart(sheet.row + 1, 0, chart, {"x_scale": 1.5, "y_scale": 0.8})


def _data(book: Book, model: ReportModel, words: Words) -> None:
    sheet = book.sheet(words("Data quality"))
    sheet.widths(48, 14)
    sheet.sheet.freeze_panes(sheet.grid(quality_grid(model, words)) + 1, 1)
    sheet.lines(*(words.told(warning) for warning in model.warnings))
    sheet = book.sheet(words("Weights"))
    sheet.widths(40, 14)
    sheet.sheet.freeze_panes(sheet.grid(weight_grid(model, words)) + 1, 1)
    for name, answer in weight_facts(model, words):
        _pair(sheet, name, answer)
    _pair(sheet, words("Made with"), f"csi_service {model.version}")
