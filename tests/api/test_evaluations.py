"""POST, GET, PUT and DELETE of ratings and evaluations: whose, of which call, and what is refused."""

import pytest

from csi_service.access import ROLES
from csi_service.core.levels import CHINESE, LEVELS
from csi_service.records.tables import AUDIT
from tests.api.ask import PROBLEM
from tests.keys import keyed, new_key
from tests.make import ROOT
from tests.store.kept import call, put

URL = "/api/v1/ratings"
EVALUATIONS = "/api/v1/evaluations"
WHOLE = {  # 100 points in all; answers to every item of the shipped form
    "greeting": True, "need_found": True, "dead_air": True, "record": True, "identity": True, "right_answer": True,
    "resolution": True, "prevention": True, "courtesy": True, "listening": True, "clear_words": True, "empathy": True,
}  # fmt: skip


@pytest.fixture
def kept(client, services):
    """The store with four calls: C1 and C2 of team A (agents 17 and 18), C3 of team B, C4 of no team."""
    store = services.store()
    put(
        store,
        "calls",
        call("C1", "2026-03-02 09:00", team="A", agent="17"),
        call("C2", "2026-03-02 10:00", team="A", agent="18"),
        call("C3", "2026-03-03 09:00", team="B", agent="19"),
        call("C4", "2026-03-03 09:00", team=None, agent=None),
    )
    return store


@pytest.fixture
def rater(app, services, kept):
    return keyed(app, new_key(services, "rater", "rita"))


@pytest.fixture
def lead(app, services, kept):
    return keyed(app, new_key(services, "lead", "lena"))


