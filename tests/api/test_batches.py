"""Plans over HTTP: what they buy, the draw, worklists, and what is refused with which status."""

import pytest
from scipy import stats

from csi_service.store import plans
from tests.api.ask import PROBLEM, refuse
from tests.api.test_evaluations import WHOLE
from tests.keys import keyed, new_key
from tests.make import GONE
from tests.store.kept import call, put

URL = "/api/v1/batches"


@pytest.fixture
def lead(app, services, migrated):
    return keyed(app, new_key(services, "lead", "lea"))


@pytest.fixture
def ann(app, services, lead):
    return keyed(app, new_key(services, "rater", "ann"))


@pytest.fixture
def calls(services, lead):
    """40 calls of team A and 10 of team B in January 2026."""
    store = services.store()
    put(store, "calls", *(call(f"C{n:03}", "2026-01-10T09:00", team="A" if n < 40 else "B") for n in range(50)))


def body(batch="P", period="2026-01", raters=("ann", "bea"), **plan):
    return {"batch": batch, "period": period, "plan": {"raters": [{"name": name} for name in raters], **plan}}


def post(client, *args, **plan):
    answer = client.post(URL, json=body(*args, **plan))
    assert answer.status_code == 201, answer.text
    return answer.json


def refused(answer, status):
    assert (answer.status_code, answer.content_type) == (status, PROBLEM), answer.text
    return answer.json["detail"]


def test_a_plan_tells_what_it_buys_before_anything_is_drawn(lead, calls):
    answer = lead.post(URL, json=body(strata=["team"], size=20, min_per=5, seed=3, due_on="2026-02-10"))
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{URL}/P")
    made = answer.json
    assert (made["population"], made["sample"], made["drawn_at"], made["seed"], made["due_on"]) == (
        50, 20, None, 3, "2026-02-10",
    )  # fmt: skip
    # 20 in proportion to 40 and 10, at least 5 each: 15 and 5 (4 would be in proportion)
    assert [(s["batch"], s["members"], s["population"], s["sample"]) for s in made["strata"]] == [
        ("P/1", {"team": "A"}, 40, 15), ("P/2", {"team": "B"}, 10, 5),
    ]  # fmt: skip
    # 1.959964^2 x 0.25 / 0.05^2 = 384.1; of 50: 384.1 / (1 + 383.1 / 50) = 44.3; for 0.03: 1067.1 -> 47.8
    assert (made["buys"]["needed_for_5_points"], made["buys"]["needed_for_3_points"]) == (45, 48)
    # 15 calls for 0.8 of all and 5 for 0.2 tell as much as 1 / (0.64 / 15 + 0.04 / 5) = 19.7 drawn from all alike
    alike = 1 / (0.64 / 15 + 0.04 / 5)
    upper = stats.beta.ppf(0.975, alike / 2 + 0.75, alike / 2 + 0.25)  # quarter-beta, for half of them
    assert made["buys"]["half_width"] == pytest.approx(upper - 0.5, abs=1e-9)
    assert made["progress"] == {"calls": 0, "done": 0, "left": 0, "unassigned": 0, "overdue": False}
    assert lead.get(f"{URL}/P").json == made


def test_a_plan_without_seed_gets_one_that_is_told(lead, calls):
    assert post(lead, "P", size=5)["seed"] != post(lead, "Q", size=5)["seed"]


