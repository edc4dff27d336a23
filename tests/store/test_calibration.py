"""Agreement from kept ratings: which of them count, the figures beside the krippendorff package, scope."""

import krippendorff
import numpy as np
import pytest

from csi_service.access import Caller
from csi_service.core.periods import parse_period
from csi_service.errors import NotFoundError
from csi_service.store.calibration import calibrate
from tests.store.kept import at, call, make, put
from tests.store.test_sampling import drawn, plan, rate, rows

LEAD = Caller("lea", "lead", 1, "csi_0")
JANUARY = parse_period("2026-01")
ANN = [1, 2, 3, 3]
BEA = [1, 2, 3, 2]


def evaluation(number, call_id, rater, rating, when="2026-01-20T10:00", **values):
    return make("evaluations", evaluation_id=number, call_id=call_id, rater=rater, rating=rating,
                evaluated_at=at(when), **values)  # fmt: skip


def judge(store, table, **values):
    """Put in the levels {rater: levels of the calls C0, C1 ...}; None is no rating."""
    put(store, "evaluations", *(
        evaluation(f"{rater}{place}{values.get('batch', '')}", f"C{place}", rater, level, **values)
        for rater, levels in table.items()
        for place, level in enumerate(levels)
        if level is not None
    ))  # fmt: skip


def test_the_figures_of_two_raters_by_hand(store):
    judge(store, {"ann": ANN, "bea": BEA})
    found = calibrate(store, JANUARY, None, LEAD)
    # alpha: coincidences as in tests/core/test_agreement.py: 1 - 7 x 18 / 600 = 0.79, tentative
    assert (found.alpha.value, found.alpha.reading) == (pytest.approx(0.79), "tentative")
    assert (found.alpha.calls, found.alpha.ratings, found.raters, found.publish_levels) == (4, 8, 2, True)
    # kappa: squared differences 0 0 0 1, mean 1/4; of all 16: (1: 0 1 4 1) (2: 1 0 1 0) (3: 4 1 0 1 twice) = 20/16
    # 1 - (1/4) / (20/16) = 0.8; three of four alike; Ann is 1/4 of a level higher
    (pair,) = found.pairs
    assert pair == {"a": "ann", "b": "bea", "calls": 4, "kappa": pytest.approx(0.8), "same_share": 0.75,
                    "difference": 0.25}  # fmt: skip
    assert [(row["rater"], row["severity"], row["calls"], row["flagged"]) for row in found.severity] == [
        ("ann", 0.25, 4, False), ("bea", -0.25, 4, False),
    ]  # fmt: skip
    # t = 0.25 / (0.5 / 2) = 1 with 3 degrees of freedom: p = 1 - (2 / pi) (atan(1 / sqrt 3) + sqrt 3 / 4) = 0.391
    by_hand = 1 - 2 / np.pi * (np.arctan(1 / np.sqrt(3)) + np.sqrt(3) / 4)
    assert [row["p_adjusted"] for row in found.severity] == pytest.approx([by_hand] * 2)
    assert found.confusion[0][:3] == (2, 0, 0)
    assert found.confusion[1][:3] == (0, 2, 1)
    assert found.confusion[2][:3] == (0, 1, 2)


def test_alpha_is_that_of_the_krippendorff_package(store):
    generator = np.random.default_rng(5)
    levels = generator.integers(1, 6, (4, 40)).astype(object)
    levels[1] = levels[0]
    levels[generator.random((4, 40)) < 0.3] = None
    judge(store, {f"r{place}": list(row) for place, row in enumerate(levels)})
    table = np.array(levels, dtype=float)
    found = calibrate(store, JANUARY, None, LEAD)
    assert found.alpha.value == pytest.approx(krippendorff.alpha(table, level_of_measurement="ordinal"), abs=1e-12)
    rated = (~np.isnan(table)).sum(axis=0)
    assert (found.alpha.calls, found.alpha.ratings) == ((rated > 1).sum(), rated[rated > 1].sum())


