"""GET /audit: pages, filters, and what is refused."""

import datetime as dt

import pytest

from csi_service.records.database import next_revision
from csi_service.store.audit import note
from tests.api.ask import PROBLEM
from tests.keys import keyed, new_key

URL = "/api/v1/audit"
NOON = dt.datetime(2021, 1, 31, 12, tzinfo=dt.UTC)


@pytest.fixture
def admin(app, services):
    """A client with an administrator's key, and five entries around the end of January 2021 in Shanghai."""
    client = keyed(app, new_key(services, "admin"))
    with services.store().database.writing() as connection:
        revision = next_revision(connection)
        for hour in range(5):  # 20:00, 22:00 on the 31st; 0:00, 2:00, 4:00 on the 1st
            at = NOON + dt.timedelta(hours=2 * hour)
            note(connection, at, "anna", "replace", "surveys", f"S{hour}", {"score": 4}, {"score": 5}, revision)
    return client


def subjects(client, **query):
    answer = client.get(URL, query_string=query)
    assert answer.status_code == 200, answer.text
    return [entry["subject"] for entry in answer.json["entries"]]


def test_an_entry_comes_whole(admin):
    entry = admin.get(URL, query_string={"subject": "S0"}).json["entries"][0]
    assert entry.pop("id") > 0
    assert entry == {
        "at": "2021-01-31T12:00:00+00:00",
        "actor": "anna",
        "action": "replace",
        "kind": "surveys",
        "subject": "S0",
        "before": {"score": 4},
        "after": {"score": 5},
        "revision": 2,  # the key's creation was the first write
    }


def test_entries_are_filtered(admin):
    assert subjects(admin, kind="surveys") == ["S4", "S3", "S2", "S1", "S0"]
    assert subjects(admin, kind="surveys", period="2021-01") == ["S1", "S0"]
    assert subjects(admin, kind="surveys", period="2021-02-01") == ["S4", "S3", "S2"]
    assert subjects(admin, actor="cli:tests", action="create", kind="key") == ["admin"]
    assert subjects(admin, actor="nobody") == []


def test_pages_are_followed_to_their_end(admin):
    found, cursor, pages = [], {}, 0
    while cursor is not None:
        page = admin.get(URL, query_string={"kind": "surveys", "limit": 2} | cursor).json
        found += [entry["subject"] for entry in page["entries"]]
        cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
        pages += 1
    assert (found, pages) == (["S4", "S3", "S2", "S1", "S0"], 3)


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("limit=0", "/limit", "range"),
        ("limit=1001", "/limit", "range"),
        ("limit=ten", "/limit", "range"),
        ("limit=１", "/limit", "range"),
        ("limit=", "/limit", "range"),
        ("cursor=x", "/cursor", "cursor"),
        ("cursor=-1", "/cursor", "cursor"),
        ("cursor=" + "9" * 19, "/cursor", "length"),
        ("period=yesterday", "/period", "period"),
        ("actor=" + "x" * 81, "/actor", "length"),
        ("subject=%00", "/subject", "character"),
        ("who=anna", "/who", "unknown_key"),
        ("actor=a&actor=b", "/actor", "duplicate_key"),
    ],
)
def test_a_query_that_breaks_its_rules_is_refused_at_its_place(admin, query, pointer, code):
    answer = admin.get(f"{URL}?{query}")
    assert (answer.status_code, answer.content_type) == (422, PROBLEM)
    assert [(entry["pointer"], entry["code"]) for entry in answer.json["errors"]] == [(pointer, code)]


def test_a_key_of_some_teams_does_not_see_what_all_teams_have_done(app, services, admin):
    limited = keyed(app, new_key(services, "admin", "tia", teams=("T1",)))
    answer = limited.get(URL)
    assert (answer.status_code, answer.content_type) == (403, PROBLEM)
