import pytest

from csi_service.core.levels import CHINESE, LEVELS
from tests.api.ask import calculate, refuse

URL = "/api/v1/calculate/ratings"
A = {"batch": "A", "population": 9000, "counts": [0, 0, 10, 60, 30]}
B = {"batch": "B", "population": 1000, "counts": [10, 20, 30, 30, 10]}


def shares(answer):
    assert list(answer["shares"]) == list(LEVELS)
    return list(answer["shares"].values())


def test_the_example_of_the_issue_by_population_and_by_sample(client):
    answer = calculate(client, "ratings", {"batches": [A, B]})
    assert shares(answer) == pytest.approx([0.01, 0.02, 0.12, 0.57, 0.28], abs=1e-12)
    assert list(answer["percents"].values()) == [1, 2, 12, 57, 28]
    assert (answer["satisfied"], answer["mean"]) == pytest.approx((0.85, 4.09), abs=1e-12)
    assert (answer["n"], answer["batches"], answer["weighting"], answer["fallback"]) == (200, 2, "population", False)
    answer = calculate(client, "ratings", {"batches": [A, B], "weighting": "sample"})
    assert shares(answer) == pytest.approx([0.05, 0.10, 0.20, 0.45, 0.20], abs=1e-12)
    assert answer["weighting"] == "sample"


def test_counts_by_name_and_single_ratings_are_the_same(client):
    named = {"batch": "A", "counts": {"neutral": 1, "very_satisfied": 2}}
    single = {"batch": "A", "ratings": [5, "very_satisfied", "一般"]}
    spelled = {"batch": "A", "ratings": [5.0, "非常满意", "neutral"]}
    answers = [calculate(client, "ratings", {"batches": [batch]}) for batch in (named, single, spelled)]
    assert answers[0] == answers[1] == answers[2]
    assert shares(answers[0]) == pytest.approx([0, 0, 1 / 3, 0, 2 / 3], abs=1e-12)


@pytest.mark.parametrize("names", [LEVELS, CHINESE, range(1, 6)])
def test_each_level_has_its_names(client, names):
    answer = calculate(client, "ratings", {"batches": [{"batch": "A", "ratings": list(names)}]})
    assert shares(answer) == pytest.approx([0.2] * 5, abs=1e-12)


def test_per_cents_add_up_to_a_hundred(client):
    answer = calculate(client, "ratings", {"batches": [{"batch": "A", "counts": [1, 1, 1, 0, 0]}]})
    assert list(answer["percents"].values()) == [34, 33, 33, 0, 0]


def test_a_batch_without_population_makes_all_weigh_their_sample(client):
    answer = calculate(client, "ratings", {"batches": [A, {"batch": "B", "counts": B["counts"]}]})
    assert (answer["weighting"], answer["fallback"]) == ("sample", True)
    assert any("lacks its population" in warning for warning in answer["warnings"])
    assert shares(answer)[0] == pytest.approx(0.05, abs=1e-12)


def test_explicit_weights(client):
    batches = [A | {"weight": 1}, B | {"weight": 3}]
    answer = calculate(client, "ratings", {"batches": batches, "weighting": "explicit"})
    assert shares(answer)[0] == pytest.approx(0.075, abs=1e-12)
    assert refuse(client, URL, {"batches": [A, B | {"weight": 3}], "weighting": "explicit"}) == [
        ("/batches/0/weight", "missing")
    ]
    zero = [A | {"weight": 0}, B | {"weight": 0}]
    assert refuse(client, URL, {"batches": zero, "weighting": "explicit"}) == [("/batches", "weights_sum")]
    assert any("explicit" in warning for warning in calculate(client, "ratings", {"batches": batches})["warnings"])


