"""Scores read from the store as bodies: nested trees, flat rows, CSV; and what an answer tells besides figures."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csi_service.core.composite import walk
from csi_service.core.indicator import REASON_WORDS, Array, Node
from csi_service.core.outlook import label
from csi_service.core.score_table import COLUMNS
from csi_service.ingest.outcome import safe_cell
from csi_service.schema.scores import weights_body
from csi_service.scoring import PeriodScores
from csi_service.store.evidence import Evidence
from csi_service.store.reading import Point, Reading

Body = dict[str, Any]
Places = NDArray[np.intp]
MOST_DEPTH = 9
_FIRST = np.zeros(1, dtype=np.intp)


def about(reading: Reading) -> Body:
    """Return what is worth knowing of a reading besides its figures."""
    return {
        "by": list(reading.query.keys),
        "filters": {name: list(members) for name, members in reading.query.filters.items()},
        "revision": reading.revision,
        "warnings": list(reading.warnings),
        "slow": reading.slow is not None,
        "slow_because": reading.slow,
        "hint": reading.hint,
    }


def span_body(point: Point) -> Body:
    """Return what is worth knowing of a point: its days, whether they are over, its weights."""
    return {
        "period": point.period.label,
        "first": point.period.first.isoformat(),
        "last": point.period.last.isoformat(),
        "in_progress": point.in_progress,
        "weights": weights_body(point.weights),
    }


def nested(point: Point, places: Sequence[int] | None = None, depth: int = MOST_DEPTH) -> Body:
    """Return the trees of a point's groups (those of some places, in that order, or all) and of the total."""
    if point.by_group is None or point.total is None:
        return {"groups": [], "total": None}
    chosen = _chosen(point.by_group, places)
    trees = zip(_groups(point.by_group, chosen), _trees(point.by_group.roots, chosen, depth), strict=True)
    return {
        "groups": [{"group": group, **tree} for group, tree in trees],
        "total": _trees(point.total.roots, _FIRST, depth)[0],
    }


def flat(point: Point, places: Sequence[int] | None = None, depth: int = MOST_DEPTH) -> Iterator[Body]:
    """Yield the rows of a point: one a group and node, with the columns of the long score table."""
    part = point.by_group
    if part is None:
        return
    chosen = _chosen(part, places)
    nodes = [(key, node) for root in part.roots for key, node in walk(root) if key.count(".") < depth]
    columns = [(name, [_column(node, name, chosen) for _, node in nodes]) for name in COLUMNS[1:]]
    for row, group in enumerate(_groups(part, chosen)):
        for place, (key, _) in enumerate(nodes):
            known = {name: of_nodes[place][row] for name, of_nodes in columns}
            yield {**group, "period": part.period.label, "node": key, **known}


def _chosen(part: PeriodScores, places: Sequence[int] | None) -> Places:
    return np.arange(len(part.groups)) if places is None else np.array(places, dtype=np.intp)


def _groups(part: PeriodScores, places: Places) -> list[dict[str, str]]:
    """The members of each group by key."""
    columns = {key: part.groups[key].tolist() for key in part.groups.columns}
    return [{key: members[place] for key, members in columns.items()} for place in places.tolist()]


