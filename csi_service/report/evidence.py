"""How sure a score is: its 95 % limits, whether two scores differ beyond chance, how good the evidence is.

Two things are simplified, as the score tree carries no sums of squares: a handling time counts as exact, and a mean of
recording scores as uncertain as a share of the same size, the widest that a mean of values in 0..1 can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from csi_service.core.attainment import Rule, attain
from csi_service.core.indicator import Array, Flags, Node
from csi_service.core.intervals import quarter_beta, stratified_share

LEAST_CASES = 30  # fewer are never compared
ENOUGH, THIN = 0.05, 0.10  # half widths of the limits
_Z = 1.959963984540054  # standard normal quantile of 0.975
_RULES = ("attainment", "raw", "piecewise", "band")


@dataclass(frozen=True, slots=True)
class Limits:
    """A score and its 95 % limits, one entry a group; NaN where there is none."""

    value: Array
    lower: Array
    upper: Array

    @property
    def half_width(self) -> Array:
        """Half the distance between the limits."""
        return (self.upper - self.lower) / 2


def limits(root: Node, channels: bool = True) -> dict[str, Limits]:
    """Return each node of a tree with its limits, by dotted key; without `channels` not the parts of a counted node.

    The limits of an index come from those of its parts by MOVER, which adds the squared distances (Zou and Donner,
    Statistics in Medicine 2008); a part without data adds nothing.
    """
    found: dict[str, Limits] = {}

    def visit(node: Node, key: str) -> Limits:
        counted = not np.isnan(node.numerator).all()
        children = () if counted and not channels else node.children
        parts = [visit(child, f"{key}.{child.name}") for child in children]
        if counted and node.notes.get("pooling", "responses") != "responses":
            found[key] = _of_channels(node)
        else:
            found[key] = _of_counts(node) if counted or not parts else _of_parts(node, parts)
        return found[key]

    visit(root, root.name)
    return found


def _of_parts(node: Node, parts: Sequence[Limits]) -> Limits:
    shares = [child.weight / np.where(node.coverage > 0, node.coverage, np.nan) for child in node.children]
    below, above = (
        np.sqrt(np.nansum([(share * distance) ** 2 for share, distance in zip(shares, distances, strict=True)], axis=0))
        for distances in ([part.value - part.lower for part in parts], [part.upper - part.value for part in parts])
    )
    return Limits(node.value, np.maximum(node.value - below, 0.0), np.minimum(node.value + above, 1.0))


def _of_channels(node: Node) -> Limits:
    """The limits of a share whose channels do not weigh their responses; each channel is a stratum."""
    weight, x, n = (
        np.nan_to_num(np.array([getattr(child, name) for child in node.children]))
        for name in ("weight", "numerator", "denominator")
    )
    n = np.where(weight > 0, n, 0.0)
    groups = n.shape[1]
    group = np.tile(np.arange(groups), len(node.children))
    found = stratified_share(np.minimum(x, n).ravel(), n.ravel(), weight.ravel(), group, groups)
    return Limits(node.value, found.lower, found.upper)


def _of_counts(node: Node) -> Limits:
    if "multiplier" in node.notes:
        lower, upper = quarter_beta(np.minimum(node.numerator, node.denominator), node.denominator)
        factor = node.notes["multiplier"]
        return Limits(node.value, np.clip(1 - factor * upper, 0, 1), np.clip(1 - factor * lower, 0, 1))
    if bool((node.numerator > node.denominator).any()):  # no share but a mean, whose spread is unknown
        return Limits(node.value, node.value, node.value)
    ends = quarter_beta(np.minimum(node.numerator, node.denominator), node.denominator)
    if node.notes.get("method") in _RULES:
        known = {name: node.notes[name] for name in ("target", "worst", "low", "high") if name in node.notes}
        rule = Rule(node.notes["method"], **known)
        ends = (attain(ends[0], rule), attain(ends[1], rule))
    return Limits(node.value, np.minimum(*ends), np.maximum(*ends))


def chance_of(before: Limits, after: Limits) -> Array:
    """Return how likely a difference at least as large is by chance alone (two-sided p); NaN where nobody can tell.

    Source: MOVER difference of two independent estimates, its z from the side that points at 0 (Newcombe, Statistics in
    Medicine 1998; Zou and Donner 2008).
    """
    difference = after.value - before.value
    below = np.hypot(after.value - after.lower, before.upper - before.value)
    above = np.hypot(after.upper - after.value, before.value - before.lower)
    side = np.where(difference > 0, below, above)
    known = side > 0
    chance: Array = np.where(known, 2 * (1 - ndtr(np.abs(_Z * difference / np.where(known, side, 1.0)))), np.nan)
    return chance


def enough(node: Node, found: Limits) -> Flags:
    """Tell where a score rests on enough cases to be compared: at least `LEAST_CASES`, limits at most 10 points off."""
    cases = np.isnan(node.n) | (node.n >= LEAST_CASES)
    result: Flags = cases & ~np.isnan(found.value) & (found.half_width <= THIN)
    return result