def test_only_random_batches_enter_and_the_others_stand_apart(client):
    targeted = {"batch": "T", "selection": "targeted", "ratings": [1, 1]}
    calibration = {"batch": "C", "selection": "calibration", "counts": [0, 0.5, 0.5, 0, 0]}
    answer = calculate(client, "ratings", {"batches": [A, B, targeted, calibration]})
    assert (shares(answer)[0], answer["n"]) == (pytest.approx(0.01), 200)
    assert [(batch["batch"], batch["selection"], batch["n"]) for batch in answer["apart"]] == [
        ("T", "targeted", 2),
        ("C", "calibration", 1),
    ]
    assert answer["apart"][0]["counts"]["very_dissatisfied"] == 2


@pytest.mark.parametrize("empty", [{}, {"counts": [0] * 5}, {"counts": {}}, {"ratings": []}])
def test_empty_batches_are_listed_and_count_nothing(client, empty):
    answer = calculate(client, "ratings", {"batches": [A, {"batch": "E"} | empty]})
    assert (answer["empty_batches"], answer["batches"], answer["fallback"]) == (["E"], 1, False)


@pytest.mark.parametrize("batches", [[], [{"batch": "E"}], [{"batch": "T", "selection": "targeted", "ratings": [5]}]])
def test_no_ratings_are_no_data(client, batches):
    answer = calculate(client, "ratings", {"batches": batches})
    assert (answer["reason"], answer["satisfied"], answer["mean"], answer["n"]) == ("no_data", None, None, 0)
    assert set(answer["shares"].values()) == set(answer["percents"].values()) == {None}


def test_the_weights_choose_the_satisfied_levels_and_the_weighting(client):
    weights = {"ratings": {"satisfied_from": 5, "weighting": "sample"}}
    answer = calculate(client, "ratings", {"batches": [A, B], "weights": weights})
    assert answer["satisfied"] == pytest.approx(0.20, abs=1e-12)


@pytest.mark.parametrize("rating", ["ok", 6, 0, 3.5, True, None, "4", "Satisfied", [5], {}, "\ud800"])
def test_what_is_no_rating_is_refused_at_its_place(client, rating):
    body = {"batches": [A, {"batch": "X", "ratings": [5, rating]}]}
    assert refuse(client, URL, body) == [("/batches/1/ratings/1", "bad_level")]


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        ({"counts": [1, 2, 3]}, ("/batches/0/counts", "levels")),
        ({"counts": 5}, ("/batches/0/counts", "levels")),
        ({"counts": {"ok": 1}}, ("/batches/0/counts/ok", "unknown_key")),
        ({"counts": [0, 0, -1, 0, 0]}, ("/batches/0/counts/2", "negative")),
        ({"counts": {"neutral": "3"}}, ("/batches/0/counts/neutral", "type")),
        ({"ratings": "54"}, ("/batches/0/ratings", "type")),
        ({"population": -1}, ("/batches/0/population", "negative")),
        ({"selection": "any"}, ("/batches/0/selection", "choice")),
        ({"counts": [0] * 5, "ratings": []}, ("/batches/0", "shape")),
        ({"stratum": 1}, ("/batches/0/stratum", "unknown_key")),
        ({"batch": ""}, ("/batches/0/batch", "length")),
        ({"batch": "x" * 65}, ("/batches/0/batch", "length")),
        ({"batch": 7}, ("/batches/0/batch", "type")),
    ],
)
def test_a_batch_that_breaks_its_rules_is_refused_at_its_place(client, batch, found):
    assert refuse(client, URL, {"batches": [{"batch": "X"} | batch]}) == [found]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, ("/batches", "missing")),
        ({"batches": None}, ("/batches", "type")),
        ({"batches": {"A": 1}}, ("/batches", "type")),
        ({"batches": [A, A]}, ("/batches/1/batch", "duplicate")),
        ({"batches": [7]}, ("/batches/0", "type")),
        ({"batches": [{}]}, ("/batches/0/batch", "missing")),
        ({"batches": [A], "weighting": "by_eye"}, ("/weighting", "choice")),
    ],
)
def test_a_body_that_breaks_its_rules_is_refused(client, body, found):
    assert refuse(client, URL, body) == [found]