def post(client, body, status=200, url=URL, **headers):
    answer = client.post(url, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.content_type == PROBLEM
    return answer.json


def pointers(problem):
    return [(entry["pointer"], entry["code"]) for entry in problem["errors"]]


def audit(store, **where):
    with store.database.reading() as connection:
        rows = connection.execute(AUDIT.select().order_by(AUDIT.c.id)).mappings()
        return [dict(row) for row in rows if all(row[name] == value for name, value in where.items())]


# --- a rating


@pytest.mark.parametrize("rating", [4, "4", "satisfied", "基本满意", 4.0, "Satisfied"])
def test_a_rating_is_a_number_or_a_name_in_either_language(rater, rating):
    made = post(rater, {"call_id": "C1", "rating": rating, "rated_at": "2026-03-02T12:00:00+08:00"}, 201)
    assert (made["status"], made["unmatched"]) == ("created", False)
    shown = rater.get(f"{URL}/{made['id']}").json
    assert shown == {
        "id": made["id"],
        "call_id": "C1",
        "rating": 4,
        "level": "satisfied",
        "level_zh": "基本满意",
        "rated_at": "2026-03-02T04:00:00+00:00",
        "batch": None,
        "rater": "rita",
        "comment": None,
        "team": "A",
        "agent": "17",
        "unmatched": False,
        "day": "2026-03-02",
        "revision": shown["revision"],
    }


@pytest.mark.parametrize("rating", [0, 6, "", "3.5", 3.5, "满意", "不 满意", True, [4], -1, "very good"])
def test_what_is_no_rating_is_refused_with_the_names(rater, rating):
    problem = post(rater, {"call_id": "C1", "rating": rating}, 422)
    assert pointers(problem) == [("/rating", "bad_level")]
    assert all(name in problem["detail"] for name in (*LEVELS, *CHINESE))
    told = rater.post(URL, json={"call_id": "C1", "rating": rating}, headers={"Accept-Language": "zh"}).json["detail"]
    assert "；可接受 1 very_dissatisfied 非常不满意, 2 " in told
    assert "accepted" not in told


def test_a_newer_rating_by_the_same_rater_replaces_the_older_and_both_stand_in_the_audit(rater, kept):
    first = post(rater, {"call_id": "C1", "rating": 2, "batch": "B1"}, 201)
    assert post(rater, {"call_id": "C1", "rating": 5, "batch": "B1"})["status"] == "replaced"
    assert post(rater, {"call_id": "C1", "rating": 5}, 201)["id"] != first["id"]  # of no batch: another one
    listed = rater.get(URL, query_string={"batch": "B1"}).json["ratings"]
    assert [(each["id"], each["rating"]) for each in listed] == [(first["id"], 5)]
    noted = [
        (entry["action"], (entry["before"] or {}).get("rating"), entry["after"]["rating"], entry["after"]["rater"])
        for entry in audit(kept, kind="evaluations", subject=first["id"])
    ]
    assert noted == [("create", None, 2, "rita"), ("replace", 2, 5, "rita")]


def test_a_list_is_answered_one_by_one(rater):
    body = [
        {"call_id": "C1", "rating": 5},
        {"call_id": "C2", "rating": 9},
        {"call_id": "C9", "rating": 1},
        {"call_id": "C2", "rating": 1, "rater": "otto"},
        {"rating": 1},
    ]
    told = post(rater, body)
    counts = {name: told[name] for name in ("created", "replaced", "unchanged", "rejected", "unmatched")}
    assert counts == {"created": 2, "replaced": 0, "unchanged": 0, "rejected": 3, "unmatched": 1}
    assert [result["status"] for result in told["results"]] == [
        "created", "rejected", "created", "rejected", "rejected",
    ]  # fmt: skip
    assert [entry["pointer"] for result in told["results"] for entry in result.get("errors", [])] == [
        "/1/rating", "/3/rater", "/4/call_id",
    ]  # fmt: skip


def test_the_same_request_again_changes_nothing(rater, kept):
    headers = {"Idempotency-Key": "k1"}
    first = rater.post(URL, json={"call_id": "C1", "rating": 5}, headers=headers)
    again = rater.post(URL, json={"call_id": "C1", "rating": 5}, headers=headers)
    assert (first.status_code, first.data) == (again.status_code, again.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(audit(kept, kind="evaluations")) == 1
    assert rater.post(URL, json={"call_id": "C1", "rating": 4}, headers=headers).status_code == 422


# --- whose


def test_a_rater_rates_in_their_own_name_only(rater):
    assert post(rater, {"call_id": "C1", "rating": 5, "rater": "rita"}, 201)["status"] == "created"
    assert "rita" in post(rater, {"call_id": "C1", "rating": 5, "rater": "otto"}, 403)["detail"]


def test_a_lead_rates_for_others_and_both_names_stand_in_the_audit(lead, kept):
    post(lead, {"call_id": "C1", "rating": 5, "rater": "otto"}, 201)
    post(lead, {"call_id": "C2", "rating": 5}, 201)
    assert [(entry["actor"], entry["after"]["rater"]) for entry in audit(kept, kind="evaluations")] == [
        ("lena", "otto"), ("lena", "lena"),
    ]  # fmt: skip


def test_nobody_rates_their_own_call(app, services, kept, lead):
    own = keyed(app, new_key(services, "rater", "siebzehn", agent="17"))
    assert "own" in post(own, {"call_id": "C1", "rating": 5}, 403)["detail"]
    assert "own" in post(lead, {"call_id": "C1", "rating": 5, "rater": "siebzehn"}, 403)["detail"]
    assert post(own, {"call_id": "C2", "rating": 5}, 201)["status"] == "created"
    assert pointers(post(own, {"call_id": "C9", "rating": 5}, 422)) == [("/call_id", "unknown_call")]
    told = post(own, [{"call_id": "C1", "rating": 5}, {"call_id": "C2", "rating": 5}])
    assert [result["status"] for result in told["results"]] == ["rejected", "replaced"]


def test_another_team_s_call_is_as_one_that_is_not_there(app, services, kept, rater):
    of_a = keyed(app, new_key(services, "rater", "alma", teams=("A",)))
    for number in ("C3", "C4", "C9"):
        assert post(of_a, {"call_id": number, "rating": 5}, 404)["detail"] == f"there is no call '{number}'"
    made = post(rater, {"call_id": "C3", "rating": 5}, 201)
    post(of_a, {"call_id": "C1", "rating": 5}, 201)
    assert [each["call_id"] for each in of_a.get(URL).json["ratings"]] == ["C1"]
    for verb in (of_a.get, of_a.delete):
        assert verb(f"{URL}/{made['id']}", headers={"If-Match": "*"}).status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_who_may_read_and_write(app, services, kept, role):
    client = keyed(app, new_key(services, role, f"{role}-x"))
    writes = client.post(URL, json={"call_id": "C1", "rating": 5}).status_code
    reads = client.get(URL).status_code
    assert (writes == 201, reads == 200) == (
        role in ("rater", "lead", "operator", "admin"),
        role in ("rater", "lead", "analyst", "admin"),
    )


# --- a call that is not kept


def test_a_rating_of_an_unknown_call_waits_for_it(rater, kept):
    made = post(rater, {"call_id": "C9", "rating": 5}, 201)
    assert made["unmatched"] is True
    assert rater.get(f"{URL}/{made['id']}").json["unmatched"] is True
    put(kept, "calls", call("C9", "2026-03-02 09:00", team="B", agent="20"))
    shown = rater.get(f"{URL}/{made['id']}").json
    assert (shown["unmatched"], shown["team"], shown["agent"]) == (False, "B", "20")
    assert [each["id"] for each in rater.get(URL, query_string={"team": "B"}).json["ratings"]] == [made["id"]]


# --- lists


def test_ratings_are_filtered(rater, lead):
    for number, (who, rating, day, batch) in enumerate(
        [("rita", 5, 2, "B1"), ("rita", 1, 3, "B1"), ("lena", 4, 4, "B2"), ("otto", 4, 5, None)]
    ):
        body = {"call_id": f"C{number % 3 + 1}", "rating": rating, "rated_at": f"2026-03-0{day}T12:00:00+08:00"}
        body |= {"batch": batch} if batch else {}
        if who == "rita":
            post(rater, body, 201)
        else:
            post(lead, body | {"rater": who}, 201)

    def days(**query):
        return [int(each["day"][-2:]) for each in lead.get(URL, query_string=query).json["ratings"]]

    assert days() == [5, 4, 3, 2]
    assert days(period="2026-03-03..2026-03-04") == [4, 3]
    assert days(rater="rita") == [3, 2]
    assert days(batch="B1") == [3, 2]
    assert days(call_id="C1") == [5, 2]
    assert days(team="A") == [5, 3, 2]
    assert days(agent="17") == [5, 2]
    assert days(level="satisfied") == days(level="4") == [5, 4]
    assert days(team="B", level="1") == []
    pages, cursor = [], {}
    while cursor is not None:
        page = lead.get(URL, query_string={"limit": 3} | cursor).json
        pages.append(len(page["ratings"]))
        cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
    assert pages == [3, 1]


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("limit=1001", "/limit", "range"),
        ("cursor=x", "/cursor", "cursor"),
        ("cursor=WyJ4Il0", "/cursor", "cursor"),
        (
            "cursor=WyIyMDI2LTAxLTAxIiwgIjIwMjYtMDEtMDFUMDA6MDA6MDAiLCAiXHVkODAwIl0",
            "/cursor",
            "cursor",
        ),  # half of a pair
        ("level=6", "/level", "bad_level"),
        ("period=soon", "/period", "period"),
        ("raters=x", "/raters", "unknown_key"),
    ],
)
def test_a_query_that_breaks_its_rules_is_refused(rater, query, pointer, code):
    answer = rater.get(f"{URL}?{query}")
    assert (answer.status_code, pointers(answer.json)) == (422, [(pointer, code)])


