"""The cases of vectors/vectors.json (an independent implementation), one adapter a quantity.

The vectors' status words are ok, renormalised, coverage and no_data; ours are the flag `partial` and the reasons
(none), coverage, no_data and not_given. `status` translates.
"""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from csi_service.core.agreement import krippendorff_alpha, pairwise, severity, weighted_kappa
from csi_service.core.attainment import attain, read_rule
from csi_service.core.calculators import complaint, external
from csi_service.core.composite import bare, compose, missing, reason, score
from csi_service.core.index import aggregate, shares_of
from csi_service.core.indicator import given, leaf, ratio
from csi_service.core.intervals import adjust_p, quarter_beta, stratified_share
from csi_service.core.levels import level_shares
from csi_service.core.outlook import label, outlook
from csi_service.core.sample_sizes import (
    size_for_change,
    size_for_complaint_index,
    size_for_mean,
    size_for_none_seen,
    size_for_share,
)
from csi_service.core.sampling import allocate
from csi_service.core.tables import Table
from csi_service.errors import InvalidInputError
from csi_service.report.evidence import Limits, _of_parts, limits
from tests.make import make_table, make_weights, numbers

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parent / "vectors/vectors.json").read_text(encoding="utf-8"))["cases"]
}

# Functions of method.md that nobody has built yet, and why; each line leaves when its part arrives.
INTERVAL = "intervals of means, and what is made of them, come later"
EXPLAIN = "explaining changes comes later"
LATER = {
    **dict.fromkeys(
        ("cluster_share", "mean_interval", "qa_two_part", "stratified_mean", "mean_t", "mover_linear"), INTERVAL
    ),
    **dict.fromkeys(("uncertainty_budget", "grade", "mc_csi", "jackknife_csi", "p_chart", "xmr"), INTERVAL),
    "difference": "is run in tests/report/test_evidence.py",
    **dict.fromkeys(("two_proportion", "did", "decompose"), EXPLAIN),
    **dict.fromkeys(
        ("weight_vertices", "weight_sensitivity", "rank_robustness", "multiplier_range", "sensitivity_budget"), EXPLAIN
    ),
    **dict.fromkeys(("implied_multiplier", "response_diagnostic", "rake"), "survey diagnostics come later"),
}

