"""Scores as text for a terminal: one group in full, several as a table."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np

from csi_service.core.composite import components, missing, reason, walk
from csi_service.core.indicator import Node
from csi_service.core.levels import whole_percents
from csi_service.core.outlook import label
from csi_service.core.weights import WeightSet
from csi_service.report.columns import in_columns, visible
from csi_service.scoring import PeriodScores, Scores

_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)  # holds any float in full
_CENT = Decimal("0.01")
_REASONS = {"not_given": "not in the data", "no_data": "no cases", "coverage": "too little of its weight has data"}


def percent(value: float) -> str:
    """Return a fraction as per cent, rounded half up to two decimals; a dash for NaN.

    >>> percent(0.98765)
    '98.77 %'
    """
    if np.isnan(value):
        return "-"
    return f"{_two_decimals(Decimal(repr(float(value))).scaleb(2, _EXACT))} %"


def seconds(value: float) -> str:
    """Return a duration, rounded half up to two decimals; a dash for NaN.

    >>> seconds(226.125)
    '226.13 s'
    """
    return "-" if np.isnan(value) else f"{_two_decimals(Decimal(repr(float(value)))):,} s"


def _two_decimals(number: Decimal) -> Decimal:
    return _EXACT.plus(number.quantize(_CENT, context=_EXACT))  # plus: no minus before a zero


class _Words:
    """How the nodes of a set's score trees are called, and the unit of what they measure."""

    def __init__(self, weights: WeightSet) -> None:
        registered = components(weights)
        self._titles = {"csi": "CSI"} | {calculator.name: calculator.title for calculator in registered}
        self._units = {figure.name: figure.unit for calculator in registered for figure in calculator.indicators}

    def title(self, name: str) -> str:
        return self._titles.get(name, name.upper() if len(name) <= 4 else name.replace("_", " "))

    def measured(self, node: Node, group: int) -> str:
        show = seconds if self._units.get(node.name) == "seconds" else percent
        return show(float(node.raw[group]))


def render(scores: Scores) -> str:
    """Return the scores as text: in full where there is one group and period, else a table with a line a group."""
    single = len(scores.by_group) == 1 and len(scores.by_group[0].groups) == 1
    return _text(_in_full(scores.by_group[0], scores.keys) if single else _overview(scores), scores)


def render_both(scores: Scores) -> str:
    """Return the scores of a period as text: all groups together in full, then a table with a line a group."""
    return _text([*_in_full(scores.total[0], ()), "", *_overview(scores)], scores)


def _text(lines: Iterable[str], scores: Scores) -> str:
    notes = ["", *(f"Note: {warning}" for warning in scores.warnings)] if scores.warnings else []
    return "".join(f"{visible(line)}\n" for line in (*lines, *notes))


def _in_full(part: PeriodScores, keys: Sequence[str]) -> Iterator[str]:
    heading = " ".join([part.period.label, *(f"{key} {part.groups[key].iloc[0]}" for key in keys)])
    state = ", not ended yet" if part.in_progress else ""
    yield f"{heading}{state} - weights {part.weights.name} (valid from {part.weights.effective})"
    yield ""
    words = _Words(part.weights)
    rows = [("", "score", "measured", "weight", "adds", "evidence", "")]
    for key, node in walk(part.roots[0]):
        depth = key.count(".")
        measured = words.measured(node, 0) if depth > 1 or _is_up(node, "floored") else ""
        name = "  " * depth + words.title(node.name)
        rows.append((name, percent(node.value[0]), measured, *_share(node), _remark(node, words)))
    yield from in_columns(rows, left=(0, 5, 6))
    order = part.roots[0].beside.get("usual_order")
    if order is not None and not np.isnan(order[0]):
        yield ""
        yield f"Usual order O > C > I: {'holds' if order[0] else 'does not hold'}"
    for root in part.roots[1:]:
        yield ""
        yield from _outlook(root) if root.name == "outlook" else _ratings(root, words)


def _is_up(node: Node, flag: str) -> bool:
    return flag in node.flags and bool(node.flags[flag][0])