def as_csv(keys: Sequence[str], rows: Iterator[Body]) -> bytes:
    """Return flat rows as CSV with unrounded numbers; texts are safe to open in a spreadsheet."""
    names = [*keys, "period", *COLUMNS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    words = {True: "true", False: "false"}
    for row in rows:
        safe = row | {"partial": words[row["partial"]]} | {key: safe_cell(row[key]) for key in keys}
        writer.writerow([safe[name] for name in names])
    return text.getvalue().encode("utf-8", "backslashreplace")


def evidence_body(evidence: Evidence) -> Body:
    """Return a figure's evidence: its node, its counters, their days, what was left out."""
    node = evidence.node
    name = evidence.name.rpartition(".")[0]
    return {
        "node": None if node is None else _node_bodies(node, _FIRST, MOST_DEPTH, name)[0],
        "counters": [
            {"name": counter.name, "unit": counter.unit, "meaning": counter.meaning, "total": counter.total}
            for counter in evidence.counters
        ],
        "days": [
            {"day": day.isoformat()}
            | {counter.name: value for counter, value in zip(evidence.counters, values, strict=True)}
            for day, values in evidence.days
        ],
        "left_out": [{"count": part.count, "unit": part.unit, "why": part.why} for part in evidence.left_out],
    }


def evidence_csv(evidence: Evidence) -> bytes:
    """Return the counters of a figure by day as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["day", *(safe_cell(counter.name) for counter in evidence.counters)])
    writer.writerows([day.isoformat(), *values] for day, values in evidence.days)
    return text.getvalue().encode("utf-8", "backslashreplace")


def header_text(body: Body) -> str:
    """Return a body as one line of JSON in ASCII, as a header can hold it."""
    return json.dumps(body, ensure_ascii=True, separators=(",", ":"))


def _trees(roots: Sequence[Node], places: Places, depth: int) -> list[Body]:
    """The trees of several groups by the names of their roots."""
    whole = {root.name: _outlooks(root, places) if root.name == "outlook" else _node_bodies(root, places, depth)
             for root in roots}  # fmt: skip
    return [{name: bodies[row] for name, bodies in whole.items()} for row in range(len(places))]


def _outlooks(node: Node, places: Places) -> list[Body]:
    names = ("value", "numerator", "denominator", "reason", "parameters")
    bodies = _node_bodies(node, places, 1)
    return [
        {name: body[name] for name in names} | {"outlook": label(node, place)}
        for body, place in zip(bodies, places.tolist(), strict=True)
    ]


def _node_bodies(node: Node, places: Places, depth: int, key: str = "") -> list[Body]:
    """What `node_body` returns, for several groups at once; parts below `depth` names are left out."""
    key = f"{key}.{node.name}" if key else node.name
    deeper = node.children if key.count(".") + 1 < depth else ()
    parts = {child.name: _node_bodies(child, places, depth, key) for child in deeper}
    beside = {name: _numbers(values, places) for name, values in node.beside.items()}
    missing = {child.name: np.isnan(child.value[places]).tolist() for child in node.children}
    flags = {flag: set_[places].tolist() for flag, set_ in node.flags.items()}
    reasons = node.reason[places].tolist()
    numbers = zip(*(_numbers(getattr(node, name), places) for name in _NUMBERS), strict=True)
    bodies = []
    for row, (raw, value, weight, contribution, coverage, partial, numerator, denominator, n) in enumerate(numbers):
        body: Body = {
            "node": key,
            "raw": raw,
            "value": value,
            "weight": weight,
            "contribution": contribution,
            "coverage": coverage,
            "partial": value is not None and coverage < 1,
            "partial_value": partial,
            "missing": [name for name, of_groups in missing.items() if of_groups[row]] if missing else [],
            "reason": REASON_WORDS[reasons[row]],
            "evidence": node.evidence,
            "numerator": numerator,
            "denominator": denominator,
            "n": n,
            "flags": [flag for flag, of_groups in flags.items() if of_groups[row]] if flags else [],
            "parameters": node.notes,
        }
        for name, values in beside.items():
            body[name] = bool(values[row]) if name == "usual_order" and values[row] is not None else values[row]
        if parts:
            body["parts"] = {name: of_groups[row] for name, of_groups in parts.items()}
        bodies.append(body)
    return bodies


_NUMBERS = (
    "raw", "value", "weight", "contribution", "coverage", "partial_value", "numerator", "denominator", "n"
)  # fmt: skip


def _numbers(values: Array, places: Places) -> list[Any]:
    """The numbers of some groups, None for NaN."""
    return [None if value != value else value for value in values[places].tolist()]  # NaN is unlike itself


def _column(node: Node, name: str, places: Places) -> list[Any]:
    """A column of the long score table for some groups of a node."""
    if name == "reason":
        return [REASON_WORDS[code] for code in node.reason[places].tolist()]
    if name == "partial":
        return list(node.partial[places].tolist())
    return _numbers(getattr(node, name), places)
