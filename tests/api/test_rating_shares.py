"""GET /ratings/rollup: the shares of POSTed ratings, by hand; what stands apart; what is refused."""

import csv
import io

import pytest

from csi_service.core.levels import CHINESE, LEVELS
from tests.keys import keyed, new_key
from tests.store.kept import call, make, put

URL = "/api/v1/ratings/rollup"
# The example of the ratings: two batches of 100 ratings each, which stand for 9,000 and 1,000 calls.
BATCHES = {"A": (9000, (0, 0, 10, 60, 30)), "B": (1000, (10, 20, 30, 30, 10))}
# 0.9 x A + 0.1 x B: 0 + 0.01, 0 + 0.02, 0.09 + 0.03, 0.54 + 0.03, 0.27 + 0.01
BY_POPULATION = (0.01, 0.02, 0.12, 0.57, 0.28)
POOLED = (0.05, 0.10, 0.20, 0.45, 0.20)  # (A + B) / 200


def post_batches(client, populations=True):
    """POST the two batches and their ratings, each level in another of its spellings."""
    for batch, (population, counts) in BATCHES.items():
        body = {"batch": batch, "period": "2026-03"} | ({"population": population} if populations else {})
        assert client.post("/api/v1/batches", json=body).status_code == 201
        levels = [level for level, count in enumerate(counts, 1) for _ in range(count)]
        ratings = [
            {
                "call_id": f"{batch}{number:03}",
                "rating": (level, LEVELS[level - 1], CHINESE[level - 1])[number % 3],
                "batch": batch,
                "rater": f"R{number % 4}",
                "rated_at": "2026-03-05T12:00:00+08:00",
            }
            for number, level in enumerate(levels)
        ]
        answer = client.post("/api/v1/ratings", json=ratings)
        assert (answer.status_code, answer.json["created"]) == (200, 100), answer.text


@pytest.fixture
def admin(app, services, client):
    calls = [
        call(f"{batch}{number:03}", "2026-03-02 09:00", team="north" if number < 50 else "south")
        for batch in BATCHES
        for number in range(100)
    ]
    put(services.store(), "calls", *calls)
    return keyed(app, new_key(services, "admin"))


