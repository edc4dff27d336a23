"""Laws that hold for any data, and an oracle of the default set: plain loops over raw rows, in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.make import MONTH, make_measures, make_weights, same, scores

THIRD = Fraction(1, 3)
CHANNELS = ("ivr", "sms")

# --- raw rows, their measures by a loop, and the default indices by hand

CALL = st.fixed_dictionaries({"answered": st.booleans(), "wait": st.integers(0, 60), "handle": st.integers(0, 900)})
ROWS = st.fixed_dictionaries(
    {
        "calls": st.lists(CALL, max_size=12),
        "reactivated": st.lists(st.booleans(), max_size=6),  # one entry a closed ticket
        "scores": st.lists(st.integers(0, 100), max_size=5),  # of evaluations, of 100
        "surveys": st.lists(st.tuples(st.sampled_from(CHANNELS), st.booleans()), max_size=8),
        "complaints": st.integers(0, 2),
    }
)


def measures_of(rows):
    sums = dict.fromkeys(MONTH, 0.0)
    for call in rows["calls"]:
        if call["answered"]:
            sums["contacts_answered"] += 1
            sums["answered_timed"] += 1
            sums["answered_within_threshold"] += call["wait"] <= 20
            sums["handled_contacts"] += 1
            sums["handle_seconds"] += call["handle"]
        else:
            sums["contacts_abandoned"] += 1
    for reactivated in rows["reactivated"]:
        sums["tickets_closed"] += 1
        sums["tickets_reactivated"] += reactivated
    for points in rows["scores"]:
        sums["evaluations"] += 1
        sums["evaluation_scores"] += points / 100
    for channel, satisfied in rows["surveys"]:
        sums[f"responses.{channel}"] += 1
        sums[f"satisfied_responses.{channel}"] += satisfied
    sums["complaints_received"] = float(rows["complaints"])
    return sums


def mean(values):
    return sum(values, Fraction(0)) / len(values) if values else None


def weighted(parts):
    """Return the weighted mean of the parts that are there; None below half of the weight."""
    there = [(weight, value) for weight, value in parts if value is not None]
    coverage = sum((weight for weight, _ in there), Fraction(0))
    return (
        sum((weight * value for weight, value in there), Fraction(0)) / coverage if coverage >= Fraction(1, 2) else None
    )


def by_hand(rows):
    """Return I-CSI, O-CSI, C-CSI and CSI of raw rows under the default set."""
    calls = rows["calls"]
    answered = [call for call in calls if call["answered"]]
    in_time = mean([Fraction(call["answered"] and call["wait"] <= 20) for call in calls])
    handling = mean([Fraction(call["handle"]) for call in answered])
    internal = weighted(
        [
            (Fraction(25, 100), in_time if in_time is None else min(Fraction(1), in_time / Fraction(9, 10))),
            (Fraction(5, 100), handling if handling is None else Fraction(1) if handling <= 300 else 300 / handling),
            (Fraction(10, 100), mean([Fraction(not reactivated) for reactivated in rows["reactivated"]])),
            (Fraction(60, 100), mean([Fraction(points, 100) for points in rows["scores"]])),
        ]
    )
    external = mean([Fraction(satisfied) for _, satisfied in rows["surveys"]])
    complaint = max(Fraction(0), 1 - 25 * Fraction(rows["complaints"], len(answered))) if answered else None
    return internal, external, complaint, weighted([(THIRD, internal), (THIRD, external), (THIRD, complaint)])


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_scoring_summed_measures_is_scoring_the_union_of_the_rows(groups):
    union = {
        name: sum(rows[name] for rows in groups)
        if name == "complaints"
        else [row for rows in groups for row in rows[name]]
        for name in groups[0]
    }
    summed = {name: sum(measures_of(rows)[name] for rows in groups) for name in MONTH}
    nodes = scores(make_measures(summed))
    found = [nodes[key].value[0] for key in ("csi.internal", "csi.external", "csi.complaint", "csi")]
    assert same(found, [np.nan if value is None else float(value) for value in by_hand(union)])


# --- any measures, many groups, gaps included

COUNT = st.integers(0, 10_000)
PART_OF = {
    "answered_within_threshold": "answered_timed",
    "abandoned_within_threshold": "contacts_abandoned",
    "abandoned_short": "contacts_abandoned",
    "resolution_confirmed": "resolution_flagged",
    "first_contacts_repeated": "first_contacts",
    "first_contacts_mature": "first_contacts",
    "tickets_reactivated": "tickets_closed",
    "tickets_mature": "tickets_closed",
    "evaluation_scores": "evaluations",
    "points_earned": "points_possible",
    **{
        f"{part}.{channel}": f"responses.{channel}"
        for part in ("satisfied_responses", "response_points")
        for channel in CHANNELS
    },
}


@st.composite
def measures(draw, groups=1):
    """Draw possible measures; every now and then a total is 0 or a figure is unknown."""
    drawn = {}
    for name in sorted(MONTH, key=lambda name: name in PART_OF):  # totals before their parts
        most = [draw(COUNT) for _ in range(groups)] if name not in PART_OF else drawn[PART_OF[name]]
        drawn[name] = [float(draw(st.integers(0, int(limit)))) for limit in most] if name in PART_OF else most
    unknown = draw(st.sets(st.sampled_from(sorted(set(MONTH) - set(PART_OF) - set(PART_OF.values())))))
    return make_measures({**drawn, **dict.fromkeys(unknown, np.nan)})


@st.composite
def any_weights(draw):
    """Draw a set of whole parts, in any of the three shipped families of methods."""
    base = draw(st.sampled_from(["default", "telecom", "bank"]))
    part = st.integers(0, 20)
    csi = draw(
        st.fixed_dictionaries({name: part for name in ("internal", "external", "complaint")}).filter(
            lambda d: any(d.values())
        )
    )
    kpis = draw(
        st.fixed_dictionaries({name: part for name in ("sla", "aht", "fcr", "qa")}).filter(lambda d: any(d.values()))
    )
    changes = {f"csi.{name}": value for name, value in csi.items()} | {"csi.total": sum(csi.values())}
    changes |= {f"internal.{name}.parts": value for name, value in kpis.items()} | {
        "internal.total": sum(kpis.values())
    }
    return base, changes | {"minimum_coverage": draw(st.sampled_from([0.0, 0.5, 1.0]))}


@given(measures(groups=3), any_weights())
def test_indices_lie_in_0_to_1_and_contributions_sum_to_them(columns, weights):
    for node in scores(columns, make_weights(weights[1], weights[0])).values():
        there = ~np.isnan(node.value)
        assert ((node.value[there] >= 0) & (node.value[there] <= 1)).all(), node.name
        assert (there == (node.reason == 0)).all()
        if node.children:
            contributions = np.array([child.contribution for child in node.children])
            assert same(np.nansum(contributions, axis=0)[there], node.value[there])
            assert np.isnan(contributions[:, ~there]).all()


BETTER = {
    "answered_within_threshold": +1,
    "handle_seconds": -1,
    "tickets_reactivated": -1,
    "evaluation_scores": +1,
    "satisfied_responses.ivr": +1,
    "satisfied_responses.sms": +1,
    "complaints_received": -1,
}


@given(measures(), any_weights(), st.sampled_from(sorted(BETTER)), st.integers(1, 100))
def test_a_better_figure_never_lowers_an_index(columns, weights, name, step):
    base, changes = weights
    aht = {"parts": changes.pop("internal.aht.parts"), "target": 300}  # a band would punish short calls
    chosen = make_weights({**changes, "internal.aht": aht}, base)
    most = columns[PART_OF[name]] if name in PART_OF else np.inf
    better = {**columns, name: np.clip(columns[name] + BETTER[name] * step, 0, most)}
    before, after = scores(columns, chosen), scores(better, chosen)
    for key, node in before.items():
        known = ~np.isnan(node.value)
        assert (after[key].value[known] >= node.value[known]).all(), key


@given(measures(groups=4), st.permutations(range(4)))
def test_the_order_of_groups_changes_nothing(columns, order):
    turned = scores({name: column[order] for name, column in columns.items()})
    for key, node in scores(columns).items():
        assert np.array_equal(node.value[order], turned[key].value, equal_nan=True)
        assert np.array_equal(node.reason[order], turned[key].reason)


@given(measures(groups=2), any_weights(), st.sampled_from([2, 3, 0.5]))
def test_scaling_the_parts_with_their_total_changes_nothing(columns, weights, factor):
    base, changes = weights
    scaled = {key: value * factor if key != "minimum_coverage" else value for key, value in changes.items()}
    before, after = (scores(columns, make_weights(some, base)) for some in (changes, scaled))
    for key, node in before.items():
        assert same(node.value, after[key].value)


def test_the_oracle_agrees_with_the_example_of_the_issue():
    rows = {
        "calls": [{"answered": True, "wait": 20, "handle": 360}] * 85
        + [{"answered": True, "wait": 21, "handle": 360}] * 15,
        "reactivated": [True] * 20 + [False] * 80,
        "scores": [90] * 10,
        "surveys": [("ivr", True)] * 92 + [("sms", False)] * 8,
        "complaints": 0,
    }
    internal, external, complaint, _ = by_hand(rows)
    assert [float(value) for value in (internal, external, complaint)] == pytest.approx([0.8977777777777778, 0.92, 1])