def test_a_drawn_plan_is_worked_off(app, services, lead, ann, calls):
    post(lead, strata=["team"], size=20)
    drawn = lead.post(f"{URL}/P/draw")
    assert drawn.status_code == 200, drawn.text
    assert drawn.json["drawn_by"] == "lea"
    assert drawn.json["raters"] == [
        {"name": name, "share": 1.0, "away": False, "calls": 10, "done": 0, "left": 10} for name in ("ann", "bea")
    ]
    mine = ann.get(f"{URL}/P/worklist?limit=3").json
    assert (mine["rater"], mine["calls_in_all"], mine["left"], mine["overdue"], len(mine["calls"])) == (
        "ann", 10, 10, False, 3,
    )  # fmt: skip
    first = mine["calls"][0]
    assert first["batch"] in ("P/1", "P/2")
    rating = {"call_id": first["call_id"], "rating": 4, "batch": "P"}
    assert ann.post("/api/v1/ratings", json=rating).status_code == 201
    after = ann.get(f"{URL}/P/worklist").json
    assert (after["done"], after["left"]) == (1, 9)
    assert first not in after["calls"]
    listed = lead.get(URL).json
    assert [(row["batch"], row["progress"]["done"]) for row in listed["batches"]] == [("P", 1)]
    assert listed["next_cursor"] is None
    assert "strata" not in listed["batches"][0]


def test_a_plan_drawn_twice_or_sent_again_is_a_conflict_that_tells_of_the_draw(lead, calls):
    post(lead, size=20, seed=5)
    assert lead.post(f"{URL}/P/draw").status_code == 200
    for again in (lead.post(f"{URL}/P/draw"), lead.post(URL, json=body(size=3))):
        assert "was drawn by lea" in refused(again, 409)
        assert "20 calls with the seed 5" in again.json["detail"]


def test_a_draw_larger_than_its_stratum_names_stratum_size_and_population(lead, calls):
    assert refuse(lead, URL, body(size=51)) == [("/plan/size", "exceeds_stratum")]
    detail = lead.post(URL, json=body(size=51, strata=["team"])).json["detail"]
    assert "is 51, but there are 50 calls to draw from (team 'A': 40, team 'B': 10)" in detail


def test_a_rater_s_list_is_their_own(lead, ann, calls):
    post(lead, size=20)
    assert "not drawn yet" in refused(ann.get(f"{URL}/P/worklist"), 409)
    lead.post(f"{URL}/P/draw")
    assert "own list" in refused(ann.get(f"{URL}/P/worklist?rater=bea"), 403)
    assert lead.get(f"{URL}/P/worklist?rater=bea").json["rater"] == "bea"
    assert "'lea' is no rater" in refused(lead.get(f"{URL}/P/worklist"), 404)


def test_what_is_left_to_do_after_the_last_day_is_overdue(lead, ann, calls):  # it is 24 November 2026
    post(lead, size=2, raters=["ann"], due_on="2026-11-23")
    lead.post(f"{URL}/P/draw")
    assert ann.get(f"{URL}/P/worklist").json["overdue"] is True
    assert lead.get(f"{URL}/P").json["progress"]["overdue"] is True


def test_an_unfinished_period_is_marked(lead, services):
    put(services.store(), "calls", *(call(f"N{n}", "2026-11-10T09:00") for n in range(9)))
    assert post(lead, "P", "2026-11", size=3)["in_progress"] is True


def test_who_is_away_hands_over(lead, ann, calls):
    post(lead, size=20)
    lead.post(f"{URL}/P/draw")
    answer = lead.put(f"{URL}/P/raters/ann", json={"away": True})
    assert answer.status_code == 200, answer.text
    assert [(r["name"], r["away"], r["calls"]) for r in answer.json["raters"]] == [("ann", True, 0), ("bea", False, 20)]
    assert "nobody is left" in refused(lead.put(f"{URL}/P/raters/bea", json={"away": True}), 409)
    assert "'cai' is no rater" in refused(lead.put(f"{URL}/P/raters/cai", json={"away": True}), 404)
    assert lead.put(f"{URL}/P/raters/bea", json={"away": "yes"}).json["errors"][0]["code"] == "type"
    refused(ann.put(f"{URL}/P/raters/ann", json={"away": True}), 403)


