"""External index O-CSI: how satisfied the customers say they are, from surveys by telephone menu, text and call-back.

The name is this project's own; the satisfied share (top boxes) and the mean of the scale are the field's usual views.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csi_service.core.indicator import (
    Array,
    Calculator,
    Flags,
    Indicator,
    Measures,
    Node,
    Ratio,
    Reason,
    filled,
    leaf,
    ratio,
)
from csi_service.core.tables import Table
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

# Scale -> (lowest score, highest score, lowest score that counts as satisfied by default).
SCALES = {"binary": (0, 1, 1), "3": (1, 3, 3), "5": (1, 5, 4), "7": (1, 7, 6), "10": (1, 10, 8), "nps": (0, 10, 9)}
METHODS = ("satisfied", "mean")
VIEWS = ("satisfied_share", "mean_score")
POOLINGS = ("responses", "equal", "weights")
_NONE, _NO_DATA = np.int8(Reason.NONE), np.int8(Reason.NO_DATA)


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
    weights = {name: channels.number(name, least=0) for name in channels.keys() if name != "source"}
    pooling = table.choice("pooling", POOLINGS, "weights" if weights else "responses")
    if pooling == "weights" and not sum(weights.values()) > 0:
        table.report(
            "channels", "must give a positive weight to at least one channel, as pooling is 'weights'", None, "missing"
        )
    if pooling != "weights" and weights:
        table.report(
            "channels",
            Told("is used with pooling 'weights' only, pooling is {pooling!r}", pooling=pooling),
            None,
            "method",
        )
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
    """Return O-CSI: the channels' shares pooled by responses, equally or by weights over those with responses."""
    evidences = list(ratios.values())
    values = np.array([evidence.value for evidence in evidences])
    shares = _channel_shares(ratios, values, p)
    counts = shares > 0
    contributions = np.where(counts, shares * values, np.nan)
    there = counts.any(axis=0)
    value = np.where(there, np.minimum(np.where(counts, contributions, 0.0).sum(axis=0), 1.0), np.nan)  # of rounding
    reasons = np.array([evidence.reason for evidence in evidences])
    missing = np.where(reasons == _NONE, _NO_DATA, reasons).max(axis=0)  # a channel without weight has none
    children = (
        leaf(name, evidence, evidence.value).weighed(share, contribution)
        for (name, evidence), share, contribution in zip(ratios.items(), shares, contributions, strict=True)
    )
    numerator, denominator = _totals(evidences, counts)
    return leaf(
        "external",
        Ratio(
            numerator,
            denominator,
            value,
            np.where(there, _NONE, missing),
            "value" if all(evidence.evidence == "value" for evidence in evidences) else "counts",
            {name: _pooled_view(evidences, shares, name) for name in VIEWS},
        ),
        value,
        notes={"method": p.method, "pooling": p.pooling},
        children=tuple(children),
    )


def _totals(evidences: Sequence[Ratio], counted: Flags) -> Array:
    """Both counts, summed over the channels that enter the value, one entry a group; NaN where none has a count."""
    stacked = np.array([[each.numerator for each in evidences], [each.denominator for each in evidences]])
    known = counted & ~np.isnan(stacked)
    return np.where(known.any(axis=1), np.where(known, stacked, 0.0).sum(axis=1), np.nan)


def _pooled_view(evidences: Sequence[Ratio], shares: Array, name: str) -> Array:
    """A view of all channels, pooled as the index is; NaN where a channel with responses lacks it, or none has any."""
    unknown = filled(shares.shape[1:], np.nan)
    if not any(name in evidence.beside for evidence in evidences):
        return unknown
    views = np.array([evidence.beside.get(name, unknown) for evidence in evidences])
    pooled = np.where(shares > 0, shares * views, 0.0).sum(axis=0)
    return np.where((shares > 0).any(axis=0), pooled, np.nan)


def _channel_shares(ratios: Mapping[str, Ratio], values: Array, p: Parameters) -> Array:
    """Weights, one row a channel: 0 where it has no responses, else so that the weights of a group sum to 1."""
    if p.pooling == "responses" and len(ratios) > 1:
        bare = next((name for name, evidence in ratios.items() if evidence.evidence == "value"), None)
        if bare is not None:
            text = "a bare value carries no number of responses to pool by; give numerator and denominator"
            raise InvalidInputError(
                Problem(bare, Told("{text}, or pool 'equal' or by weights", text=text), code="method")
            )
        parts = np.array([evidence.denominator for evidence in ratios.values()])
    elif p.pooling == "weights":
        parts = np.array([p.channel_weights.get(name, 0.0) for name in ratios])[:, None]
    else:
        parts = np.ones((len(ratios), 1))
    parts = np.where(np.isnan(values), 0.0, parts)
    total = parts.sum(axis=0)
    return parts / np.where(total > 0, total, np.inf)


CALCULATOR = Calculator(
    name="external",
    title="O-CSI",
    read=read,
    index=index,
    per_channel=Indicator("channel", "fraction", ("responses", "satisfied_responses", "response_points"), satisfaction),
)
