"""Scores as text for a terminal: one group in full, several as a table."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from csi_service.core.composite import components, missing, reason, walk
from csi_service.core.indicator import Node
from csi_service.core.levels import whole_percents
from csi_service.core.outlook import label
from csi_service.core.weights import WeightSet
from csi_service.facts.kinds import UNASSIGNED
from csi_service.language import ENGLISH, marked
from csi_service.report.columns import in_columns, ordered, padded, visible
from csi_service.report.numbers import percent, seconds
from csi_service.report.words import Words, words_of
from csi_service.scoring import PeriodScores, Scores

_REASONS = {
    "not_given": marked("not in the data"),
    "no_data": marked("no cases"),
    "coverage": marked("too little of its weight has data"),
}
_FLAGS = {"floored": marked("floored"), "below_floor": marked("below floor"), "provisional": marked("provisional")}


class _Nodes:
    """How the nodes of a set's score trees are called, and the unit of what they measure."""

    def __init__(self, weights: WeightSet, words: Words) -> None:
        registered = components(weights)
        self._words = words
        self._titles = {"csi": "CSI"} | {calculator.name: calculator.title for calculator in registered}
        self._units = {figure.name: figure.unit for calculator in registered for figure in calculator.indicators}

    def short(self, name: str) -> str:
        """The name as a column carries it."""
        if self._words.language != ENGLISH and name not in self._titles:
            return self._words.short(name)
        return self._titles.get(name, name.upper() if len(name) <= 4 else name.replace("_", " "))

    def title(self, name: str) -> str:
        """The name as a line carries it; in English the abbreviations are enough."""
        return self.short(name) if self._words.language == ENGLISH else self._words.both(name)

    def measured(self, node: Node, group: int) -> str:
        value = float(node.raw[group])
        if self._units.get(node.name) != "seconds":
            return percent(value)
        shown = seconds(value)
        return shown if np.isnan(value) else self._words("{number} s", number=shown.removesuffix(" s"))


def render(scores: Scores, language: str = ENGLISH) -> str:
    """Return the scores as text: in full where there is one group and period, else a table with a line a group."""
    words = words_of(language)
    single = len(scores.by_group) == 1 and len(scores.by_group[0].groups) == 1
    return _text(
        _in_full(scores.by_group[0], scores.keys, words) if single else _overview(scores, words), scores, words
    )


def render_both(scores: Scores, language: str = ENGLISH) -> str:
    """Return the scores of a period as text: all groups together in full, then a table with a line a group."""
    words = words_of(language)
    return _text([*_in_full(scores.total[0], (), words), "", *_overview(scores, words)], scores, words)


def _text(lines: Iterable[str], scores: Scores, words: Words) -> str:
    notes = [words("Note: {text}", text=words.told(warning)) for warning in scores.warnings]
    return "".join(f"{visible(line)}\n" for line in (*lines, *([""] if notes else []), *notes))


def _in_full(part: PeriodScores, keys: Sequence[str], words: Words) -> Iterator[str]:
    heading = " ".join([part.period.label, *(f"{words.key(key)} {part.groups[key].iloc[0]}" for key in keys)])
    of = {"heading": heading, "weights": part.weights.name, "day": part.weights.effective}
    if part.in_progress:
        yield words("{heading}, not ended yet - weights {weights} (valid from {day})", **of)
    else:
        yield words("{heading} - weights {weights} (valid from {day})", **of)
    yield ""
    nodes = _Nodes(part.weights, words)
    heads = (words("score"), words("measured"), words("weight"), words("adds"), words("evidence"))
    rows = [("", *heads, "")]
    for key, node in walk(part.roots[0]):
        depth = key.count(".")
        measured = nodes.measured(node, 0) if depth > 1 or _is_up(node, "floored") else ""
        name = "  " * depth + nodes.title(node.name)
        rows.append((name, percent(node.value[0]), measured, *_share(node), _remark(node, nodes, words)))
    yield from in_columns(rows, left=(0, 5, 6))
    order = part.roots[0].beside.get("usual_order")
    if order is not None and not np.isnan(order[0]):
        yield ""
        holds = words("holds") if order[0] else words("does not hold")
        yield words("Usual order O > C > I: {holds}", holds=holds)
    for root in part.roots[1:]:
        yield ""
        yield from _outlook(root, words) if root.name == "outlook" else _ratings(root, nodes, words)


def _is_up(node: Node, flag: str) -> bool:
    return flag in node.flags and bool(node.flags[flag][0])


def _share(node: Node) -> tuple[str, str, str]:
    weight = "" if np.isnan(node.weight[0]) else percent(node.weight[0])
    adds = "" if np.isnan(node.contribution[0]) else percent(node.contribution[0])
    top, bottom = node.numerator[0], node.denominator[0]
    return weight, adds, "" if np.isnan(top) or np.isnan(bottom) else f"{_count(top)} / {_count(bottom)}"


def _count(number: float) -> str:
    return f"{number:,.10g}"


