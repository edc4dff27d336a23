"""External index O-CSI: how satisfied the customers say they are, from surveys by telephone menu, text and call-back.

The name is this project's own; the satisfied share (top boxes) and the mean of the scale are the field's usual views.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csi_service.core.index import SUM_TOLERANCE
from csi_service.core.indicator import Array, Calculator, Indicator, Measures, Node, Ratio, Reason, leaf, ratio
from csi_service.core.tables import Table
from csi_service.errors import InvalidInputError, Problem

# Scale -> (lowest score, highest score, lowest score that counts as satisfied by default).
SCALES = {"binary": (0, 1, 1), "3": (1, 3, 3), "5": (1, 5, 4), "7": (1, 7, 6), "10": (1, 10, 8), "nps": (0, 10, 9)}
METHODS = ("satisfied", "mean")
VIEWS = ("satisfied_share", "mean_score")
POOLINGS = ("responses", "equal", "weights")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What an operator sets for the external index."""

    method: str
    pooling: str
    channel_weights: Mapping[str, float]
    satisfied_from: Mapping[str, float]
    low_response_rate: float


def read(table: Table) -> Parameters:
    """Read the `[external]` table of a weights document."""
    method = table.choice("method", METHODS, "satisfied")
    channels = table.table("channels")
    weights = {name: channels.number(name, least=0) for name in channels.keys() if name != "source"}  # noqa: SIM118 - not a dict
    pooling = table.choice("pooling", POOLINGS, "weights" if weights else "responses")
    if pooling == "weights" and not sum(weights.values()) > 0:
        table.report(
            "channels", "must give a positive weight to at least one channel, as pooling is 'weights'", None, "missing"
        )
    if pooling != "weights" and weights:
        table.report("channels", f"is used with pooling 'weights' only, pooling is {pooling!r}", None, "method")
    scales = table.table("satisfied_from")
    satisfied_from = {
        scale: scales.number(scale, level, least=low, most=high) for scale, (low, high, level) in SCALES.items()
    }
    low_response_rate = table.number("low_response_rate", 0.10, least=0, most=1)
    for part in (channels, scales, table):
        part.text("source", "")
        part.close()
    return Parameters(method, pooling, weights, satisfied_from, low_response_rate)


def satisfaction(m: Measures, p: Parameters) -> Ratio:
    """Return the satisfied share of a channel's valid responses, or the mean of their scale; a fraction a group.

    Source: the share of top-box answers and the mean rescaled to 0..1, (score - low) / (high - low); both views are
    usual, and each hides what the other shows.
    """
    nothing = np.full_like(m["responses"], np.nan)
    satisfied = ratio(m.get("satisfied_responses", nothing), m["responses"], what="satisfied")
    mean = ratio(m.get("response_points", nothing), m["responses"], what="mean")
    views = {"satisfied_share": satisfied.value, "mean_score": mean.value}
    return replace(mean if p.method == "mean" else satisfied, beside=views)


def index(ratios: Mapping[str, Ratio], p: Parameters, minimum_coverage: float) -> Node:
    """Return O-CSI: the channels' shares pooled by responses, equally or by explicit weights over those with responses."""
    shares = _channel_shares(ratios, p)
    children = []
    for (name, evidence), share in zip(ratios.items(), shares, strict=True):
        child = leaf(name, evidence, evidence.value)
        children.append(replace(child, weight=share, contribution=np.where(share > 0, share * evidence.value, np.nan)))
    value = np.sum([np.nan_to_num(child.contribution) for child in children], axis=0)
    there = np.any([share > 0 for share in shares], axis=0)
    evidences = list(ratios.values())
    pooled = ratio(
        np.sum(
            [np.where(np.isnan(evidence.value), 0.0, np.nan_to_num(evidence.numerator)) for evidence in evidences],
            axis=0,
        ),
        np.sum(
            [np.where(np.isnan(evidence.value), 0.0, np.nan_to_num(evidence.denominator)) for evidence in evidences],
            axis=0,
        ),
        what="external",
    )
    bare = all(evidence.evidence == "value" for evidence in evidences)
    reason = np.where(there, np.int8(Reason.NONE), np.int8(Reason.NO_DATA)).astype(np.int8)
    unknown = np.full(value.shape, np.nan)
    node = leaf(
        "external",
        Ratio(
            unknown if bare else pooled.numerator,
            unknown if bare else pooled.denominator,
            unknown,
            reason,
            "value" if bare else "counts",
        ),
        np.where(there, value, np.nan),
        notes={"method": p.method, "pooling": p.pooling},
        raw=np.where(there, value, np.nan),
    )
    return replace(node, children=tuple(children), beside=_pooled_views(evidences, shares))


def _pooled_views(evidences: Sequence[Ratio], shares: Sequence[Array]) -> dict[str, Array]:
    """Both views of the channels, pooled as the index is; a view that a channel with responses lacks is NaN."""
    views = {}
    for name in VIEWS:
        parts = [
            np.where(share > 0, share * evidence.beside.get(name, np.nan), 0.0)
            for evidence, share in zip(evidences, shares, strict=True)
        ]
        views[name] = np.where(np.sum(shares, axis=0) > 0, np.sum(parts, axis=0), np.nan)
    return views


def _channel_shares(ratios: Mapping[str, Ratio], p: Parameters) -> list[Array]:
    """Each channel's weight a group: 0 where it has no responses, else so that the weights of the group sum to 1."""
    there = [~np.isnan(evidence.value) for evidence in ratios.values()]
    if p.pooling == "responses" and len(ratios) > 1:
        bare = [name for name, evidence in ratios.items() if evidence.evidence == "value"]
        if bare:
            text = "a bare value carries no number of responses to pool by; give numerator and denominator, or pool 'equal' or by weights"
            raise InvalidInputError(Problem(bare[0], text, code="method"))
        parts = [np.nan_to_num(evidence.denominator) for evidence in ratios.values()]
    elif p.pooling == "weights":
        parts = [np.where(has, p.channel_weights.get(name, 0.0), 0.0) for name, has in zip(ratios, there, strict=True)]
    else:
        parts = [has.astype(np.float64) for has in there]
    parts = [np.where(has, part, 0.0) for has, part in zip(there, parts, strict=True)]
    total = np.sum(parts, axis=0)
    return [part / np.where(total > SUM_TOLERANCE, total, np.inf) for part in parts]


CALCULATOR = Calculator(
    name="external",
    title="O-CSI",
    read=read,
    index=index,
    per_channel=Indicator("channel", "fraction", ("responses", "satisfied_responses", "response_points"), satisfaction),
)
