"""Appeals and calibration over HTTP."""

import pytest

from tests.api.ask import PROBLEM, refuse
from tests.keys import keyed, new_key
from tests.store.kept import at, call, make, put

APPEALS = "/api/v1/appeals"


@pytest.fixture
def people(app, services, migrated):
    """Clients of two leads, one of them of team T1 only, and of a rater; and an evaluation by Ann of T1's call C1."""
    store = services.store()
    put(store, "calls", call("C1", "2026-01-10T09:00"), call("C2", "2026-01-10T10:00", team="T2"))
    put(store, "evaluations", *(
        make("evaluations", evaluation_id=f"E{n}", call_id=f"C{n}", evaluated_at=at("2026-01-12T10:00"), score=60.0,
             rating=2, rater="ann")
        for n in (1, 2)
    ))  # fmt: skip
    roles = {"tia": ("lead", ("T1",)), "uwe": ("lead", ()), "ann": ("rater", ())}
    return {name: keyed(app, new_key(services, role, name, teams=teams)) for name, (role, teams) in roles.items()}


def file(client, number="E1", reason="the customer was told"):
    return client.post(f"/api/v1/evaluations/{number}/appeal", json={"reason": reason})


def decide(client, number, **body):
    return client.post(f"{APPEALS}/{number}/decision", json={"note": "heard again", **body})


def refused(answer, status):
    assert (answer.status_code, answer.content_type) == (status, PROBLEM), answer.text
    return answer.json["detail"]


def test_an_appeal_is_filed_by_one_lead_and_upheld_by_another(people):
    filed = file(people["tia"])
    assert filed.status_code == 201, filed.text
    number = filed.json["id"]
    assert (filed.json["status"], filed.json["filed_by"], filed.json["rater"]) == ("open", "tia", "ann")
    assert "once is all" in refused(file(people["uwe"]), 409)
    assert "you have filed this" in refused(decide(people["tia"], number, decision="rejected"), 403)
    done = decide(people["uwe"], number, decision="upheld", score=90, rating="基本满意")
    assert done.status_code == 200, done.text
    assert (done.json["status"], done.json["decided_by"], done.json["note"]) == ("upheld", "uwe", "heard again")
    shown = people["uwe"].get("/api/v1/evaluations/E1").json
    assert (shown["score"], shown["rating"], shown["rater"]) == (90, 4, "ann")
    assert "was upheld by uwe already" in refused(decide(people["uwe"], number, decision="rejected"), 409)
    assert people["uwe"].get(f"{APPEALS}?status=upheld&period=2099").json == {"appeals": [], "next_cursor": None}
    assert people["uwe"].get(f"{APPEALS}?status=upheld&team=T1").json["appeals"] == [done.json]
    assert people["ann"].get(APPEALS).json["appeals"] == [done.json]


def test_a_withdrawn_evaluation_is_gone(people):
    number = file(people["tia"]).json["id"]
    assert decide(people["uwe"], number, decision="upheld", withdraw=True).status_code == 200
    refused(people["uwe"].get("/api/v1/evaluations/E1"), 404)
    refused(file(people["tia"]), 404)


def test_another_team_s_evaluations_and_appeals_are_not_there(people):
    refused(file(people["tia"], "E2"), 404)
    number = file(people["uwe"], "E2").json["id"]
    refused(decide(people["tia"], number, decision="rejected"), 404)
    assert people["tia"].get(APPEALS).json["appeals"] == []


def test_a_number_with_a_slash_can_be_appealed_against(services, people):
    put(services.store(), "evaluations", make("evaluations", evaluation_id="QA/7", call_id="C1", score=50.0,
                                              evaluated_at=at("2026-01-12T10:00")))  # fmt: skip
    assert file(people["tia"], "QA/7").json["evaluation_id"] == "QA/7"
    assert people["tia"].put("/api/v1/evaluations/E1/appeal", json={"reason": "x"}).status_code == 405


def test_raters_neither_appeal_nor_decide(people):
    refused(file(people["ann"]), 403)
    refused(decide(people["ann"], 1, decision="rejected"), 403)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, [("/decision", "missing"), ("/note", "missing")]),
        ({"decision": "maybe", "note": "x"}, [("/decision", "choice")]),
        ({"decision": "upheld", "note": "x"}, [("", "missing")]),
        ({"decision": "upheld", "note": "x", "score": 101}, [("/score", "rule")]),
        ({"decision": "upheld", "note": "x", "score": 60}, [("", "no_change")]),
        ({"decision": "upheld", "note": "x", "rating": 6}, [("/rating", "bad_level")]),
        ({"decision": "upheld", "note": "x", "score": 90, "withdraw": True}, [("/withdraw", "shape")]),
        ({"decision": "rejected", "note": "x", "score": 90}, [("/score", "shape")]),
        ({"decision": "rejected", "note": " "}, [("/note", "blank")]),
    ],
)
def test_a_decision_that_breaks_its_rules_leaves_the_appeal_open(people, body, found):
    number = file(people["tia"]).json["id"]
    assert sorted(refuse(people["uwe"], f"{APPEALS}/{number}/decision", body)) == sorted(found)
    assert people["uwe"].get(APPEALS).json["appeals"][0]["status"] == "open"