def test_a_calibration_is_blind_until_one_has_judged(app, services, lead, ann, calls):
    bea = keyed(app, new_key(services, "rater", "bea"))
    post(lead, selection="calibration", size=3)
    lead.post(f"{URL}/P/draw")
    call_id = ann.get(f"{URL}/P/worklist").json["calls"][0]["call_id"]
    number = ann.post("/api/v1/ratings", json={"call_id": call_id, "rating": 2, "batch": "P"}).json["id"]

    def seen(client):
        one = client.get(f"/api/v1/ratings/{number}").status_code
        return one, *(len(client.get(f"/api/v1/{name}?batch=P").json[name]) for name in ("ratings", "evaluations"))

    assert (seen(ann), seen(lead), seen(bea)) == ((200, 1, 1), (200, 1, 1), (404, 0, 0))
    bea.post("/api/v1/ratings", json={"call_id": call_id, "rating": 4, "batch": "P"})
    assert (seen(bea), seen(lead)) == ((200, 2, 2), (200, 2, 2))


def test_another_team_s_batch_is_not_there(app, services, lead, calls):
    tia = keyed(app, new_key(services, "lead", "tia", teams=("B",)))
    post(lead, "all", size=5)
    mine = post(tia, "mine", size=5)
    assert (mine["teams"], mine["population"]) == (["B"], 10)
    for method, path in (("get", "/all"), ("post", "/all/draw"), ("get", "/all/worklist"), ("get", "/nothing")):
        refused(getattr(tia, method)(URL + path), 404)
    refused(tia.put(f"{URL}/all/raters/ann", json={"away": True}), 404)
    assert [row["batch"] for row in tia.get(URL).json["batches"]] == ["mine"]
    assert [row["batch"] for row in lead.get(URL).json["batches"]] == ["all", "mine"]


def test_plans_are_for_leads_and_analysts_and_plain_records_for_operators(app, services, lead, ann, calls):
    operator = keyed(app, new_key(services, "operator"))
    plain = {"batch": "old", "period": "2026-01", "population": 50}
    assert operator.post(URL, json=plain).status_code == 201
    assert "role operator may not do this" in refused(operator.post(URL, json=body(size=5)), 403)
    assert "role lead may not do this" in refused(lead.post(URL, json=plain), 403)
    refused(ann.post(URL, json=body(size=5)), 403)
    assert keyed(app, new_key(services, "analyst")).post(URL, json=body(size=5)).status_code == 201
    found = lead.get(f"{URL}/old").json
    assert found == {"batch": "old", "period": "2026-01", "population": 50.0, "stratum": None, "description": None,
                     "selection": "random", "plan": None}  # fmt: skip
    assert [row["batch"] for row in lead.get(URL).json["batches"]] == ["P", "old"]
    assert "give the plan another name" in refused(lead.post(URL, json=body("old", size=5)), 409)


