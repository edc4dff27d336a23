"""Reports over the API: documents, their versions, who may publish."""

import datetime as dt

import pytest

from csi_service.app import create_app
from csi_service.services import Services
from tests.keys import bearer, new_key
from tests.store.bring import bring, calls_file, row
from tests.store.kept import at, call, make, put, survey


@pytest.fixture
def filled(services: Services) -> Services:
    put(services.store(), "calls", call("C1", "2026-03-02 09:00"), call("C2", "2026-03-02 09:00", team="T2"))
    put(services.store(), "surveys", survey("S1", "2026-03-03 09:00", 5, team="T2"))
    return services


def key_of(services: Services, role: str) -> dict[str, str]:
    return bearer(new_key(services, role))


@pytest.fixture
def web(filled: Services):
    return create_app(filled).test_client()


def test_a_document_in_each_format(filled, web):
    key = key_of(filled, "viewer")
    for name, start in (("html", b"<!"), ("pdf", b"%PDF"), ("xlsx", b"PK")):
        found = web.get(f"/api/v1/reports/2026-03.{name}?lang=zh", headers=key)
        assert found.status_code == 200
        assert found.data.startswith(start)
        assert found.headers["Csi-Report-Version"] == "live"
        assert f'filename="csi-2026-03-zh.{name}"' in found.headers["Content-Disposition"]
        etag = {"If-None-Match": found.headers["ETag"]}
        assert web.get(f"/api/v1/reports/2026-03.{name}?lang=zh", headers=key | etag).status_code == 304


def test_the_language_is_the_best_that_is_accepted(filled, web):
    key = key_of(filled, "viewer")
    chinese = web.get("/api/v1/reports/2026-Q1.html", headers=key | {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert chinese.headers["Content-Language"] == "zh"
    assert web.get("/api/v1/reports/2026-03-01..2026-03-09.html", headers=key).headers["Content-Language"] == "en"


def test_publish_then_the_published_version_is_served(filled, web):
    analyst, viewer = bearer(new_key(filled, "analyst", "ann")), bearer(new_key(filled, "viewer", "vic"))
    assert web.post("/api/v1/reports/2026-03/publish", json={}, headers=viewer).status_code == 403
    made = web.post("/api/v1/reports/2026-03/publish", json={}, headers=analyst)
    assert (made.status_code, made.json["version"], made.json["published_by"]) == (201, 1, "ann")
    assert made.json["figures"]["csi.external"] == 1
    first = web.get("/api/v1/reports/2026-03.pdf", headers=viewer)
    assert first.headers["Csi-Report-Version"] == "1"

    put(filled.store(), "surveys", survey("S2", "2026-03-03 09:00", 1))
    assert web.post("/api/v1/reports/2026-03/publish", json={}, headers=analyst).status_code == 200
    assert web.get("/api/v1/reports/2026-03.pdf", headers=viewer).data == first.data
    state = web.get("/api/v1/reports/2026-03", headers=viewer).json
    assert {"node": "csi.external", "published": 1, "now": 0.5} in state["changed"]
    restated = web.post("/api/v1/reports/2026-03/publish", json={"reason": "a late survey"}, headers=analyst)
    assert (restated.status_code, restated.json["version"]) == (201, 2)
    assert web.get("/api/v1/reports/2026-03.pdf?version=1", headers=viewer).data == first.data
    assert web.get("/api/v1/reports/2026-03.pdf?version=3", headers=viewer).status_code == 404
    assert web.get("/api/v1/reports/2026-03", headers=viewer).json["changed"] == []
    assert [each["version"] for each in web.get("/api/v1/reports", headers=viewer).json["reports"]] == [2, 1]


def test_a_report_of_one_team_names_no_batch_of_another_and_tells_of_no_import(filled, web, tmp_path):
    store, key = filled.store(), bearer(new_key(filled, "lead", "tom", teams=("T2",)))
    put(store, "batches", *(make("batches", batch=name, period="2026-03") for name in ("theirs", "ours")))
    judged = {"evaluated_at": at("2026-03-03 09:00"), "rating": 4, "batch": "ours", "rater": "rita"}
    put(store, "evaluations", make("evaluations", evaluation_id="E1", call_id="C2", **judged))
    bring(
        store, "calls", calls_file(tmp_path / "calls.csv", *(row(f"N{n}", "2026-03-02 09:00:00") for n in range(4321)))
    )
    texts = [web.get("/api/v1/reports/2026-03.html", headers=each).text for each in (key, key_of(filled, "viewer"))]
    assert [("theirs" in text, "4,321" in text) for text in texts] == [(False, False), (True, True)]


def test_a_key_of_one_team_gets_its_team_s_report_and_nothing_published(filled, web):
    web.post("/api/v1/reports/2026-03/publish", json={}, headers=bearer(new_key(filled, "analyst")))
    limited = bearer(new_key(filled, "lead", "tom", teams=("T2",)))
    found = web.get("/api/v1/reports/2026-03.html?by=team", headers=limited)
    assert found.headers["Csi-Report-Version"] == "live"
    assert "T2" in found.text
    assert "T1" not in found.text
    for path in ("/api/v1/reports", "/api/v1/reports/2026-03", "/api/v1/reports/2026-03.html?version=1"):
        assert web.get(path, headers=limited).status_code == 403


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("2026-13.html", "/period"),
        ("2026-03.html?lang=fr", "/lang"),
        ("2026-03.html?by=agent&by=team&by=site", "/by"),
        ("2026-03.html?compare=never", "/compare"),
        ("2026-03.html?version=0", "/version"),
        ("2026-03.html?colour=red", "/colour"),
    ],
)
def test_a_query_that_breaks_its_rules_is_a_422_that_names_it(filled, web, path, where):
    found = web.get(f"/api/v1/reports/{path}", headers=key_of(filled, "viewer"))
    assert found.status_code == 422
    assert where in found.text


def test_an_unfinished_period_is_served_but_not_published(filled, web):
    assert filled.today() == dt.date(2026, 11, 24)
    refused = web.post("/api/v1/reports/2026-11/publish", json={}, headers=bearer(new_key(filled, "analyst")))
    assert refused.status_code == 409
    assert "2026-12-01" in refused.json["detail"]


@pytest.mark.parametrize("format_", ["doc", "PDF", ""])
def test_a_format_that_a_report_does_not_have_is_told_with_those_that_it_has(filled, web, format_):
    answer = web.get(f"/api/v1/reports/2026-03.{format_}", headers=key_of(filled, "viewer"))
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.json["detail"] == f"a report has no format {format_!r}; there are html, pdf, xlsx"


@pytest.mark.parametrize("period", ["2026-13", "march", "2026-03-09..2026-03-01"])
def test_what_is_no_period_is_told_with_its_place(filled, web, period):
    (error,) = web.get(f"/api/v1/reports/{period}", headers=key_of(filled, "viewer")).json["errors"]
    assert (error["pointer"], error["value"]) == ("/period", period)