def test_an_appeal_has_a_reason(people):
    url = "/api/v1/evaluations/E1/appeal"
    assert refuse(people["tia"], url, {}) == [("/reason", "missing")]
    assert refuse(people["tia"], url, {"reason": "", "x": 1}) == [("/reason", "blank"), ("/x", "unknown_key")]


# --- calibration


def test_agreement_is_told_with_its_reading(app, services, people):
    levels = {"ann": [1, 2, 3, 3], "bea": [1, 2, 3, 2]}
    put(services.store(), "evaluations", *(
        make("evaluations", evaluation_id=f"{rater}{n}", call_id=f"D{n}", rater=rater, rating=level,
             evaluated_at=at("2026-03-12T10:00"))
        for rater, given in levels.items()
        for n, level in enumerate(given)
    ))  # fmt: skip
    found = people["uwe"].get("/api/v1/calibration?period=2026-03").json
    # by hand as in tests/core/test_agreement.py: 1 - 7 x 18 / 600
    assert found["alpha"] == {"value": pytest.approx(0.79), "reason": None, "reading": "tentative", "calls": 4,
                              "ratings": 8}  # fmt: skip
    assert (found["publish_levels"], found["raters"], found["period"], found["batch"]) == (True, 2, "2026-03", None)
    assert found["confusion"]["table"][1][:3] == [0, 2, 1]
    assert [row["rater"] for row in found["severity"]] == ["ann", "bea"]
    nothing = people["uwe"].get("/api/v1/calibration?period=2025").json
    assert (nothing["alpha"]["value"], nothing["alpha"]["reason"], nothing["pairs"]) == (None, "no_data", [])
    assert (nothing["items"], nothing["items_reason"], nothing["publish_levels"]) == ([], "no_data", None)


def test_agreement_is_asked_for_by_period_or_batch(people):
    uwe = people["uwe"]
    assert "neither period nor batch" in refused(uwe.get("/api/v1/calibration"), 422)
    refused(uwe.get("/api/v1/calibration?batch=nothing"), 404)
    refused(uwe.get("/api/v1/calibration?period=x"), 422)
    refused(people["ann"].get("/api/v1/calibration?period=2026"), 403)


def test_the_items_of_a_form_that_differ_most_come_first(app, services, people):
    form = people["uwe"].get("/api/v1/forms/default").json
    items = [item for section in form["sections"] for item in section["items"]]
    bea = keyed(app, new_key(services, "rater", "bea"))
    plain = {item["name"]: True for item in items}
    last = items[-1]["name"]
    for client, answers in ((people["ann"], plain), (bea, plain | {last: False})):
        sent = {"call_id": "C1", "evaluated_at": "2026-03-12T10:00:00+08:00", "form": "default", "answers": answers}
        kept = client.post("/api/v1/evaluations", json=sent)
        assert kept.status_code == 201, kept.text
    found = people["uwe"].get("/api/v1/calibration?period=2026-03").json["items"]
    assert len(found) == len(items)
    assert found[0] == {"form": "default", "item": last, "pairs": 1, "differing_share": 1.0, "na_share": 0.0,
                        "mean_difference": 1.0}  # fmt: skip
    assert {row["differing_share"] for row in found[1:]} == {0.0}


def test_who_had_rated_cannot_rate_over_what_was_decided(people):
    number = file(people["uwe"]).json["id"]
    other = people["tia"]
    assert decide(other, number, decision="upheld", rating=5).status_code == 200
    again = {"evaluation_id": "E1", "call_id": "C1", "evaluated_at": "2026-01-12T10:00:00+08:00", "score": 60}
    assert "changed or withdrawn on appeal" in refused(people["ann"].post("/api/v1/evaluations", json=again), 409)
    changed = people["ann"].put("/api/v1/evaluations/E1", json={"score": 60}, headers={"If-Match": "*"})
    assert "changed or withdrawn on appeal" in refused(changed, 409)
    refused(people["ann"].delete("/api/v1/evaluations/E1", headers={"If-Match": "*"}), 409)
    assert people["ann"].get("/api/v1/evaluations/E1").json["rating"] == 5