def test_a_rater_who_is_always_strict_is_flagged_and_agreement_below_the_bound_publishes_nothing(store):
    levels = [3, 4, 5] * 8
    judge(store, {"ann": levels, "bea": levels, "cai": [level - 2 for level in levels]})
    found = calibrate(store, JANUARY, None, LEAD)
    assert {row["rater"]: row["flagged"] for row in found.severity} == {"ann": True, "bea": True, "cai": True}
    assert {row["rater"]: row["severity"] for row in found.severity} == {"ann": 1, "bea": 1, "cai": -2}
    assert (found.alpha.reading, found.publish_levels) == ("poor", False)


def test_only_calls_that_several_rated_count_and_of_each_rater_the_newest(store):
    judge(store, {"ann": [1, 2, 3, 3, 5], "bea": [1, 2, 3, 2]})
    put(store, "evaluations", evaluation("old", "C0", "ann", 5, "2026-01-19T10:00"),
        evaluation("nobody", "C4", None, 1), evaluation("score", "C4", "bea", None, score=50.0))  # fmt: skip
    found = calibrate(store, JANUARY, None, LEAD)
    assert (found.alpha.value, found.alpha.calls) == (pytest.approx(0.79), 4)


@pytest.mark.parametrize(
    ("table", "reason"), [({}, "no_data"), ({"ann": [1, 2]}, "no_data"), ({"ann": [4], "bea": [4]}, "no_variation")]
)
def test_where_there_is_nothing_the_reason_is_told(store, table, reason):
    judge(store, table)
    found = calibrate(store, JANUARY, None, LEAD)
    assert (found.alpha.value, found.alpha.reason, found.publish_levels) == (None, reason, None)
    assert all(pair["kappa"] is None for pair in found.pairs)
    # two who both say 4 are two pairs of a 4 with a 4; where nobody rated, or one alone, no levels meet
    assert np.array(found.confusion).sum() == (2 if reason == "no_variation" else 0)


def test_a_period_and_a_batch_narrow_what_is_read(store):
    judge(store, {"ann": ANN, "bea": BEA}, batch="B1")
    judge(store, {"ann": [5], "bea": [1]}, batch="B2", when="2026-02-10T10:00")
    put(store, "batches", *(make("batches", batch=name, period="2026") for name in ("B1", "B2")))
    assert calibrate(store, parse_period("2026-02"), None, LEAD).alpha.calls == 1
    assert calibrate(store, None, "B1", LEAD).alpha.calls == 4
    assert calibrate(store, JANUARY, "B2", LEAD).alpha.reason == "no_data"
    with pytest.raises(NotFoundError, match="'B3'"):
        calibrate(store, None, "B3", LEAD)


def test_a_plan_means_the_batches_of_all_its_strata(store):
    put(store, "calls", *(call(f"C{n}", "2026-01-10T09:00", team="A" if n < 3 else "B") for n in range(6)))
    plan(store=store, selection="calibration", strata=["team"], min_per=2)
    assert calibrate(store, None, "P", LEAD).alpha.reason == "no_data"
    drawn(store)
    for number, row in enumerate(rows(store)):
        rate(store, row, number % 5 + 1, number)
    assert calibrate(store, None, "P", LEAD).alpha.calls == 4
    assert calibrate(store, None, "P/1", LEAD).alpha.calls == 2


def test_a_key_limited_to_teams_reads_the_ratings_of_their_calls_only(store):
    put(store, "calls", *(call(f"C{n}", "2026-01-10T09:00", team="A" if n < 3 else "B") for n in range(4)))
    judge(store, {"ann": ANN, "bea": BEA})
    put(store, "evaluations", *(evaluation(f"x{rater}", "unknown", rater, 4, team="B") for rater in ("ann", "bea")))
    limited = Caller("tia", "lead", 2, "csi_1", teams=("B",))
    found = calibrate(store, JANUARY, None, limited)
    assert found.alpha.calls == 2  # C3, and the unknown call by its own team
    assert found.pairs[0]["calls"] == 2
    none = Caller("tia", "lead", 2, "csi_1", teams=("C",))
    assert calibrate(store, JANUARY, None, none).alpha.reason == "no_data"
