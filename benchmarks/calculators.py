"""All calculators over 200,000 groups at once, beside the same index written as a plain numpy weighted sum.

The reference has no missing data, no clamping, no evidence and no tree: the bare arithmetic of one month's index. What
the calculators take beyond it is the price of reasons, coverage, flags and contributions for every node.

    python -m benchmarks.calculators [--groups 200000] [--rounds 9]
"""

import argparse

import numpy as np

from benchmarks.timing import inside, machine, print_table, side_by_side
from csi_service.core.composite import score, walk
from csi_service.core.indicator import Array
from csi_service.core.weights import WeightSet
from csi_service.weights_folder import WeightsFolder, shipped_folder

CHANNELS = ("ivr", "sms", "callback")


def make_measures(groups: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return measures of groups, all without gaps."""
    answered = rng.integers(500, 2000, groups).astype(np.float64)

    def some(of: Array, least: float, most: float) -> Array:
        return np.floor(of * rng.uniform(least, most, groups))

    closed, evaluations = some(answered, 0.1, 0.2), np.full(groups, 40.0)
    measures = {
        "contacts_answered": answered,
        "contacts_abandoned": some(answered, 0, 0.1),
        "answered_timed": answered,
        "answered_within_threshold": some(answered, 0.7, 0.95),
        "abandoned_within_threshold": np.zeros(groups),
        "abandoned_short": np.zeros(groups),
        "handled_contacts": answered,
        "handle_seconds": answered * rng.uniform(250, 400, groups),
        "resolution_flagged": answered,
        "resolution_confirmed": some(answered, 0.6, 0.9),
        "tickets_closed": closed,
        "tickets_reactivated": some(closed, 0, 0.3),
        "tickets_mature": closed,
        "evaluations": evaluations,
        "evaluation_scores": evaluations * rng.uniform(0.7, 1, groups),
        "points_earned": evaluations * 80,
        "points_possible": evaluations * 100,
        "complaints_received": some(answered, 0, 0.01),
        "complaints_upheld": np.zeros(groups),
    }
    for channel in CHANNELS:
        responses = some(answered, 0.05, 0.1)
        measures[f"responses.{channel}"] = responses
        measures[f"satisfied_responses.{channel}"] = some(responses, 0.6, 1)
        measures[f"response_points.{channel}"] = responses * 0.7
    return measures


def weighted_sum(m: dict[str, Array]) -> Array:
    """Return the index by the default weights, as one would write it for a single report."""
    sla = np.minimum(1, m["answered_within_threshold"] / (m["answered_timed"] + m["contacts_abandoned"]) / 0.90)
    aht = np.minimum(1, 300 / (m["handle_seconds"] / m["handled_contacts"]))
    fcr = 1 - m["tickets_reactivated"] / m["tickets_closed"]
    internal = 0.25 * sla + 0.05 * aht + 0.10 * fcr + 0.60 * m["evaluation_scores"] / m["evaluations"]
    satisfied, responses = (sum(m[f"{name}.{c}"] for c in CHANNELS) for name in ("satisfied_responses", "responses"))
    complaint = np.clip(1 - 25 * m["complaints_received"] / m["contacts_answered"], 0, 1)
    index: Array = (internal + satisfied / responses + complaint) / 3
    return index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    weights: WeightSet = WeightsFolder(shipped_folder()).get("default")
    measures = make_measures(options.groups, np.random.default_rng(20))
    tree = score(measures, options.groups, weights)
    difference = float(np.abs(tree.value - weighted_sum(measures)).max())
    print(f"calculators, {options.groups:,} groups, {len(list(walk(tree)))} nodes; {machine()}")
    print(f"largest difference between the two indices: {difference:.1e}")
    works = {
        "numpy weighted sum": lambda: inside(lambda: weighted_sum(measures)),
        "all calculators": lambda: inside(lambda: score(measures, options.groups, weights)),
    }
    print_table(side_by_side(works, options.rounds), "numpy weighted sum")
    print("Goal: all calculators under 1 s")


if __name__ == "__main__":
    main()
