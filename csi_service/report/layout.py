"""From the model to the document: which figures stand where, in words."""

from csi_service.language import marked
from csi_service.report.charts import NARROW, WIDE, Bar, Line, Share, bars, stacked_bar, trend
from csi_service.report.document import Block, Chart, Document, Facts, Points, Section, Text, Tile, Tiles
from csi_service.report.figures import Figure
from csi_service.report.monthly import ReportModel
from csi_service.report.sentences import findings, headline, some, why
from csi_service.report.tables import (
    as_table,
    channel_grid,
    complaint_grid,
    definition_grid,
    group_grid,
    kpi_grid,
    level_grid,
    quality_grid,
    restatement_grid,
    weight_grid,
)
from csi_service.report.words import DASH, Words

_NAMED = 30  # thin groups in a sentence; the table marks them all
_STAR = marked("* made of the parts with data, rescaled; a difference with * compares figures of different parts.")


def document_of(model: ReportModel, words: Words) -> Document:
    """Return the report in the words of a language."""
    weights = model.weights
    name = weights.title_zh if words.language == "zh" and weights.title_zh else weights.title
    month = model.period.label.count("-") == 1 and model.period.label[5:].isdigit()
    return Document(
        language=words.language,
        title=words("Monthly satisfaction report") if month else words("Satisfaction report"),
        period=words.period(model.period),
        subtitle=words("Weights: {name}", name=name),
        first_page=tuple(_first_page(model, words)),
        sections=tuple(_sections(model, words)),
        footer=words("csi_service {version} · weights {digest}", version=model.version, digest=weights.digest[:12]),
        page=words("page {page} of {pages}"),
        brief=model.empty,
    )


def _first_page(model: ReportModel, words: Words) -> list[Block]:
    blocks: list[Block] = [*(Text(text, "alert") for text in notices(model, words))]
    blocks += [Text(headline(model, words), "lead")]
    if not model.empty:
        blocks += [Tiles(tuple(_tile(figure, model, words) for figure in (model.csi, *model.components)))]
        blocks += [Facts(facts(model, words)), *_levels(model, words)]
    blocks += [_trend(model, words)]
    if not model.empty:
        title = Text(words("What to look at"), "heading")
        points = findings(model, words)
        nothing = Text(words("Nothing stands out by the rules of this report."))
        blocks += [title, Points(tuple(points)) if points else nothing]
    return blocks


def notices(model: ReportModel, words: Words) -> list[str]:
    """Return what has to be known before any figure is read."""
    found = [] if model.restatement is None else [restated(model, words)]
    if model.teams is not None:
        teams = words.translate(", ").join(map(words.name, model.teams))
        found.append(words("This report tells of these teams only: {teams}.", teams=teams))
    if model.importing:
        found.append(words("Data were being imported while this report was made: its figures may still change."))
    if model.in_progress:
        values = {"period": words.period(model.period), "days": model.quality.days}
        found.append(words("{period} has not ended: all figures are provisional and cover {days} days.", **values))
    return found


def _tile(figure: Figure, model: ReportModel, words: Words) -> Tile:
    value = words.share(figure.value) + ("*" if figure.partial else "")
    if figure.value is None:
        return Tile(words.coded(figure.name), value, why(figure, model, words))
    if model.compared.period is None or figure.before is None:
        alone = words("nothing to compare with")
        return Tile(words.coded(figure.name), value, _unsure(figure, alone, words))
    values = {"before": words.share(figure.before), "compared": words.period(model.compared.period)}
    points = words.points(figure.change)
    detail = words("{points} points; {compared}: {before}", points=points, **values)
    if not figure.comparable:
        detail = words("{compared}: {before}, made of other parts", **values)
    elif figure.chance is not None and not figure.told and figure.change:
        detail = words("{points} points, can be chance; {compared}: {before}", points=points, **values)
    return Tile(words.coded(figure.name), value, _unsure(figure, detail, words))


def _unsure(figure: Figure, detail: str, words: Words) -> str:
    if not figure.too_thin:
        return detail
    return words("uncertain by {points} points; {detail}", points=words.points(figure.half_width)[1:], detail=detail)


def restated(model: ReportModel, words: Words) -> str:
    """Return in a sentence that the report takes another's place, and why; empty where it does not."""
    if model.restatement is None:
        return ""
    values = {"day": words.day(model.restatement.published_on), "reason": model.restatement.reason}
    return words("Restated: this report takes the place of the one of {day}. Reason: {reason}", **values)


def facts(model: ReportModel, words: Words) -> tuple[tuple[str, str], ...]:
    """Return outlook, order and what a star means."""
    rows = [(words("Outlook"), _outlook(model, words))]
    if model.usual_order is not None:
        order = words("holds") if model.usual_order else words("does not hold; no fault, but worth a question")
        rows.append((words("Usual order O > C > I"), order))
    if model.csi.partial:
        pattern = words("The parts with data were rescaled; without: {missing}.")
        rows.append((words("* partial"), pattern.format(missing=words.listed(model.csi.missing))))
    return tuple(rows)


