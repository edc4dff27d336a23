"""POST /calculate/ratings: sample batches of five-level ratings in, level shares out."""

import math
from typing import Any

import numpy as np
from flask import Response

from csi_service.api.blueprint import BodyBlueprint
from csi_service.api.body import answer, told
from csi_service.api.examples import RATINGS
from csi_service.api.weights_choice import choose
from csi_service.core.composite import reason
from csi_service.core.indicator import Node
from csi_service.core.levels import LEVELS, level_shares, whole_percents
from csi_service.core.ratings import rating_nodes
from csi_service.core.told import Told
from csi_service.core.weights import WeightSet
from csi_service.errors import InvalidInputError, Problem
from csi_service.schema.ratings import CalculateRatings, RatingsScored
from csi_service.schema.scores import number, weights_body
from csi_service.services import Services

Body = dict[str, Any]
_FALLBACK = Told("a random batch with ratings lacks its population, so every batch weighs its number of ratings")
_UNUSED = Told("the weight of a batch counts with weighting explicit only; here it is not used")


def blueprint(services: Services) -> BodyBlueprint:
    """Return the route of the ratings."""
    found = BodyBlueprint(
        "ratings", __name__, url_prefix="/api/v1", description="Quality raters' judgement of the customers' way."
    )

    @found.calculation(
        "ratings",
        CalculateRatings(),
        RatingsScored,
        RATINGS,
        summary="Five-level ratings of sample batches",
        description=(
            "The judgement of quality raters, not of the customers: it stands beside the CSI and never enters it. "
            "Only random batches enter the shares; targeted and calibration batches are listed apart."
        ),
    )
    def view(body: Body) -> Response:
        warnings: list[str] = []
        weights = choose(services, body, warnings)
        weighting = body.get("weighting") or weights.rating_weighting
        return answer(told(_scored(body["batches"], weighting, weights, warnings)))

    return found


def _counts(batch: Body) -> list[float]:
    counts: list[float] = batch.get("counts") or batch.get("ratings") or [0.0] * len(LEVELS)
    return counts


def _score(random: list[Body], weighting: str, weights: WeightSet) -> Node:
    stands_for = "weight" if weighting == "explicit" else "population"
    try:
        shares = level_shares(
            np.array([_counts(batch) for batch in random]).reshape(len(random), len(LEVELS)),
            np.array([math.nan if batch[stands_for] is None else batch[stands_for] for batch in random]),
            np.zeros(len(random), dtype=np.intp),
            1,
            weighting,
            weights.satisfied_from_level,
        )
    except InvalidInputError as error:
        text = Told(
            "the {stands_for} of the random batches that have ratings sums to 0; it must be above 0",
            stands_for=stands_for,
        )
        raise InvalidInputError(Problem("/batches", text, 0, error.code)) from error
    return rating_nodes(shares, tuple(batch["batch"] for batch in random if not sum(_counts(batch))))


def _scored(batches: list[Body], weighting: str, weights: WeightSet, warnings: list[str]) -> Body:
    random = [batch for batch in batches if batch["selection"] == "random"]
    node = _score(random, weighting, weights)
    if node.notes["fallback"]:
        warnings.append(_FALLBACK)
    if weighting != "explicit" and any(batch["weight"] is not None for batch in batches):
        warnings.append(_UNUSED)
    shares = {child.name: number(child.value, 0) for child in node.children}
    exact = [share for share in shares.values() if share is not None]
    percents = whole_percents(exact) if exact else [None] * len(LEVELS)
    return {
        "node": node.name,
        "shares": shares,
        "percents": dict(zip(LEVELS, percents, strict=True)),
        "satisfied": number(node.value, 0),
        "mean": number(node.raw, 0),
        "n": float(node.n[0]),
        "batches": int(node.beside["batches"][0]),
        "weighting": node.notes["weighting"],
        "fallback": node.notes["fallback"],
        "empty_batches": list(node.notes["empty_batches"]),
        "reason": reason(node, 0),
        "judged_by": "quality raters",
        "apart": [_apart(batch) for batch in batches if batch["selection"] != "random"],
        "weights": weights_body(weights),
        "warnings": warnings,
    }


def _apart(batch: Body) -> Body:
    counts = _counts(batch)
    return {
        "batch": batch["batch"],
        "selection": batch["selection"],
        "n": sum(counts),
        "counts": dict(zip(LEVELS, counts, strict=True)),
    }