# Keys of `expected` that the project has no word for yet.
LIMITS = "of c_csi and o_csi in tests/report/test_evidence.py; of a mean and what is made of it none: no spread is kept"
NO_WORD = {
    "lower": LIMITS,
    "upper": LIMITS,
    "raw_lower": INTERVAL,
    "raw_upper": INTERVAL,
    "n_eff": INTERVAL,
    "kish_n_eff": INTERVAL,
    "confirmed": INTERVAL,
    "covered": "we name the batches without ratings, not the share of the population behind them",
    "empty": "the caller knows the batches by name and lists those without ratings (ratings.rating_nodes)",
}
SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def decode(value):
    if isinstance(value, dict):
        return {key: decode(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [decode(inner) for inner in value]
    return SPECIAL.get(value, value) if isinstance(value, str) else value


def differences(found, expected, tolerance, path=""):
    """Yield what differs; every key of `expected` must be found unless there is no word for it."""
    if isinstance(expected, dict):
        for key, inner in expected.items():
            if key in found:
                yield from differences(found[key], inner, tolerance, f"{path}.{key}")
            elif key not in NO_WORD:
                yield f"{path}.{key} is missing"
    elif isinstance(expected, list):
        if len(found) != len(expected):
            yield f"{path}: {found!r}, expected {expected!r}"
        for place, (one, other) in enumerate(zip(found, expected, strict=False)):
            yield from differences(one, other, tolerance, f"{path}[{place}]")
    elif isinstance(expected, bool) or expected is None or isinstance(expected, str):
        if found is not expected and found != expected:
            yield f"{path}: {found!r}, expected {expected!r}"
    elif found is None or not abs(found - expected) <= tolerance * max(1, abs(expected)):
        yield f"{path}: {found!r}, expected {expected!r}"


def plain(array):
    """Return the first group's number, None where there is none."""
    return None if np.isnan(array[0]) else float(array[0])


def optional(value):
    return numbers(math.nan if value is None else value)


def status(node):
    word = reason(node, 0)
    if word is None:
        return "renormalised" if node.partial[0] else "ok"
    return "no_data" if word == "not_given" else word  # the vectors do not tell 'no rows' from 'no such column'


def refuse(problems):
    if problems:
        raise InvalidInputError(*problems)


def summary(node):
    return {
        "value": plain(node.value),
        "status": status(node),
        "coverage": float(node.coverage[0]),
        "missing": sorted(missing(node, 0)),
        "partial": plain(node.partial_value),
    }


# --- adapters


def share_interval(x, n, conf=0.95):
    table, problems, _ = make_table({"x": x, "n": n})
    counts = table.number("x", least=0), table.number("n", least=0)
    refuse(problems)  # in formulas NaN means 'not given'; as an input it is refused where the document is read
    found = ratio(*map(numbers, counts))
    lower, upper = quarter_beta(found.numerator, found.denominator, conf)
    return {"value": plain(found.value), "lower": plain(lower), "upper": plain(upper), "n_eff": n, "status": "ok"}


def stratified(strata):
    counts = np.array([[stratum["n"] - stratum["x"], 0, 0, 0, stratum["x"]] for stratum in strata], np.float64).reshape(
        -1, 5
    )
    population, group = numbers(*(stratum["N"] for stratum in strata)), np.zeros(len(strata), np.intp)
    found, pooled = (level_shares(counts, population, group, 1, weighting) for weighting in ("population", "sample"))
    interval = stratified_share(counts[:, 4], counts.sum(axis=1), population, group, 1)
    return {
        "value": plain(found.satisfied),
        "lower": plain(interval.lower),
        "upper": plain(interval.upper),
        "n_eff": plain(interval.effective_n),
        "unweighted": plain(pooled.satisfied),
        "fallback": found.fallback,
        "status": "ok" if found.ratings[0] else "no_data",
    }


def o_csi(channels, pooling="responses"):
    parameters = external.read(make_table({"pooling": pooling})[0])
    node = external.index(
        {name: ratio(numbers(c["x"]), numbers(c["n"])) for name, c in channels.items()}, parameters, 1.0
    )
    return {
        "value": plain(node.value),
        "status": status(node),
        "channels": {child.name: {"value": plain(child.value)} for child in node.children},
    }


def levels(batches):
    counts = np.array([batch["counts"] for batch in batches], np.float64)
    population = numbers(*(batch["N"] for batch in batches))
    group = np.zeros(len(batches), np.intp)
    found = level_shares(counts, population, group, 1)
    each = 1 - 0.05 / 5  # five statements at once
    rated = counts.sum(axis=1)
    intervals = [stratified_share(column, rated, population, group, 1, each) for column in counts.T]
    return {
        "shares": found.shares[0].tolist(),
        "lower": [plain(interval.lower) for interval in intervals],
        "upper": [plain(interval.upper) for interval in intervals],
        "satisfied": plain(found.satisfied),
        "mean": plain(found.mean),
        "n": float(found.ratings[0]),
        "fallback": found.fallback,
        "status": "ok" if found.ratings[0] else "no_data",
    }


def attainment(value, target=None, direction="higher", lower=None, upper=None, **parameters):
    is_lower = direction == "lower" or parameters.get("worst", 0) > (target or 0)
    table, problems, _ = make_table({**parameters, **({} if target is None else {"target": target})})
    methods = ("attainment", "raw", "piecewise", "band")
    rule = read_rule(table, methods, target=1.0, most=math.inf, lower_is_better=is_lower)
    refuse(problems)
    found = {"value": plain(attain(numbers(value), rule)), "status": "ok"}
    if lower is None:
        return found
    ends = [plain(attain(numbers(end), rule)) for end in (lower, upper)]
    return found | {"lower": min(ends), "upper": max(ends)}


def c_csi(complaints, contacts, multiplier=25):
    table, problems, _ = make_table({"multiplier": multiplier})
    parameters = complaint.read(table)
    refuse(problems)
    node = complaint.index({"complaints": ratio(numbers(complaints), numbers(contacts), share=False)}, parameters, 1.0)
    there = plain(node.value) is not None
    return {
        "value": plain(node.value),
        "raw": plain(node.raw),
        "rate": float(node.numerator[0] / node.denominator[0]) if there else None,
        "floored": bool(node.flags["floored"][0]) if there else None,  # our flag is a plain yes or no
        "status": status(node),
    }


def value_of(part):
    return part["value"] if isinstance(part, dict) else part


def limits_by_parts(node, components):
    """Return the limits of an index out of those of its parts; none where the parts have none."""
    given_parts = [components[child.name] for child in node.children]
    if not all(isinstance(part, dict) for part in given_parts):
        return {}
    parts = [Limits(*(numbers(part[name]) for name in ("value", "lower", "upper"))) for part in given_parts]
    return ends_of(_of_parts(node, parts))


def ends_of(found):
    return {"lower": plain(found.lower), "upper": plain(found.upper)}


def i_csi(components, weights=None, min_coverage=1.0):
    problems = []
    declared = weights or make_weights().components["internal"].weights
    shares = shares_of(Table({}, "internal", problems, []), declared, 1.0)
    refuse(problems)
    values = {name: optional(value_of(part)) for name, part in components.items()}
    children = [leaf(name, given(value), value) for name, value in values.items()]
    node = aggregate("internal", children, shares, min_coverage)
    return summary(node) | limits_by_parts(node, components)


def order(csi):
    return None if np.isnan(csi.beside["usual_order"][0]) else bool(csi.beside["usual_order"][0])


def csi(weights=None, min_coverage=1.0, **components):
    defaults = make_weights()
    chosen = dataclasses.replace(defaults, csi=weights or defaults.csi, minimum_coverage=min_coverage)
    node = compose([bare(name, optional(value_of(part))) for name, part in components.items()], chosen)
    told = {"raw": plain(node.raw), "expected_order": order(node)}
    return summary(node) | limits_by_parts(node, components) | told


def delight(delight, evaluated):
    node = outlook(numbers(delight), numbers(evaluated), 0.05)
    return {"label": label(node, 0), "value": plain(node.value)}


def whole_score(period):
    sla, aht, fcr, qa = (period["kpis"][name] for name in ("sla", "aht", "fcr", "qa"))
    measures = {
        "answered_within_threshold": sla["x"],
        "answered_timed": sla["n"],
        "contacts_abandoned": 0,
        "handle_seconds": aht["mean"] * aht["n"],
        "handled_contacts": aht["n"],
        "tickets_closed": fcr["n"],
        "tickets_reactivated": fcr["n"] - fcr["x"],
        "evaluation_scores": qa["mean"] * qa["n"],
        "evaluations": qa["n"],
        "complaints_received": period["complaints"],
        "contacts_answered": period["contacts"],
    }
    for name, channel in period["channels"].items():
        measures |= {f"responses.{name}": channel["n"], f"satisfied_responses.{name}": channel["x"]}
    weights = make_weights(
        {"minimum_coverage": period.get("min_coverage", 1), "complaint.multiplier": period.get("multiplier", 25)}
    )
    node = score({name: numbers(count) for name, count in measures.items()}, 1, weights)
    parts = {child.name: child for child in node.children}
    ends = {key: ends_of(found) for key, found in limits(node, channels=False).items()}
    counted = {name: ends[f"csi.{name}"] for name in ("external", "complaint") if plain(parts[name].value) is not None}
    shares = {name: ends[f"csi.internal.{name}"] for name in ("sla", "fcr")}
    return {
        "kpis": {
            kpi.name: {"value": plain(kpi.value)} | shares.get(kpi.name, {}) for kpi in parts["internal"].children
        },
        **{name: summary(part) | {"raw": plain(part.raw)} | counted.get(name, {}) for name, part in parts.items()},
        "csi": {**summary(node), "raw": plain(node.raw), "expected_order": order(node)},
    }


def frame_of(ratings):
    """Return the frame of a table with one row a rater and one column a call; null is no rating."""
    rows = [(call, rater, level) for rater, levels in enumerate(ratings) for call, level in enumerate(levels)]
    return pd.DataFrame(rows, columns=["call", "rater", "level"]).astype({"level": np.float64})


def alpha(ratings, level, categories=5):
    found = krippendorff_alpha(frame_of(ratings), level, categories)
    return {"value": found.value, "items": found.calls, "status": found.reason or "ok"}


def kappa(a, b, weights, categories=5):
    assert weights == "quadratic"
    value = weighted_kappa(numbers(*a), numbers(*b), categories)
    (row,) = pairwise(frame_of([a, b]), categories).to_dict("records")  # the same out of a frame of ratings
    assert row["kappa"] == value
    return {"value": value, "n": row["calls"], "status": "ok"}


def rater_severity(ratings):
    frame = pd.DataFrame(ratings).rename(columns={"item": "call", "score": "level"})
    names = {"severity": "severity", "calls": "n", "p": "p", "p_adjusted": "p_bh"}
    found = severity(frame).set_index("rater")[list(names)].rename(columns=names)
    return {"raters": found.to_dict("index")}


def adjusted(p, method):
    found = adjust_p(np.array([math.nan if each is None else each for each in p]), method)
    return {"adjusted": [None if math.isnan(each) else float(each) for each in found]}


def allocated(total, strata, min_per=2):
    deviations = [stratum.get("sd", 1) for stratum in strata]
    return {"n": allocate(total, [stratum["N"] for stratum in strata], deviations, min_per)}


ADAPTERS = {
    "share_interval": share_interval,
    "stratified_share": stratified,
    "o_csi": o_csi,
    "level_shares": levels,
    "attainment": attainment,
    "c_csi": c_csi,
    "i_csi": i_csi,
    "csi": csi,
    "outlook": delight,
    "score": whole_score,
    "krippendorff_alpha": alpha,
    "weighted_kappa": kappa,
    "rater_severity": rater_severity,
    "adjust_p": adjusted,
    "n_halfwidth": lambda p, half_width, population, deff: {"n": size_for_share(p, half_width, population, deff)},
    "n_ccsi": lambda rate, half_width: {"n": size_for_complaint_index(rate, half_width)},
    "n_zero_event": lambda p_max, conf: {"n": size_for_none_seen(p_max, conf)},
    "n_two_proportion": lambda p1, p2, power: {"n": size_for_change(p1, p2, power)},
    "n_mean": lambda sd, half_width: {"n": size_for_mean(sd, half_width)},
    "allocate": allocated,
}


def test_every_case_is_run_or_named_for_later():
    functions = {case["function"] for case in CASES.values()}
    assert len(CASES) == 64
    assert functions == ADAPTERS.keys() | LATER.keys()
    assert not ADAPTERS.keys() & LATER.keys()


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case["function"] in ADAPTERS])
def test_the_vector_comes_out(case):
    case = CASES[case]
    adapter, inputs = ADAPTERS[case["function"]], decode(case["inputs"])
    if "error" in case["expected"]:
        with pytest.raises(InvalidInputError) as refusal:
            adapter(**inputs)
        assert refusal.value.code == case["expected"]["error"]
    else:
        assert list(differences(adapter(**inputs), case["expected"], case["tolerance"])) == []


def test_a_wrong_value_and_a_lost_key_are_noticed():
    expected = {"value": 0.5, "status": "ok", "list": [1, 2], "lower": 0.4}
    assert list(differences({"value": 0.5 + 2e-8, "list": [1, 3]}, expected, 1e-8)) == [
        f".value: {0.5 + 2e-8!r}, expected 0.5",
        ".status is missing",
        ".list[1]: 3, expected 2",
    ]