def _outlook(model: ReportModel, words: Words) -> str:
    outlook = model.outlook
    if outlook is None or not outlook.judged:
        return words("unknown: no recording says whether an excitement need was met")
    pattern = words("{word}: in {met} of {judged} recordings an excitement need was met ({share})")
    share = words.share((outlook.met or 0.0) / outlook.judged)
    counts = {"met": words.count(outlook.met), "judged": words.count(outlook.judged)}
    return pattern.format(word=words.outlook(outlook.word), share=share, **counts)


def _levels(model: ReportModel, words: Words) -> list[Block]:
    ratings = model.ratings
    title = words("Quality raters' view of the customers' satisfaction")
    if ratings is None or not ratings.levels:
        return [Text(words("There are no ratings of recordings in this period."), "note")]
    parts = [Share(words.title(level.name), level.share, f"{level.percent:.0f} %") for level in ratings.levels]
    description = "; ".join(f"{part.label} {part.shown}" for part in parts)
    counts = {"rated": words.count(ratings.rated), "batches": words.count(ratings.batches)}
    caption = words("{title} (rated calls: {rated}, batches: {batches})", title=title, **counts)
    return [Chart(caption, *(stacked_bar(title, description, parts, room) for room in (WIDE, NARROW)))]


def _trend(model: ReportModel, words: Words) -> Chart:
    points = model.trend
    hollow = tuple(point.partial or point.in_progress for point in points)
    drawn = {"csi": (tuple(point.csi for point in points), hollow)}
    for figure in model.components:
        values = tuple(point.components.get(figure.name) for point in points)
        open_ = tuple(figure.name in point.partial_parts or point.in_progress for point in points)
        drawn[figure.name] = (values, open_)
    title = words("Trend, {count} periods", count=len(points))
    told = [f"{point.period.label} {words.share(point.csi)}" for point in points]
    labels = [_axis_label(point.period.label) for point in points]
    caption = title
    if any(any(open_) for _, open_ in drawn.values()):
        caption = words("{title} (hollow: partial or not ended)", title=title)
    description = f"{words.short('csi')}: {'; '.join(told)}"
    wide = [Line(words.short(name) if name == "csi" else words.both(name), *line) for name, line in drawn.items()]
    narrow = [Line(words.short(name), *line) for name, line in drawn.items()]
    return Chart(caption, trend(title, description, labels, wide), trend(title, description, labels, narrow, NARROW))


def _axis_label(label: str) -> str:
    return label.partition("..")[0]


def _sections(model: ReportModel, words: Words) -> list[Section]:
    sections = []
    if model.restatement is not None:
        side_by_side = as_table(restatement_grid(model, words), words)
        sections.append(Section(words("Restatement"), (Text(restated(model, words)), side_by_side)))
    if not model.empty:
        sections.append(Section(words("Figures"), tuple(_kpis(model, words))))
        if model.keys:
            keys = words.translate(", ").join(words.title(key) for key in model.keys)
            sections.append(Section(words("By group: {keys}", keys=keys), tuple(_groups(model, words))))
        sections.append(Section(words("Surveys by channel"), tuple(_channels(model, words))))
        sections.append(Section(words("Complaints"), (as_table(complaint_grid(model, words), words),)))
        sections.append(Section(words("Ratings"), tuple(_ratings(model, words))))
    sections.append(Section(words("Data quality"), tuple(_quality(model, words))))
    sections.append(Section(words("Weights used"), tuple(_weights(model, words))))
    sections.append(Section(words("Definitions"), (as_table(definition_grid(model, words), words), *rules(words))))
    return sections


def _kpis(model: ReportModel, words: Words) -> list[Block]:
    wide, narrow = (
        [Bar(name(figure.name), figure.value, words.share(figure.value)) for figure in model.figures]
        for name in (words.both, words.short)
    )
    title, description = words("Scores"), "; ".join(f"{row.label} {row.shown}" for row in wide)
    blocks: list[Block] = [
        Chart(title, bars(title, description, wide), bars(title, description, narrow, NARROW)),
        as_table(kpi_grid(model, words), words),
    ]
    if any(figure.partial or not figure.alike for figure in model.figures):
        blocks.append(Text(words(_STAR), "note"))
    if any("provisional" in figure.flags for figure in model.figures):
        blocks.append(Text(words("° provisional: some of its cases can still change."), "note"))
    return blocks


def _groups(model: ReportModel, words: Words) -> list[Block]:
    if not model.groups:
        return [Text(words("No group has data in this period."))]
    first, *others = (Text(text, "note") for text in group_notes(model, words))
    return [first, as_table(group_grid(model, words), words), *others]


