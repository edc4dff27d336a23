"""Reports from the store: one that is made once, one that is frozen, one that is restated."""

import datetime as dt
import hashlib
import io
import threading
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from csi_service.core.periods import parse_period
from csi_service.errors import ConflictError, InvalidInputError
from csi_service.records.tables import AUDIT, IMPORTS
from csi_service.report import kept
from csi_service.report.collect import Asked
from csi_service.report.kept import Wanted, changes_since, live_report, made_report, publish
from csi_service.store.facts import revision_of
from csi_service.store.folder import Store
from csi_service.store.published import find_published, list_published, read_file
from tests.make import make_weights
from tests.store.kept import at, call, make, put, survey

SETS = [make_weights()]
NOW = dt.datetime(2026, 4, 2, 8, tzinfo=dt.UTC)
MARCH = Wanted(Asked(parse_period("2026-03")), dt.date(2026, 4, 2))


@pytest.fixture
def march(store: Store) -> Store:
    """Return a store with a month: 3 of 4 calls in time, 1 of 2 survey answers satisfied."""
    waits = (10.0, 10.0, 20.0, 21.0)
    put(store, "calls", *(call(f"C{n}", "2026-03-02 09:00", wait_seconds=wait) for n, wait in enumerate(waits)))
    put(store, "surveys", survey("S1", "2026-03-03 09:00", 5), survey("S2", "2026-03-03 09:00", 1))
    return store


def test_the_live_report_tells_the_kept_figures(march):
    model = live_report(march, SETS, MARCH)
    assert model.figure("csi.internal.sla").raw == 0.75
    assert model.figure("csi.external").value == 0.5
    assert model.quality.days_without_calls == 30


