"""Weights documents: from parsed text to a set of parameters, strictly; the set in effect on a day; its digest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from csi_service.core import dated
from csi_service.core.calculators import CALCULATORS
from csi_service.core.dated import DEFAULT, digest_of
from csi_service.core.index import read_total, shares_of
from csi_service.core.levels import WEIGHTINGS
from csi_service.core.tables import Table, read_toml
from csi_service.core.told import Told
from csi_service.errors import Problem, WeightsError

__all__ = ["DEFAULT", "WeightSet", "digest_of", "in_effect", "parse_weights", "read_weights"]


@dataclass(frozen=True, slots=True)
class WeightSet:
    """Everything that is a weight, target, method, parameter or multiplier, as one whole.

    `csi` holds each component's share of the composite (sum 1), `components` each component's parameters; a set may
    name a part of the registered components. `digest` is the SHA-256 of the document's content, `document` the content
    itself.
    """

    name: str
    title: str
    title_zh: str
    effective: dt.date
    author: str
    source: str
    minimum_coverage: float
    csi: Mapping[str, float]
    components: Mapping[str, Any]
    optimistic_above: float
    rating_weighting: str
    satisfied_from_level: int
    warnings: tuple[str, ...]
    digest: str
    document: Mapping[str, Any]

    def with_component(self, name: str, **changes: Any) -> WeightSet:
        """Return the set with some parameters of one component changed; name and digest stay."""
        changed = replace(self.components[name], **changes)
        return replace(self, components={**self.components, name: changed})


def parse_weights(text: str, name: str) -> WeightSet:
    """Return the set that a TOML text describes; `name` is the file's name without its ending.

    Raises:
        WeightsError: not TOML, or one `Problem` for each key that breaks its rules.
    """
    weights = read_weights(read_toml(text, name, WeightsError), name)
    if problem := dated.name_problem(name, weights.effective, Told("set")):
        raise WeightsError(name, (problem,))
    return weights


def read_weights(document: Mapping[str, Any], name: str, *, complete: bool = True) -> WeightSet:
    """Return the set that a document (nested tables) describes.

    With `complete=False` title, effective date and the tables that a single calculation does not use may be absent, as
    in a set sent along with an API call.

    Raises:
        WeightsError: one `Problem` for each key that breaks its rules.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    table = Table(document, "", problems, warnings)
    texts = {
        key: table.text(key, *([] if complete and key in ("title", "source") else [""]))
        for key in ("title", "title_zh", "author", "source")
    }
    effective = table.day("effective", *([] if complete else [dt.date.min]))
    minimum_coverage = table.number("minimum_coverage", 0.5, least=0, most=1)
    csi = _read_csi(table, complete)
    components = _read_components(table, csi, complete)
    delight, ratings = table.table("outlook"), table.table("ratings")
    optimistic_above = delight.number("optimistic_above", 0.05, least=0, most=1)
    weighting = ratings.choice("weighting", WEIGHTINGS[:2], WEIGHTINGS[0])
    satisfied_from = ratings.number("satisfied_from", 4, least=1, most=5)
    if satisfied_from % 1 > 0:
        ratings.report(
            "satisfied_from",
            Told("is {satisfied_from:g}; give a whole level 1 to 5", satisfied_from=satisfied_from),
            satisfied_from,
            "range",
        )
    for part in (delight, ratings, table):
        part.text("source", "")
        part.close()
    if problems:
        raise WeightsError(name, tuple(problems))
    return WeightSet(
        name=name,
        **texts,
        effective=effective,
        minimum_coverage=minimum_coverage,
        csi=csi,
        components=components,
        optimistic_above=optimistic_above,
        rating_weighting=weighting,
        satisfied_from_level=int(satisfied_from),
        warnings=tuple(warnings),
        digest=digest_of(document),
        document=document,
    )


def _read_csi(table: Table, complete: bool) -> dict[str, float]:
    if not complete and "csi" not in table:
        return {}
    csi = table.table("csi", required=True)
    total = read_total(csi)
    parts = {
        calculator.name: csi.number(calculator.name, least=0) for calculator in CALCULATORS if calculator.name in csi
    }
    csi.text("source", "")
    csi.close()
    if not parts:
        names = ", ".join(calculator.name for calculator in CALCULATORS)
        csi.report("", Told("weighs no component; accepted are {names}", names=names), None, "weights_keys")
    return shares_of(csi, parts, total)


def _read_components(table: Table, csi: Mapping[str, float], complete: bool) -> dict[str, Any]:
    components = {}
    for calculator in CALCULATORS:
        if calculator.name in table or (complete and calculator.name in csi):
            components[calculator.name] = calculator.read(table.table(calculator.name, required=True))
            if complete and calculator.name not in csi:
                text = Told("is not weighed in [csi]; give it parts there or leave the table out")
                table.report(calculator.name, text, None, "weights_keys")
    return components


def in_effect(sets: Iterable[WeightSet], day: dt.date) -> WeightSet:
    """Return the set valid on a day: of the dated sets and the default, the latest whose first day is not after it.

    Raises:
        NotFoundError: no set is valid yet on that day; the message names the first day of the first one.
    """
    return dated.in_effect(sets, day, Told("weights"), Told("set"))