def group_notes(model: ReportModel, words: Words) -> list[str]:
    """Return what is to be known of the table of groups: how it is read, which are too thin, what a star means."""
    found = [
        words("By name. Coloured only where more than chance: ▲ better, ▼ worse than all other named groups together.")
    ]
    if thin := [" / ".join(words.group(group.names)) for group in model.groups if group.too_thin]:
        values = {"count": words.count(len(thin)), "all": words.count(len(model.groups))}
        named = some(thin, _NAMED, words)
        found.append(words("Index too thin to be relied on ({count} of {all}): {named}.", named=named, **values))
    if any(cell.partial for group in model.groups for cell in group.cells):
        found.append(words(_STAR))
    return found


def _channels(model: ReportModel, words: Words) -> list[Block]:
    if not model.channels:
        return [Text(words("There are no surveys in the data."))]
    survey = model.weights.components.get("external")
    rates = ((channel, channel.response_rate) for channel in model.channels)
    low = [channel for channel, rate in rates if survey and rate is not None and rate < survey.low_response_rate]
    blocks: list[Block] = [as_table(channel_grid(model, words), words)]
    if low and survey:
        names = words.listed(tuple(channel.figure.name for channel in low))
        pattern = words("Response rate below {limit}: {channels}. Those who answer may differ from those who do not.")
        blocks.append(Text(pattern.format(limit=words.share(survey.low_response_rate), channels=names), "note"))
    return blocks


def _ratings(model: ReportModel, words: Words) -> list[Block]:
    ratings = model.ratings
    if ratings is None or not ratings.levels:
        blocks: list[Block] = [Text(words("There are no ratings of recordings in this period."))]
    else:
        note = words("It is the judgement of quality raters, not of the customers, and no part of the index.")
        blocks = [as_table(level_grid(ratings, words), words), Facts(rating_facts(model, words)), Text(note, "note")]
    if ratings is not None and ratings.empty_batches:
        names = words.translate(", ").join(words.name(batch) for batch in ratings.empty_batches)
        blocks.append(Text(words("Batches without ratings: {names}.", names=names), "note"))
    return blocks


def rating_facts(model: ReportModel, words: Words) -> tuple[tuple[str, str], ...]:
    """Return what stands beside the level shares."""
    ratings = model.ratings
    if ratings is None:
        return ()
    batches = words.count(ratings.batches)
    weighting = words("by population") if ratings.weighting == "population" else words("by sample")
    if ratings.fallback:
        weighting = words("by sample, as a batch lacks its population")
    rows = [
        (words("Mean level"), words("{mean} of 5", mean=f"{ratings.mean or 0.0:.2f}")),
        (words("Satisfied share"), words.share(ratings.satisfied)),
        (words("Rated calls"), words.count(ratings.rated)),
        (words("Batches"), words("{batches}, weighed {weighting}", batches=batches, weighting=weighting)),
        (words("Raters"), words.count(model.counts.raters)),
    ]
    rows += [(words.selection(name), words.count(count)) for name, count in model.counts.apart.items()]
    return tuple(rows)


def _quality(model: ReportModel, words: Words) -> list[Block]:
    blocks: list[Block] = [as_table(quality_grid(model, words), words)]
    return [*blocks, *(Text(words.told(warning), "note") for warning in model.warnings)]


def _weights(model: ReportModel, words: Words) -> list[Block]:
    before = model.compared.weights
    blocks: list[Block] = [Facts(weight_facts(model, words)), as_table(weight_grid(model, words), words)]
    if before is not None and before.digest != model.weights.digest:
        pattern = words(
            "The compared period was scored with other weights ({name}), so the scores differ by these too."
        )
        blocks.append(Text(pattern.format(name=before.name), "note"))
    return blocks


def weight_facts(model: ReportModel, words: Words) -> tuple[tuple[str, str], ...]:
    """Return which set of weights was used."""
    weights = model.weights
    return (
        (words("Name"), weights.name),
        (words("Valid from"), words.day(weights.effective)),
        (words("Author"), words.name(weights.author) or DASH),
        (words("Source"), words.source(weights.source)),
        (words("Digest"), weights.digest),
    )


def rules(words: Words) -> list[Block]:
    """Return how the figures of a report are made and shown."""
    texts = (
        words("Scores lie between 0 and 100 %. Differences are made from unrounded figures, in percentage points."),
        words(
            "Chance is judged by limits of 95 %. A handling time counts as exact here, a recording score as a share."
        ),
        words("A group is too thin with fewer than 30 contacts, or if its index is uncertain by more than 10 points."),
        words("The indices and the factor of the complaint index are this service's own method, no industry standard."),
    )
    return [Text(text, "note") for text in texts]