# --- changes


def etag(client, number, url=URL):
    return client.get(f"{url}/{number}").headers["ETag"]


def test_a_change_needs_the_tag_that_was_read(rater, kept):
    number = post(rater, {"call_id": "C1", "rating": 2, "rated_at": "2026-03-02T12:00:00Z"}, 201)["id"]
    path, first = f"{URL}/{number}", etag(rater, number)
    assert rater.put(path, json={"rating": 3}).status_code == 428
    changed = rater.put(path, json={"rating": "neutral", "comment": "heard again"}, headers={"If-Match": first})
    assert (changed.status_code, changed.json["rating"], changed.json["comment"]) == (200, 3, "heard again")
    assert changed.json["rated_at"] == "2026-03-02T12:00:00+00:00"
    assert changed.headers["ETag"] == etag(rater, number) != first
    stale = rater.put(path, json={"rating": 5}, headers={"If-Match": first})
    assert (stale.status_code, changed.headers["ETag"] in stale.json["detail"]) == (412, True)
    assert rater.delete(path).status_code == 428
    assert rater.delete(path, headers={"If-Match": first}).status_code == 412
    assert rater.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    assert rater.get(path).status_code == 404
    assert rater.delete(path, headers={"If-Match": "*"}).status_code == 404
    assert [entry["action"] for entry in audit(kept, kind="evaluations")] == ["create", "replace", "delete"]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [({"rating": 7}, "/rating", "bad_level"), ({}, "/rating", "missing"), ({"rating": 1, "call_id": "C2"}, "/call_id",
     "unknown_key"), ([], "", "type")],
)  # fmt: skip
def test_a_change_is_read_strictly(rater, body, pointer, code):
    number = post(rater, {"call_id": "C1", "rating": 2}, 201)["id"]
    refused = rater.put(f"{URL}/{number}", json=body, headers={"If-Match": "*"})
    assert (refused.status_code, pointers(refused.json)) == (422, [(pointer, code)])


