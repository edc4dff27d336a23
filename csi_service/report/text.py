"""Scores as text for a terminal: one group in full, several as a table."""

import unicodedata
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from csi_service.core.composite import missing, reason, walk
from csi_service.core.indicator import Node
from csi_service.core.levels import whole_percents
from csi_service.core.outlook import label
from csi_service.scoring import PeriodScores, Scores

_TITLES = {"csi": "CSI", "internal": "I-CSI", "external": "O-CSI", "complaint": "C-CSI"}
_REASONS = {"not_given": "not in the data", "no_data": "no cases", "coverage": "too little of its weight has data"}


def percent(value: float) -> str:
    """Return a fraction as per cent, rounded half up to two decimals; a dash for NaN.

    >>> percent(0.98765)
    '98.77 %'
    """
    if np.isnan(value):
        return "-"
    return f"{(Decimal(repr(float(value))) * 100).quantize(Decimal('0.01'), ROUND_HALF_UP)} %"


def title(name: str) -> str:
    """Return how a node is called in a table."""
    return _TITLES.get(name, name.upper() if len(name) <= 4 else name.replace("_", " "))


def render(scores: Scores) -> str:
    """Return the scores as text: in full where there is one group and period, else a table with a line a group."""
    single = len(scores.by_group) == 1 and len(scores.by_group[0].groups) == 1
    lines = _in_full(scores.by_group[0], scores.keys) if single else _overview(scores)
    return "\n".join([*lines, *_notes(scores)]) + "\n"


def render_both(scores: Scores) -> str:
    """Return the scores of a period as text: all groups together in full, then a table with a line a group."""
    return "\n".join([*_in_full(scores.total[0], ()), "", *_overview(scores), *_notes(scores)]) + "\n"


def _notes(scores: Scores) -> list[str]:
    return ["", *(f"Note: {warning}" for warning in scores.warnings)] if scores.warnings else []


def _in_full(part: PeriodScores, keys: Sequence[str]) -> Iterator[str]:
    heading = " ".join([part.period.label, *(f"{key} {part.groups[key].iloc[0]}" for key in keys)])
    state = ", not ended yet" if part.in_progress else ""
    yield f"{heading}{state} - weights {part.weights.name} (valid from {part.weights.effective})"
    yield ""
    rows = [("", "score", "measured", "weight", "adds", "evidence", "")]
    for key, node in walk(part.roots[0]):
        depth = key.count(".")
        rows.append(
            (
                "  " * depth + title(node.name),
                percent(node.value[0]),
                _measured(node, depth),
                *_share(node),
                _remark(node),
            )
        )
    yield from _columns(rows, left=(0, 5, 6))
    order = part.roots[0].beside.get("usual_order")
    if order is not None and not np.isnan(order[0]):
        yield ""
        yield f"Usual order O > C > I: {'holds' if order[0] else 'does not hold'}"
    for root in part.roots[1:]:
        yield ""
        yield from _outlook(root) if root.name == "outlook" else _ratings(root)


def _measured(node: Node, depth: int) -> str:
    raw = float(node.raw[0])
    if depth < 2 and not node.flags.get("floored", np.array([False]))[0]:
        return ""
    if np.isnan(raw):
        return "-"
    return f"{raw:,.1f} s" if node.name == "aht" else percent(raw)


def _share(node: Node) -> tuple[str, str, str]:
    weight = "" if np.isnan(node.weight[0]) else percent(node.weight[0])
    adds = "" if np.isnan(node.contribution[0]) else percent(node.contribution[0])
    top, bottom = node.numerator[0], node.denominator[0]
    return weight, adds, "" if np.isnan(top) or np.isnan(bottom) else f"{top:,.10g} / {bottom:,.10g}"