def test_a_document_is_made_once_however_many_ask(march, monkeypatch):
    made = []

    def slowly(*arguments: object) -> bytes:
        made.append(arguments)
        return b"document"

    monkeypatch.setattr(kept, "write_report", slowly)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(made_report(march, SETS, MARCH, "pdf", "zh"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"document"] * 4
    assert len(made) == 1
    put(march, "surveys", survey("S3", "2026-03-03 09:00", 5))  # other data: another document
    made_report(march, SETS, MARCH, "pdf", "zh")
    assert len(made) == 2


def test_a_published_report_stays_to_the_byte_and_a_restatement_stands_beside_it(march):
    first = publish(march, SETS, MARCH, NOW, "ann")
    before = read_file(march, first, "xlsx", "en")
    put(march, "surveys", survey("S3", "2026-03-04 09:00", 5))
    again = publish(march, SETS, MARCH, NOW, "bob")
    assert (again.version, again.published_by) == (1, "ann")
    assert hashlib.sha256(read_file(march, again, "xlsx", "en")).digest() == hashlib.sha256(before).digest()
    changed = changes_since(again, live_report(march, SETS, MARCH))
    assert changed["csi.external"] == (0.5, pytest.approx(2 / 3, abs=1e-12))

    second = publish(march, SETS, MARCH, NOW, "bob", "a survey came late")
    assert [each.version for each in find_published(march, "2026-03", ())] == [2, 1]
    assert read_file(march, first, "xlsx", "en") == before
    assert changes_since(second, live_report(march, SETS, MARCH)) == {}
    book = openpyxl.load_workbook(io.BytesIO(read_file(march, second, "xlsx", "en")))
    rows = {
        row[0].value.strip(): [cell.value for cell in row[1:4]]
        for row in book["Restatement"].iter_rows(2)
        if row[0].value
    }
    name = next(name for name in rows if "O-CSI" in name)
    assert rows[name][:2] == [0.5, pytest.approx(2 / 3, abs=1e-9)]
    for language in ("en", "zh"):
        assert "a survey came late" in read_file(march, second, "html", language).decode()
    with march.database.reading() as connection:
        query = sa.select(AUDIT.c.action, AUDIT.c.actor).where(AUDIT.c.kind == "report").order_by(AUDIT.c.id)
        assert connection.execute(query).all() == [("publish", "ann"), ("restate", "bob")]
    assert len(list_published(march)) == 2


def test_what_cannot_be_published_yet_is_refused(march):
    with pytest.raises(ConflictError, match="has not ended; it can be published from 2026-04-01"):
        publish(march, SETS, Wanted(MARCH.asked, dt.date(2026, 3, 31)), NOW, "ann")
    with pytest.raises(ConflictError, match="was not published, so there is nothing to restate"):
        publish(march, SETS, MARCH, NOW, "ann", "no reason at all")
    publish(march, SETS, MARCH, NOW, "ann")
    with pytest.raises(InvalidInputError, match="5 to 500 characters"):
        publish(march, SETS, MARCH, NOW, "ann", "why")


def test_a_report_says_that_data_are_being_imported_and_is_not_published_meanwhile(march):
    with march.database.writing() as connection:
        connection.execute(
            sa.insert(IMPORTS).values(
                kind="calls", status="running", files=["a.csv"], digest="d", created_at=NOW, created_by="ann"
            )
        )
    assert live_report(march, SETS, MARCH).importing
    assert "Data were being imported" in made_report(march, SETS, MARCH, "html", "en").decode()
    with pytest.raises(ConflictError, match="being imported"):
        publish(march, SETS, MARCH, NOW, "ann")


def test_groups_are_those_of_the_reader_s_teams(march):
    put(march, "calls", call("D1", "2026-03-05 09:00", team="T2"))
    asked = Asked(parse_period("2026-03"), ("team",))
    everything = live_report(march, SETS, Wanted(asked, MARCH.today))
    one = live_report(march, SETS, Wanted(asked, MARCH.today, ("T2",)))
    assert [group.names for group in everything.groups] == [("T1",), ("T2",), ("unassigned",)]
    assert [group.names for group in one.groups] == [("T2",)]
    assert one.figure("csi.internal.sla").n == 1


def test_an_empty_month_is_not_published(march):
    wanted = Wanted(Asked(parse_period("2026-02")), NOW.date())
    with pytest.raises(ConflictError, match="nothing to publish: there is no record in 2026-02; all records lie"):
        publish(march, SETS, wanted, NOW, "ann")
    assert list_published(march) == []


def test_an_empty_month_is_a_report(store):
    put(
        store,
        "complaints",
        make("complaints", complaint_id="P1", received_at=dt.datetime.combine(dt.date(2026, 2, 2), dt.time())),
    )
    assert live_report(store, SETS, MARCH).empty
    assert made_report(store, SETS, MARCH, "html", "zh").startswith(b"<!")


def test_a_month_far_from_all_ratings_is_a_report(march):
    put(
        march,
        "evaluations",
        make(
            "evaluations", evaluation_id="E1", call_id="C0", evaluated_at=at("2026-03-02 09:00"), score=80.0, rating=4
        ),
    )
    model = live_report(march, SETS, Wanted(Asked(parse_period("2019-03")), dt.date(2026, 4, 2)))
    assert model.empty
    assert model.counts.raters == 0


@pytest.mark.parametrize("writes", [1, 3])
def test_the_data_revision_is_that_of_the_published_figures(march, monkeypatch, writes):
    """Calls come in while the report is made: once, or each time that it is tried."""
    real, late = kept.open_facts, [call(f"L{n}", "2026-03-02 09:00", wait_seconds=99.0) for n in range(writes)]

    def open_later(*given: Any, **named: Any) -> Any:
        if late:
            put(march, "calls", late.pop())
        return real(*given, **named)

    live_report(march, SETS, MARCH)  # no call waits to be put into a file
    monkeypatch.setattr(kept, "open_facts", open_later)
    if writes == 3:
        with pytest.raises(ConflictError, match="records came in while the report of 2026-03 was made"):
            publish(march, SETS, MARCH, NOW, "ann")
        assert find_published(march, "2026-03", ()) == []
        return
    made = publish(march, SETS, MARCH, NOW, "ann")
    assert made.figures["csi.internal.sla"] == pytest.approx(0.6 / 0.9)  # 3 of 5 in time; the target is 0.9
    with march.database.reading() as connection:
        assert made.data_revision == revision_of(connection) - 1  # before the write of the publication