def test_a_rater_changes_their_own_rating_only(app, services, rater, lead):
    number = post(rater, {"call_id": "C1", "rating": 2}, 201)["id"]
    other = keyed(app, new_key(services, "rater", "otto"))
    headers = {"If-Match": etag(other, number)}
    assert other.put(f"{URL}/{number}", json={"rating": 5}, headers=headers).status_code == 403
    assert other.delete(f"{URL}/{number}", headers=headers).status_code == 403
    changed = lead.put(f"{URL}/{number}", json={"rating": 5}, headers=headers).json
    assert (changed["rater"], changed["rating"]) == ("rita", 5)


# --- evaluations


def test_a_score_is_kept_as_it_is(lead):
    body = {"call_id": "C1", "score": 45, "full_marks": 50, "rating": "一般", "evaluation_id": "E1"}
    assert post(lead, body, 201, EVALUATIONS)["id"] == "E1"
    shown = lead.get(f"{EVALUATIONS}/E1").json
    assert (shown["score"], shown["full_marks"], shown["rating"], shown["form_result"]) == (45, 50, 3, None)
    assert [each["id"] for each in lead.get(URL).json["ratings"]] == ["E1"]
    refused = lead.delete(f"{URL}/E1", headers={"If-Match": "*"})
    assert (refused.status_code, "/api/v1/evaluations/E1" in refused.json["detail"]) == (409, True)
    assert lead.put(f"{URL}/E1", json={"rating": 5}, headers={"If-Match": "*"}).status_code == 200
    shown = lead.get(f"{EVALUATIONS}/E1").json
    assert (shown["score"], shown["rating"]) == (45, 5)
    assert lead.delete(f"{EVALUATIONS}/E1", headers={"If-Match": "*"}).status_code == 204


def test_a_score_follows_from_the_answers_to_a_form(rater, services):
    # identity (10) does not apply; need_found 4 of 8; record (6, zeroes its section of 25) fails; empathy (5) unmet.
    # traffic: (5 + 4 + 6 + 0) of 25 -> 0 after the failure; business: 40 of 40; communication: 20 of 25. 60 of 90.
    answers = WHOLE | {"identity": "na", "need_found": 4, "record": False, "empathy": False}
    version = services.forms.get("default").digest
    body = {"call_id": "C1", "form": "default", "form_version": version, "answers": answers}
    made = post(rater, body, 201, EVALUATIONS)
    result = made["form_result"]
    assert (result["earned"], result["possible"], result["version"]) == (60, 90, version)
    assert result["score"] == pytest.approx(60 / 90, abs=1e-12)
    assert result["score_before_critical"] == pytest.approx(75 / 90, abs=1e-12)
    assert [section["weight"] for section in result["sections"]] == pytest.approx([25 / 90, 40 / 90, 25 / 90])
    assert (result["critical_failures"], made["delight"]) == ({"record": "business"}, True)
    assert result["na_share"] == pytest.approx(1 / 12)
    shown = rater.get(f"{EVALUATIONS}/{made['id']}").json
    assert (shown["score"], shown["full_marks"], shown["delight"], shown["form"]) == (60, 90, True, "default")
    assert (shown["answers"], shown["form_result"]) == (answers, result)


def test_a_form_that_has_changed_since_it_was_read_is_told(rater, services):
    folder = services.settings.data / "forms"
    folder.mkdir()
    text = (services.forms._folders[1] / "default.toml").read_text(encoding="utf-8")
    old = services.forms.get("default").digest
    (folder / "default.toml").write_text(text.replace("points = 20", "points = 30"), encoding="utf-8")
    new = services.forms.get("default").digest
    body = {"call_id": "C1", "form": "default", "form_version": old, "answers": WHOLE}
    assert old != new
    assert new in post(rater, body, 409, EVALUATIONS)["detail"]
    assert post(rater, body | {"form_version": new}, 201, EVALUATIONS)["form_result"]["possible"] == 110