def _share(node: Node) -> tuple[str, str, str]:
    weight = "" if np.isnan(node.weight[0]) else percent(node.weight[0])
    adds = "" if np.isnan(node.contribution[0]) else percent(node.contribution[0])
    top, bottom = node.numerator[0], node.denominator[0]
    return weight, adds, "" if np.isnan(top) or np.isnan(bottom) else f"{_count(top)} / {_count(bottom)}"


def _count(number: float) -> str:
    return f"{number:,.10g}"


def _remark(node: Node, words: _Words) -> str:
    remarks = [flag.replace("_", " ") for flag in node.flags if _is_up(node, flag)]
    why = reason(node, 0)
    if why is not None:
        remarks.append(_REASONS[why] + (f" ({percent(node.coverage[0])})" if why == "coverage" else ""))
    if not np.isnan(node.partial_value[0]):
        remarks.append(f"{percent(node.partial_value[0])} over the parts that have")
    if node.partial[0]:
        remarks.append(f"partial: without {', '.join(words.title(name) for name in missing(node, 0))}")
    return "; ".join(remarks)


def _outlook(node: Node) -> Iterator[str]:
    evidence = f" ({_share(node)[2]} recordings met an excitement need)" if not np.isnan(node.value[0]) else ""
    yield f"Outlook: {label(node, 0)}{evidence}"


def _ratings(node: Node, words: _Words) -> Iterator[str]:
    if np.isnan(node.value[0]):
        yield "Ratings: none"
    else:
        weighting = node.notes["weighting"] + (" (a batch lacks its population)" if node.notes["fallback"] else "")
        what = f"{_count(node.n[0])} calls in {_count(node.beside['batches'][0])} batches, weighed by {weighting}"
        yield f"Ratings by QA, {what}: mean level {node.raw[0]:.2f} of 5"
        shares = [float(child.value[0]) for child in node.children]
        for child, whole in zip(node.children, whole_percents(shares), strict=True):
            yield f"  {words.title(child.name):<18} {whole:>3.0f} %  {'#' * round(whole / 2)}"
    if node.notes["empty_batches"]:
        yield f"  batches without ratings: {', '.join(node.notes['empty_batches'])}"


def _overview(scores: Scores) -> Iterator[str]:
    shown = _shown(scores.by_group)
    rows = [("period", *scores.keys, *shown.values(), "contacts")]
    for part, total in zip(scores.by_group, scores.total, strict=True):
        names = part.groups.itertuples(index=False, name=None) if scores.keys else [()]
        for group, name in enumerate(names):
            rows.append((_label(part), *map(str, name), *_figures(part, shown, group)))
        if scores.keys:
            rows.append((_label(total), *["(all)"] * len(scores.keys), *_figures(total, shown, 0)))
    yield from in_columns(rows, left=range(1 + len(scores.keys)))
    yield ""
    yield "* partial: a part without data was left out and the rest rescaled;  - no figure (see --format json)"
    sets = dict.fromkeys(f"{part.weights.name} (valid from {part.weights.effective})" for part in scores.by_group)
    yield f"Weights: {', '.join(sets)}"


def _shown(parts: Sequence[PeriodScores]) -> dict[str, str]:
    """The nodes that have a column, with its title: the index, its components, the figures of the first component."""
    titles: dict[str, str] = {}
    for part in parts:  # each may have weights of its own, and so other nodes
        root, words = part.roots[0], _Words(part.weights)
        first = f"{root.name}.{root.children[0].name}."
        nodes = walk(root)
        titles |= {key: words.title(node.name) for key, node in nodes if key.count(".") < 2 or key.startswith(first)}
    return {key: titles[key] for key in sorted(titles, key=lambda key: key.count("."))}


def _label(part: PeriodScores) -> str:
    return part.period.label + (" (not ended)" if part.in_progress else "")


def _figures(part: PeriodScores, shown: Iterable[str], group: int) -> Iterator[str]:
    nodes, words = dict(walk(part.roots[0])), _Words(part.weights)
    for key in shown:
        node = nodes.get(key)
        if node is None:
            yield "-"
        elif key.count(".") > 1:
            yield words.measured(node, group)
        else:
            yield percent(node.value[group]) + ("*" if node.partial[group] else "")
    complaint = nodes.get("csi.complaint")
    contacts = np.nan if complaint is None else complaint.denominator[group]
    yield "" if np.isnan(contacts) else f"{contacts:,.0f}"