def rollup(client, **query):
    answer = client.get(URL, query_string={"period": "2026-03"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json


def shares(part):
    return [part["shares"][level] for level in LEVELS]


def test_two_batches_weigh_the_calls_that_they_stand_for(admin):
    post_batches(admin)
    found = rollup(admin)
    total = found["total"]
    assert shares(total) == pytest.approx(BY_POPULATION, abs=1e-12)
    assert sum(shares(total)) == pytest.approx(1, abs=1e-12)
    assert list(total["percents"].values()) == [1, 2, 12, 57, 28]
    assert total["mean"] == pytest.approx(0.01 + 0.04 + 0.36 + 2.28 + 1.40, abs=1e-12)
    assert total["satisfied"] == pytest.approx(0.85, abs=1e-12)
    assert (total["n"], total["batches"], total["raters"], total["reason"]) == (200, 2, 4, None)
    assert (found["weighting"], found["fallback"], found["judged_by"]) == ("population", False, "quality raters")
    assert found["apart"] == []


def test_it_is_the_figure_of_the_scores(admin):
    post_batches(admin)
    total = rollup(admin, by="team")["total"]
    scores = admin.get("/api/v1/scores", query_string={"period": "2026-03", "by": "team"}).json
    node = scores["total"]["ratings"]
    assert [node["parts"][level]["value"] for level in LEVELS] == shares(total)
    assert (node["raw"], node["value"], node["n"]) == (total["mean"], total["satisfied"], total["n"])
    groups = {each["group"]["team"]: each for each in rollup(admin, by="team")["groups"]}
    of_scores = {each["group"]["team"]: each["ratings"] for each in scores["groups"]}
    assert set(groups) == set(of_scores) == {"north", "south"}
    for team, node in of_scores.items():
        assert shares(groups[team]) == [node["parts"][level]["value"] for level in LEVELS]


def test_teams_by_hand(admin):
    post_batches(admin)
    # Of A the first 50 are 10 x 3 and 40 x 4, the others 20 x 4 and 30 x 5; of B they are 10 x 1, 20 x 2, 20 x 3 and
    # 10 x 3, 30 x 4, 10 x 5.
    north, south = rollup(admin, by="team")["groups"]
    assert (north["group"], south["group"]) == ({"team": "north"}, {"team": "south"})
    assert shares(north) == pytest.approx([0.02, 0.04, 0.18 + 0.04, 0.72, 0], abs=1e-12)
    assert shares(south) == pytest.approx([0, 0, 0.02, 0.36 + 0.06, 0.54 + 0.02], abs=1e-12)
    assert (north["n"], north["raters"], south["batches"]) == (100, 4, 2)


def test_without_its_population_every_batch_weighs_its_ratings_and_it_is_told(admin):
    post_batches(admin, populations=False)
    found = rollup(admin)
    assert shares(found["total"]) == pytest.approx(POOLED, abs=1e-12)
    assert (found["weighting"], found["fallback"]) == ("sample", True)
    assert "lacks its population (A, B), so every batch" in found["warnings"][0]
    answer = admin.get(URL, query_string={"period": "2026-03"}, headers={"Accept-Language": "zh"})
    assert "（A，B）" in answer.json["warnings"][0]


def test_other_samples_stand_apart_and_empty_batches_are_named(admin, services):
    post_batches(admin)
    put(
        services.store(),
        "batches",
        make("batches", batch="T", period="2026-03", population=50.0, selection="targeted"),
        make("batches", batch="K", period="2026-03", selection="calibration"),
        make("batches", batch="E", period="2026-03", population=700.0),
        make("batches", batch="O", period="2026-04", population=700.0),
    )
    body = [{"call_id": f"A{number:03}", "rating": 1, "batch": "T", "rater": "R9"} for number in range(3)]
    body += [{"call_id": "A000", "rating": rating, "batch": "K", "rater": f"R{rating}"} for rating in (1, 3)]
    assert admin.post("/api/v1/ratings", json=body).json["created"] == 5
    found = rollup(admin)
    assert shares(found["total"]) == pytest.approx(BY_POPULATION, abs=1e-12)
    apart = {part["selection"]: part["total"] for part in found["apart"]}
    assert list(apart) == ["targeted", "calibration"]
    assert (shares(apart["targeted"]), apart["targeted"]["n"], apart["targeted"]["raters"]) == ([1, 0, 0, 0, 0], 3, 1)
    # One call that two rated counts once, with the mean of its levels.
    assert (shares(apart["calibration"]), apart["calibration"]["n"]) == ([0.5, 0, 0.5, 0, 0], 1)
    assert apart["calibration"]["raters"] == 2
    assert found["empty_batches"] == ["E"]
    batches = {each["batch"]: (each["selection"], each["population"], each["n"]) for each in found["batches"]}
    assert batches == {
        "A": ("random", 9000, 100), "B": ("random", 1000, 100), "E": ("random", 700, 0), "K": ("calibration", None, 1),
        "T": ("targeted", 50, 3),
    }  # fmt: skip


def test_a_changed_and_a_deleted_rating_count_at_once(admin):
    post_batches(admin)
    before = rollup(admin)["total"]["n"]
    first = admin.get("/api/v1/ratings", query_string={"call_id": "A000"}).json["ratings"][0]
    path, headers = f"/api/v1/ratings/{first['id']}", {"If-Match": f'"{first["revision"]}"'}
    changed = admin.put(path, json={"rating": 1}, headers=headers)
    # One of A's ten threes is a one now: 0.9 x 0.01 more of level 1, and less of level 3.
    expected = [0.019, 0.02, 0.111, 0.57, 0.28]
    assert shares(rollup(admin)["total"]) == pytest.approx(expected, abs=1e-12)
    assert admin.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    total = rollup(admin)["total"]
    assert (before, total["n"]) == (200, 199)
    assert total["shares"]["neutral"] == pytest.approx(0.9 * 9 / 99 + 0.03, abs=1e-12)


def test_a_month_without_ratings_says_so(admin):
    found = rollup(admin)
    assert (found["total"]["n"], found["total"]["reason"], found["groups"]) == (0, "no_data", [])
    assert set(found["total"]["shares"].values()) == {None}
    assert "no record" in found["hint"]


@pytest.mark.parametrize("path", [URL, "/api/v1/scores"])
@pytest.mark.parametrize("by", [{}, {"by": "team"}])
def test_an_empty_period_by_agent_and_topic_says_so(admin, path, by):
    post_batches(admin)
    answer = admin.get(path, query_string={"period": "2020-03", "agent": "A1", "topic": "bill"} | by)
    assert answer.status_code == 200, answer.text
    assert answer.json["hint"].startswith("there is no record in 2020-03; all records lie between")


def test_a_calibration_is_left_out_for_who_has_still_to_judge_in_it(admin, app, services):
    ann, bea = (keyed(app, new_key(services, "rater", name)) for name in ("ann", "bea"))
    plan = {"size": 2, "selection": "calibration", "raters": [{"name": "ann"}, {"name": "bea"}]}
    assert admin.post("/api/v1/batches", json={"batch": "K", "period": "2026-03", "plan": plan}).status_code == 201
    admin.post("/api/v1/batches/K/draw")
    calls = [each["call_id"] for each in ann.get("/api/v1/batches/K/worklist").json["calls"]]
    ann.post("/api/v1/ratings", json=[{"call_id": number, "rating": 2, "batch": "K"} for number in calls])

    def seen(client):
        found = rollup(client, by="agent")
        return [part["total"]["n"] for part in found["apart"]], [each["batch"] for each in found["batches"]]

    assert seen(ann) == seen(admin) == ([2], ["K"])
    assert seen(bea) == ([], [])
    assert rollup(bea)["hint"] == "calibrations in which you have still calls to judge are left out: K"
    asked = {"period": "2026-03", "by": "agent"}
    as_csv = bea.get(URL, query_string=asked, headers={"Accept": "text/csv"}).text
    assert as_csv.startswith("agent,period,selection,")
    assert len(as_csv.splitlines()) == 1
    bea.post("/api/v1/ratings", json={"call_id": calls[0], "rating": 4, "batch": "K"})
    assert seen(bea) == ([], [])
    bea.post("/api/v1/ratings", json={"call_id": calls[1], "rating": 4, "batch": "K"})
    assert seen(bea) == seen(ann) == ([2], ["K"])
    assert rollup(bea)["hint"] is None


def test_a_key_limited_to_a_team_sees_that_team(admin, app, services):
    post_batches(admin)
    north = keyed(app, new_key(services, "viewer", "n", teams=("north",)))
    found = rollup(north, by="team")
    assert [each["group"] for each in found["groups"]] == [{"team": "north"}]
    assert found["total"]["n"] == 100


def test_the_groups_come_as_csv_too(admin):
    post_batches(admin)
    answer = admin.get(URL, query_string={"period": "2026-03", "by": "team"}, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["team"], row["n"], row["percent_satisfied"]) for row in rows] == [
        ("north", "100.0", "72.0"), ("south", "100.0", "42.0"),
    ]  # fmt: skip
    again = admin.get(URL, query_string={"period": "2026-03"}, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 200
    same = {"Accept": "text/csv", "If-None-Match": answer.headers["ETag"]}
    assert admin.get(URL, query_string={"period": "2026-03", "by": "team"}, headers=same).status_code == 304


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("", "/period", "missing"),
        ("period=2026-13", "/period", "period"),
        ("period=2026-03&by=rater", "/by", "dimension"),
    ],
)
def test_a_query_that_breaks_its_rules_is_refused(admin, query, pointer, code):
    answer = admin.get(f"{URL}?{query}")
    assert [(entry["pointer"], entry["code"]) for entry in answer.json["errors"]] == [(pointer, code)]