def test_an_answer_is_given_again_though_the_form_has_changed_since(services, rater):
    own, shipped = services.settings.data / "forms", (ROOT / "forms" / "default.toml").read_text(encoding="utf-8")
    own.mkdir()
    (own / "default.toml").write_text(shipped, encoding="utf-8")
    version = rater.get("/api/v1/forms/default").json["version"]
    body = {"call_id": "C1", "form": "default", "form_version": version, "answers": WHOLE}
    first = rater.post(EVALUATIONS, json=body, headers={"Idempotency-Key": "k1"})
    assert first.status_code == 201, first.text
    (own / "default.toml").write_text(shipped.replace('title = "', 'title = "Other '), encoding="utf-8")
    again = rater.post(EVALUATIONS, json=body, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (201, "true"), again.text
    assert again.get_data() == first.get_data()
    post(rater, body, 409, EVALUATIONS)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"answers": {"greeting": True}}, "/answers/need_found", "missing"),
        ({"answers": WHOLE | {"smile": True}}, "/answers/smile", "unknown_item"),
        ({"answers": WHOLE | {"greeting": 6}}, "/answers/greeting", "range"),
        ({"answers": WHOLE | {"greeting": "na"}}, "/answers/greeting", "type"),
        ({"answers": WHOLE | {"greeting": None}}, "/answers/greeting", "type"),
        ({"answers": []}, "/answers", "type"),
        ({"form": "none"}, "/form", "unknown_form"),
        ({"score": 90}, "/score", "shape"),
        ({"answers": None, "form_version": "x"}, "/form_version", "shape"),
        ({"answers": None}, "/score", "rule"),
        ({"answers": None, "score": 101}, "/score", "rule"),
    ],
)
def test_answers_are_read_strictly(rater, change, pointer, code):
    problem = post(rater, {"call_id": "C1", "answers": WHOLE} | change, 422, EVALUATIONS)
    assert (pointer, code) in pointers(problem)


def test_a_rating_and_an_evaluation_of_one_call_stand_beside_each_other(rater):
    rating = post(rater, {"call_id": "C1", "rating": 2}, 201)["id"]
    evaluation = post(rater, {"call_id": "C1", "answers": WHOLE}, 201, EVALUATIONS)["id"]
    assert rating != evaluation
    assert post(rater, {"call_id": "C1", "rating": 3})["status"] == "replaced"
    assert rater.get(f"{EVALUATIONS}/{evaluation}").json["score"] == 100


def test_an_evaluation_is_changed_with_its_answers(rater, kept):
    number = post(rater, {"call_id": "C1", "answers": WHOLE}, 201, EVALUATIONS)["id"]
    path, headers = f"{EVALUATIONS}/{number}", {"If-Match": etag(rater, number, EVALUATIONS)}
    changed = rater.put(path, json={"answers": WHOLE | {"empathy": False}}, headers=headers)
    assert (changed.status_code, changed.json["score"], changed.json["form_result"]["earned"]) == (200, 95, 95)
    assert rater.put(path, json={"score": 10}, headers=headers).status_code == 412
    headers = {"If-Match": changed.headers["ETag"]}
    plain = rater.put(path, json={"score": 10}, headers=headers).json
    assert (plain["score"], plain["full_marks"], plain["answers"], plain["form_result"]) == (10, None, None, None)
    assert [entry["action"] for entry in audit(kept, kind="form_answers")] == ["create", "replace", "delete"]


def test_an_evaluation_of_another_rater_is_not_replaced(app, services, rater, lead):
    post(rater, {"call_id": "C1", "score": 90, "evaluation_id": "E1"}, 201, EVALUATIONS)
    other = keyed(app, new_key(services, "rater", "otto"))
    refused = post(other, {"call_id": "C1", "score": 10, "evaluation_id": "E1"}, 403, EVALUATIONS)
    assert "evaluation that you may not replace" in refused["detail"]
    assert post(lead, {"call_id": "C1", "score": 80, "evaluation_id": "E1"}, 200, EVALUATIONS)["status"] == "replaced"