def _remark(node: Node) -> str:
    words = [flag.replace("_", " ") for flag, set_ in node.flags.items() if set_[0]]
    why = reason(node, 0)
    if why is not None:
        words.append(_REASONS[why] + (f" ({percent(node.coverage[0])})" if why == "coverage" else ""))
    if not np.isnan(node.partial_value[0]):
        words.append(f"{percent(node.partial_value[0])} over the parts that have")
    if node.partial[0]:
        words.append(f"partial: without {', '.join(title(name) for name in missing(node, 0))}")
    return "; ".join(words)


def _outlook(node: Node) -> Iterator[str]:
    evidence = f" ({_share(node)[2]} recordings met an excitement need)" if not np.isnan(node.value[0]) else ""
    yield f"Outlook: {label(node, 0)}{evidence}"


def _ratings(node: Node) -> Iterator[str]:
    if np.isnan(node.value[0]):
        yield "Ratings: none"
        return
    weighting = f"weighed by {node.notes['weighting']}" + (
        " (a batch lacks its population)" if node.notes["fallback"] else ""
    )
    batches = f"{node.beside['batches'][0]:g} batches"
    yield f"Ratings by QA, {node.n[0]:g} calls in {batches}, {weighting}: mean level {node.raw[0]:.2f} of 5"
    shares = [float(child.value[0]) for child in node.children]
    for child, whole in zip(node.children, whole_percents(shares), strict=True):
        yield f"  {title(child.name):<18} {whole:>3.0f} %  {'#' * round(whole / 2)}"
    if node.notes["empty_batches"]:
        yield f"  batches without ratings: {', '.join(node.notes['empty_batches'])}"


def _overview(scores: Scores) -> Iterator[str]:
    first = scores.by_group[0].roots[0]
    nodes = [first, *first.children, *(leaf for child in first.children[:1] for leaf in child.children)]
    paths = [_path(first, node) for node in nodes]
    rows = [("period", *scores.keys, *(title(node.name) for node in nodes), "answered")]
    for part, total in zip(scores.by_group, scores.total, strict=True):
        for group in range(len(part.groups)):
            names = [str(part.groups[key].iloc[group]) for key in scores.keys]
            rows.append((_label(part), *names, *_figures(part, paths, group)))
        if scores.keys:
            rows.append((_label(total), *["(all)"] * len(scores.keys), *_figures(total, paths, 0)))
    yield from _columns(rows, left=range(1 + len(scores.keys)))
    yield ""
    yield "* partial: a part without data was left out and the rest rescaled;  - no figure (see --format json)"
    sets = dict.fromkeys(f"{part.weights.name} (valid from {part.weights.effective})" for part in scores.by_group)
    yield f"Weights: {', '.join(sets)}"


def _label(part: PeriodScores) -> str:
    return part.period.label + (" (not ended)" if part.in_progress else "")


def _path(root: Node, node: Node) -> str:
    return next(key for key, found in walk(root) if found is node)


def _figures(part: PeriodScores, paths: Sequence[str], group: int) -> Iterator[str]:
    nodes = dict(walk(part.roots[0]))
    for path in paths:
        node = nodes[path]
        if path.endswith(".aht"):
            yield "-" if np.isnan(node.raw[group]) else f"{node.raw[group]:,.1f} s"
        elif path.count(".") == 2:
            yield percent(node.raw[group])
        else:
            yield percent(node.value[group]) + ("*" if node.partial[group] else "")
    answered = nodes.get("csi.complaint")
    yield "" if answered is None or np.isnan(answered.denominator[group]) else f"{answered.denominator[group]:,.0f}"


def _columns(rows: Sequence[Sequence[str]], left: Sequence[int]) -> Iterator[str]:
    """Rows as aligned columns, those of `left` to the left; a Chinese character is two places wide."""
    widths = [max(_width(row[index]) for row in rows) for index in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [
            cell + " " * (width - _width(cell)) if index in left else " " * (width - _width(cell)) + cell
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
        if number == 0:
            yield "-" * (sum(widths) + 2 * (len(widths) - 1))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
