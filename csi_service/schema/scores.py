"""Score trees as JSON bodies: one group of a node and its parts."""

from collections.abc import Mapping
from typing import Any

from csi_service.core.indicator import REASON_WORDS, Array, Node
from csi_service.core.outlook import label
from csi_service.core.weights import WeightSet

Body = dict[str, Any]


def number(values: Array, group: int) -> float | None:
    """Return a group's number, None for NaN."""
    value: float = values.item(group)
    return None if value != value else value  # NaN is unlike itself


def node_body(node: Node, group: int, key: str = "") -> Body:
    """Return a node and its parts for one group; `key` is the dotted key of the node's parent."""
    key = f"{key}.{node.name}" if key else node.name
    value, coverage = number(node.value, group), node.coverage.item(group)
    parts = {child.name: node_body(child, group, key) for child in node.children}
    body: Body = {
        "node": key,
        "raw": number(node.raw, group),
        "value": value,
        "weight": number(node.weight, group),
        "contribution": number(node.contribution, group),
        "coverage": coverage,
        "partial": value is not None and coverage < 1,
        "partial_value": number(node.partial_value, group),
        "missing": [name for name, part in parts.items() if part["value"] is None],
        "reason": REASON_WORDS[node.reason.item(group)],
        "evidence": node.evidence,
        "numerator": number(node.numerator, group),
        "denominator": number(node.denominator, group),
        "n": number(node.n, group),
        "flags": [flag for flag, set_ in node.flags.items() if set_[group]],
        "parameters": dict(node.notes),
    }
    for name, values in node.beside.items():
        body[name] = number(values, group)
    if "usual_order" in body and body["usual_order"] is not None:
        body["usual_order"] = bool(body["usual_order"])
    if parts:
        body["parts"] = parts
    return body


def outlook_body(node: Node, group: int) -> Body:
    """Return the outlook of a group: its word, the share of delight and its evidence."""
    body = node_body(node, group)
    return {name: body[name] for name in ("value", "numerator", "denominator", "reason", "parameters")} | {
        "outlook": label(node, group)
    }


def roots_body(roots: tuple[Node, ...], group: int) -> Body:
    """Return the trees of a group by their names: `csi`, and beside it `outlook` and `ratings` where there are any."""
    return {
        root.name: outlook_body(root, group) if root.name == "outlook" else node_body(root, group) for root in roots
    }


def weights_body(weights: WeightSet) -> Body:
    """Return what a score says of its weights: name, title, first day and digest."""
    return {
        "name": weights.name,
        "title": weights.title,
        "title_zh": weights.title_zh,
        "effective": weights.effective.isoformat(),
        "digest": weights.digest,
    }


def plain(value: Any) -> Any:
    """Return a document's value as JSON can hold it: dates as text, tables and lists gone through."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