TARGETED = {"plan.selection": "targeted", "plan.size": GONE}


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"batch": "a/b"}, "/batch", "name"),
        ({"batch": "x" * 65}, "/batch", "length"),
        ({"period": "January"}, "/period", "period"),
        ({"period": "2025-01"}, "/plan", "no_calls"),
        ({"surprise": 1}, "/surprise", "unknown_key"),
        ({"plan": []}, "/plan", "type"),
        ({"plan.raters": GONE}, "/plan/raters", "missing"),
        ({"plan.raters": "ann"}, "/plan/raters", "type"),
        ({"plan.raters": []}, "/plan/raters", "shape"),
        ({"plan.raters": [{"name": "ann"}, {"name": "ann"}]}, "/plan/raters/1/name", "duplicate"),
        ({"plan.raters": [{"name": "ann", "share": 0}]}, "/plan/raters/0/share", "range"),
        ({"plan.size": GONE}, "/plan/size", "missing"),
        ({"plan.size": 0}, "/plan/size", "range"),
        ({"plan.size": 5.5}, "/plan/size", "whole"),
        ({"plan.size": "5"}, "/plan/size", "type"),
        ({"plan.seed": -1}, "/plan/seed", "negative"),
        ({"plan.strata": ["site"]}, "/plan/strata/0", "choice"),
        ({"plan.strata": ["team", "team"]}, "/plan/strata/1", "duplicate"),
        ({"plan.expected_share": 1.5}, "/plan/expected_share", "range"),
        ({"plan.due_on": "soon"}, "/plan/due_on", "day"),
        ({"plan.calls": ["C001"], "plan.size": GONE}, "/plan/calls", "shape"),
        (TARGETED, "/plan/calls", "missing"),
        (TARGETED | {"plan.rule": {}}, "/plan/rule", "missing"),
        (TARGETED | {"plan.rule": {"dissatisfied": False}}, "/plan/rule/dissatisfied", "choice"),
        (TARGETED | {"plan.calls": ["C001"], "plan.size": 1}, "/plan/size", "shape"),
        (TARGETED | {"plan.calls": ["Z"]}, "/plan/calls/0", "unknown_call"),
        ({"plan.selection": "calibration", "plan.raters": [{"name": "ann"}]}, "/plan/raters", "shape"),
    ],
)
def test_a_plan_that_breaks_its_rules_is_refused_at_its_place(lead, calls, changes, pointer, code):
    sent = body(size=5)
    for path, value in changes.items():
        *above, key = path.split(".")
        place = sent[above[0]] if above else sent
        if value is GONE:
            del place[key]
        else:
            place[key] = value
    assert refuse(lead, URL, sent) == [(pointer, code)]
    assert lead.get(URL).json["batches"] == []


def test_a_calibration_is_not_summed_up_for_who_has_still_to_judge(app, services, lead, ann, calls):
    bea = keyed(app, new_key(services, "rater", "bea"))
    post(lead, selection="calibration", size=3)
    lead.post(f"{URL}/P/draw")
    judged = {"call_id": ann.get(f"{URL}/P/worklist").json["calls"][0]["call_id"], "batch": "P", "answers": WHOLE}
    assert ann.post("/api/v1/evaluations", json=judged).status_code == 201

    def seen(client):
        asked = "period=2026-01&batch=P&selection=calibration"
        return client.get(f"/api/v1/evaluations/statistics?{asked}").json["evaluations"]

    assert (seen(ann), seen(lead), seen(bea)) == (1, 1, 0)
    bea.post("/api/v1/evaluations", json=judged)
    assert (seen(bea), seen(lead)) == (2, 2)


# --- answers given again


def test_a_plan_sent_again_with_its_key_is_not_planned_again(app, services, lead, calls):
    key = {"Idempotency-Key": "k1"}
    first = lead.post(URL, json=body(size=5), headers=key)
    assert (first.status_code, first.headers.get("Idempotency-Replayed")) == (201, None)
    lead.post(f"{URL}/P/draw")  # a drawn plan would refuse another of its name
    again = lead.post(URL, json=body(size=5), headers=key)
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (201, "true")
    assert (again.get_data(), again.headers["Location"]) == (first.get_data(), f"{URL}/P")
    refused(lead.post(URL, json=body(size=6), headers=key), 422)
    refused(lead.post(URL, json=body(size=5)), 409)
    rater = keyed(app, new_key(services, "rater", "rita"))
    refused(rater.post(URL, json=body(size=5), headers=key), 403)


def test_the_same_plan_sent_at_once_is_planned_once(lead, calls, services, monkeypatch):
    key, real, bodies = {"Idempotency-Key": "k1"}, plans.count, []

    def meanwhile(*args):
        monkeypatch.setattr(plans, "count", real)
        bodies.append(lead.post(URL, json=body(size=5), headers=key).get_data())
        return real(*args)

    monkeypatch.setattr(plans, "count", meanwhile)
    late = lead.post(URL, json=body(size=5), headers=key)
    assert (late.status_code, late.headers.get("Idempotency-Replayed")) == (201, "true")
    assert [late.get_data()] == bodies
