"""The sentences of a report, made from its figures: the headline and what to look at."""

from collections.abc import Callable, Mapping, Sequence

from csi_service.report.attention import Attention
from csi_service.report.figures import Figure
from csi_service.report.monthly import ReportModel
from csi_service.report.words import Words

Finding = tuple[str, str]  # what to look at, and its evidence
_NAMED = 5  # groups in a finding


def headline(model: ReportModel, words: Words) -> str:
    """Return the report in one or two sentences."""
    period, csi = words.period(model.period), model.csi
    if model.empty and model.teams is not None:
        return words("There are no records of these teams in {period}, so there is no index.", period=period)
    if model.empty:
        return words("There are no records in {period}, so there is no index.", period=period)
    if csi.value is None:
        return words(
            "There is no customer satisfaction index for {period}: {reason}. Missing: {missing}.",
            period=period,
            reason=why(csi, model, words),
            missing=words.listed(csi.missing),
        )
    return words("{first} {second}", first=_level(model, words), second=_mover(model, words)).strip()


def why(figure: Figure, model: ReportModel, words: Words) -> str:
    """Return why a figure is missing; the whole index has no cases of its own."""
    if figure.reason == "coverage":
        found, least = words.share(figure.coverage), words.share(model.weights.minimum_coverage)
        return words("only {found} of its weight has data, {least} is needed", found=found, least=least)
    if figure.name == "csi" and figure.reason == "no_data":
        return words("none of its parts has a figure")
    return words.reason(figure.reason)


def _level(model: ReportModel, words: Words) -> str:
    csi, compared = model.csi, model.compared.period
    period, value = words.period(model.period), words.share(csi.value)
    if csi.partial:
        pattern = words("In {period} the customer satisfaction index was {value}, without: {missing}.")
        return pattern.format(period=period, value=value, missing=words.listed(csi.missing))
    if csi.change is None or compared is None or not csi.comparable:
        return words("In {period} the customer satisfaction index was {value}.", period=period, value=value)
    points, than = words.points(csi.change), words.period(compared)
    if points.startswith("+"):
        pattern = words("In {period} the customer satisfaction index was {value}, {points} points above {compared}.")
    elif points.startswith("−"):
        pattern = words("In {period} the customer satisfaction index was {value}, {points} points below {compared}.")
    else:
        pattern = words("In {period} the customer satisfaction index was {value}, the same as in {compared}.")
    return pattern.format(period=period, value=value, points=points.lstrip("+−"), compared=than)


def _mover(model: ReportModel, words: Words) -> str:
    """Which component the change comes from, and whether the change may be chance."""
    csi = model.csi
    if csi.change is None or not csi.comparable or words.points(csi.change)[0] not in "+−":
        return ""
    if csi.chance is not None and not csi.told:
        return words("A difference of this size can be chance.")
    direction = csi.change
    most = max(model.components, key=lambda figure: (figure.effect or 0.0) * direction)
    return words(
        "Most of the difference comes from: {component} ({points} points).",
        component=words.title(most.name),
        points=words.points(most.effect),
    )


def findings(model: ReportModel, words: Words) -> list[Finding]:
    """Return what to look at: each finding with its evidence."""
    return [_FINDINGS[item.rule](item, model, words) for item in model.attention]


def _missing(item: Attention, model: ReportModel, words: Words) -> Finding:
    figure = _figure(item)
    what = words("There is no figure for: {figure}.", figure=words.title(figure.name))
    weight = words("It carries {weight} of the index", weight=words.share(figure.overall))
    reason = why(figure, model, words)
    if figure.partial_value is None:
        return what, words("{weight}; {reason}.", weight=weight, reason=reason)
    rest = words("its other parts alone would give {value}", value=words.share(figure.partial_value))
    return what, words("{weight}; {reason}; {rest}.", weight=weight, reason=reason, rest=rest)


def _floor(item: Attention, model: ReportModel, words: Words) -> Finding:
    figure = _figure(item)
    what = words("{figure} is worse than its floor.", figure=words.title(figure.name))
    pattern = words("{value}; floor {floor}, target {target}; {n} cases.")
    floor, target = (words.measured(figure.parameters.get(name), figure.unit) for name in ("floor", "target"))
    value = words.measured(figure.raw, figure.unit)
    return what, pattern.format(value=value, floor=floor, target=target, n=words.count(figure.n))


