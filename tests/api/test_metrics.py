"""GET /metrics in one process; over several workers: tests/test_server.py."""

import datetime as dt

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from csi_service.records.tables import IMPORTS
from csi_service.store.parts import fold_posted
from tests.keys import keyed, new_key
from tests.store.kept import ask, call, put


@pytest.fixture
def operator(services, app, viewer_key):
    """Return a client with an operator's key."""
    return keyed(app, new_key(services, "operator"))


def scrape(client):
    """Return the samples by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.content_type.startswith("text/plain; version=")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_key_of_some_teams_sees_no_metrics(services, app):
    answer = keyed(app, new_key(services, "operator", "limited", teams=("A",))).get("/metrics")
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert "all teams" in answer.json["detail"]


def requests(samples, **labels):
    return samples.get(("csi_requests_total", *sorted(labels.items())), 0)


def test_requests_are_counted_by_method_route_and_class(operator):
    def count(samples):
        return [
            requests(samples, method="GET", route="/api/v1/weights/{name}", status="2xx"),
            requests(samples, method="GET", route="/api/v1/weights/{name}", status="4xx"),
            requests(samples, method="GET", route="unmatched", status="4xx"),
        ]

    before = count(scrape(operator))
    operator.get("/api/v1/weights/default")
    operator.get("/api/v1/weights/default")
    operator.get("/api/v1/weights/none")
    operator.get("/none")
    after = count(scrape(operator))
    assert [late - early for early, late in zip(before, after, strict=True)] == [2, 1, 1]


def test_durations_are_counted(operator):
    name = ("csi_request_seconds_count", ("method", "GET"), ("route", "/healthz"))
    before = scrape(operator).get(name, 0)
    operator.get("/healthz")
    after = scrape(operator)
    assert after[name] == before + 1
    assert after["csi_request_seconds_bucket", ("le", "+Inf"), ("method", "GET"), ("route", "/healthz")] == after[name]


def test_labels_take_few_values(operator):
    before = len(scrape(operator))
    for number in range(50):
        operator.get(f"/none/{number}?x={number}")
        operator.open("/healthz", method=f"BREW{number}")
        operator.get(f"/api/v1/weights/{number}")
    after = scrape(operator)
    assert len(after) - before <= 3 * (1 + 17)  # three new routes and methods at most: a count, and its durations
    assert not any("BREW" in str(name) or "/none" in str(name) for name in after)


def test_the_store_is_told(services, operator):
    store = services.store()
    put(store, "calls", call("C1", "2026-03-02 09:00"), call("C2", "2026-03-03 10:00"))
    fold_posted(store)
    row = {"kind": "calls", "files": [], "digest": "", "created_at": dt.datetime(2026, 3, 2), "created_by": "x"}  # noqa: DTZ001
    with store.database.writing() as connection:
        for status, outcomes in (
            ("done", [{"rejected": 3}, {"rejected": 4}]),
            ("done", [{"rejected": 5}]),
            ("failed", None),
            ("undoing", None),
        ):
            connection.execute(sa.insert(IMPORTS).values(row | {"status": status, "outcomes": outcomes}))
    found = scrape(operator)
    assert (found["csi_calls",], found["csi_call_days",]) == (2, 2)
    assert found["csi_import_rejected_rows",] == 12
    assert found["csi_imports", ("status", "done")] == 2
    assert found["csi_imports", ("status", "failed")] == 1
    assert found["csi_imports", ("status", "undoing")] == 1
    assert found["csi_imports", ("status", "waiting")] == 0
    with store.database.reading() as connection:
        assert found["csi_store_revision",] == connection.execute(sa.text("SELECT revision FROM state")).scalar_one()


def test_recounted_days_are_counted(services, operator):
    put(services.store(), "calls", call("C1", "2026-03-02 09:00"))
    before = scrape(operator)["csi_recounted_days_total",]
    ask(services.store(), "2026-03-02")
    after = scrape(operator)["csi_recounted_days_total",]
    assert after > before
    ask(services.store(), "2026-03-02")
    assert scrape(operator)["csi_recounted_days_total",] == after


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("rater", 403), ("operator", 200), ("admin", 200)])
def test_who_may(services, app, viewer_key, role, status):
    assert keyed(app, new_key(services, role, f"the {role}")).get("/metrics").status_code == status
    assert app.test_client().get("/metrics").status_code == 401