def _remark(node: Node, nodes: _Nodes, words: Words) -> str:
    remarks = [words(_FLAGS.get(flag, flag.replace("_", " "))) for flag in node.flags if _is_up(node, flag)]
    why = reason(node, 0)
    if why is not None:
        told = _told(why, node, words)
        coverage = words("{reason} ({share})", reason=told, share=percent(node.coverage[0]))
        remarks.append(coverage if why == "coverage" else told)
    if not np.isnan(node.partial_value[0]):
        remarks.append(words("{value} over the parts that have", value=percent(node.partial_value[0])))
    if node.partial[0]:
        names = words(", ").join(nodes.title(name) for name in missing(node, 0))
        remarks.append(words("partial: without {names}", names=names))
    return words("; ").join(remarks)


def _told(why: str, node: Node, words: Words) -> str:
    """Why a node has no figure, and which half of its evidence there is."""
    if why == "no_data" and node.name == "csi":
        return words("none of its parts has a figure")
    top, bottom = node.numerator[0], node.denominator[0]
    if why != "not_given" or np.isnan(top) == np.isnan(bottom):
        return words(_REASONS[why])
    pattern = marked("not in the data; these hold its denominator only, {count}")
    if np.isnan(bottom):
        pattern = marked("not in the data; these hold its numerator only, {count}")
    return words(pattern, count=_count(bottom if np.isnan(top) else top))


def _outlook(node: Node, words: Words) -> Iterator[str]:
    outlook = words.outlook(label(node, 0))
    if np.isnan(node.value[0]):
        yield words("Outlook: {outlook}", outlook=outlook)
    else:
        pattern = marked("Outlook: {outlook} ({evidence} recordings met an excitement need)")
        yield words(pattern, outlook=outlook, evidence=_share(node)[2])


def _ratings(node: Node, nodes: _Nodes, words: Words) -> Iterator[str]:
    if np.isnan(node.value[0]):
        yield words("Ratings: none")
    else:
        weighting = words.weighting(node.notes["weighting"])
        if node.notes["fallback"]:
            weighting = words("{weighting} (a batch lacks its population)", weighting=weighting)
        counts = {"calls": _count(node.n[0]), "batches": _count(node.beside["batches"][0])}
        pattern = marked(
            "Ratings by QA, {calls} calls in {batches} batches, weighed by {weighting}: mean level {mean} of 5"
        )
        yield words(pattern, **counts, weighting=weighting, mean=f"{node.raw[0]:.2f}")
        shares = [float(child.value[0]) for child in node.children]
        for child, whole in zip(node.children, whole_percents(shares), strict=True):
            yield f"  {padded(nodes.title(child.name), 18)} {whole:>3.0f} %  {'#' * round(whole / 2)}"
    if node.notes["empty_batches"]:
        yield words("  batches without ratings: {names}", names=words(", ").join(node.notes["empty_batches"]))


def _overview(scores: Scores, words: Words) -> Iterator[str]:
    shown = _shown(scores.by_group, words)
    rows = [(words("period"), *map(words.key, scores.keys), *shown.values(), words("contacts"))]
    for part, total in zip(scores.by_group, scores.total, strict=True):
        names = part.groups.itertuples(index=False, name=None) if scores.keys else [()]
        for group, name in sorted(enumerate(names), key=lambda pair: (UNASSIGNED in pair[1], ordered(pair[1]))):
            figures = tuple(_figures(part, shown, group, words))
            if not scores.keys or not {*figures} <= {"-", "0", ""}:  # a group of other periods has nothing here
                rows.append((_label(part, words), *map(words.member, name), *figures))
        if scores.keys:
            everything = [words("(all)")] * len(scores.keys)
            rows.append((_label(total, words), *everything, *_figures(total, shown, 0, words)))
    yield from in_columns(rows, left=range(1 + len(scores.keys)))
    yield ""
    yield words("* partial: a part without data was left out and the rest rescaled;  - no figure (see --format json)")
    sets = {part.weights.name: part.weights.effective for part in scores.by_group}
    named = [words("{weights} (valid from {day})", weights=name, day=day) for name, day in sets.items()]
    yield words("Weights: {name}", name=words(", ").join(named))


def _shown(parts: Sequence[PeriodScores], words: Words) -> dict[str, str]:
    """The nodes that have a column, with its title: the index, its components, the figures of the first component."""
    titles: dict[str, str] = {}
    for part in parts:  # each may have weights of its own, and so other nodes
        root, named = part.roots[0], _Nodes(part.weights, words)
        first = f"{root.name}.{root.children[0].name}."
        nodes = walk(root)
        titles |= {key: named.short(node.name) for key, node in nodes if key.count(".") < 2 or key.startswith(first)}
    return {key: titles[key] for key in sorted(titles, key=lambda key: key.count("."))}


def _label(part: PeriodScores, words: Words) -> str:
    return words("{period} (not ended)", period=part.period.label) if part.in_progress else part.period.label


def _figures(part: PeriodScores, shown: Iterable[str], group: int, words: Words) -> Iterator[str]:
    nodes, named = dict(walk(part.roots[0])), _Nodes(part.weights, words)
    for key in shown:
        node = nodes.get(key)
        if node is None:
            yield "-"
        elif key.count(".") > 1:
            yield named.measured(node, group)
        else:
            yield percent(node.value[group]) + ("*" if node.partial[group] else "")
    complaint = nodes.get("csi.complaint")
    contacts = np.nan if complaint is None else complaint.denominator[group]
    yield "" if np.isnan(contacts) else f"{contacts:,.0f}"