def _floored(item: Attention, model: ReportModel, words: Words) -> Finding:
    figure = _figure(item)
    what = words("So many complaints that the complaint index is held at 0.")
    pattern = words(
        "{complaints} complaints on {contacts} contacts; it is 0 from one complaint in {factor} contacts on."
    )
    counts = {"complaints": words.count(figure.numerator), "contacts": words.count(figure.denominator)}
    return what, pattern.format(**counts, factor=f"{figure.parameters['multiplier']:g}")


def _fall(item: Attention, model: ReportModel, words: Words) -> Finding:
    figure = _figure(item)
    what = words("{figure} fell the most.", figure=words.title(figure.name))
    measured = figure.key.count(".") > 1  # a component stands for itself
    before, now = (figure.raw_before, figure.raw) if measured else (figure.before, figure.value)
    pattern = words("From {before} to {now}; this moves the index by {points} points; {n} cases.")
    values = {"before": words.measured(before, figure.unit), "now": words.measured(now, figure.unit)}
    return what, pattern.format(**values, points=words.points(figure.effect), n=words.count(figure.n))


def _groups(item: Attention, model: ReportModel, words: Words) -> Finding:
    figure = _figure(item)
    place = [column.key for column in model.columns].index(figure.key)
    told = [
        words(
            "{name} {value} (contacts: {contacts})",
            name=" / ".join(words.group(group.names)),
            value=words.share(group.cells[place].shown),
            contacts=words.count(group.contacts),
        )
        for group in item.groups
    ]
    what = words("Behind the other groups: {figure}.", figure=words.title(figure.name))
    values = {
        "count": words.count(len(told)),
        "all": words.count(len(model.groups)),
        "whole": words.share(figure.value),
    }
    pattern = words("{names}; {count} of {all} groups, by more than chance; all together {whole}.")
    return what, pattern.format(names=some(told, _NAMED, words), **values)


def some(names: Sequence[str], most: int, words: Words) -> str:
    """Return names in a row, at most so many; the others are counted, as the table marks them all."""
    more = words(" and {count} more, marked in the table", count=len(names) - most) if len(names) > most else ""
    return words.translate(", ").join(names[:most]) + more


def _responses(item: Attention, model: ReportModel, words: Words) -> Finding:
    channel = item.channel
    if channel is None:
        raise ValueError("a finding about responses names its channel")
    rate = words.share(channel.response_rate)
    what = words("Few customers answered: {channel}.", channel=words.title(channel.figure.name))
    pattern = words("{n} answers to {invited} invitations, a response rate of {rate}; below {limit} it is named here.")
    limit = words.share(model.weights.components["external"].low_response_rate)
    counts = {"n": words.count(channel.figure.n), "invited": words.count(channel.invited)}
    return what, pattern.format(**counts, rate=rate, limit=limit)


def _thin(item: Attention, model: ReportModel, words: Words) -> Finding:
    figure = _figure(item)
    what = words("{figure} rests on few cases.", figure=words.title(figure.name))
    pattern = words("{n} cases; its score of {value} is uncertain by about {points} points either way.")
    points = words.points(figure.half_width).lstrip("+")
    return what, pattern.format(n=words.count(figure.n), value=words.share(figure.value), points=points)


def _days(item: Attention, model: ReportModel, words: Words) -> Finding:
    quality = model.quality
    what = words("Some days have no calls.")
    days = {"missing": quality.days_without_calls, "days": quality.days}
    return what, words("{missing} of {days} days; data may be missing, or the centre was closed.", **days)


def _rejected(item: Attention, model: ReportModel, words: Words) -> Finding:
    quality = model.quality
    what = words("Many rows were rejected.")
    pattern = words("{rejected} rejected, {counted} counted ({share} rejected).")
    counts = {"rejected": words.count(quality.rows_rejected), "counted": words.count(quality.rows_counted)}
    return what, pattern.format(**counts, share=words.share(quality.rejected_share))


def _unassigned(item: Attention, model: ReportModel, words: Words) -> Finding:
    what = words("Many contacts belong to no group.")
    share = words.share(model.quality.unassigned_share)
    return what, words("{share} of the contacts are without a group; the totals include them.", share=share)


def _figure(item: Attention) -> Figure:
    if item.figure is None:
        raise ValueError(f"a finding by the rule {item.rule} names its figure")
    return item.figure


_FINDINGS: Mapping[str, Callable[[Attention, ReportModel, Words], Finding]] = {
    "missing": _missing,
    "floor": _floor,
    "floored": _floored,
    "fall": _fall,
    "groups": _groups,
    "responses": _responses,
    "thin": _thin,
    "days": _days,
    "rejected": _rejected,
    "unassigned": _unassigned,
}
