"""Outlook from delight: whether excitement needs were met often enough to expect rising satisfaction."""

from csi_service.core.indicator import Array, Node, leaf, ratio

LABELS = ("pessimistic", "neutral", "optimistic")


def outlook(met: Array, judged: Array, optimistic_above: float) -> Node:
    """Return the share of evaluations in which an excitement need was met, with the outlook as flags.

    None met is `pessimistic`, more than none and up to the threshold `neutral`, above it `optimistic`; without
    evaluations there is no flag and the outlook is unknown. It stands beside the internal index and never enters it.

    Source: the excitement needs of Kano's model (1984); the threshold is this project's own.

    >>> import numpy as np
    >>> node = outlook(np.array([12.0, 5.0]), np.array([190.0, 100.0]), 0.05)
    >>> [label(node, 0), label(node, 1)]
    ['optimistic', 'neutral']
    """
    share = ratio(met, judged, what="delight")
    optimistic = share.value > optimistic_above
    flags = {
        "pessimistic": share.value == 0,
        "neutral": (share.value > 0) & ~optimistic,
        "optimistic": optimistic,
    }
    return leaf("outlook", share, share.value, flags, {"optimistic_above": optimistic_above})


def label(node: Node, group: int) -> str:
    """Return the outlook of a group as a word; `unknown` without evaluations."""
    return next((word for word in LABELS if node.flags[word][group]), "unknown")
