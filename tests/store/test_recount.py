"""Counters follow every write; on both databases, and against the same records read from files."""

import concurrent.futures
import datetime as dt
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings

from csi_service.core.periods import parse_period
from csi_service.errors import DamagedError, StoreBusyError
from csi_service.facts.kinds import KINDS
from csi_service.records.database import next_revision
from csi_service.records.tables import CALL_PLACES
from csi_service.store import counters, parts, places, recount
from csi_service.store.check import wrong_counters
from csi_service.store.facts import open_facts
from csi_service.store.folder import CALLS_LOCK, Store, open_store
from csi_service.store.parts import fold_posted
from tests.files import make_csv, measures_of
from tests.make import make_weights
from tests.store.kept import Record, ask, at, call, figures, make, put, survey

DEFAULT = make_weights()


def test_a_posted_call_counts_at_once_and_moves_with_its_day(store):
    put(store, "calls", call("C1", "2026-03-02 09:00"), call("C2", "2026-03-02 10:00", wait_seconds=21.0))
    assert figures(ask(store, "2026-03-02"), "csi.internal.sla", "numerator", "denominator") == {(): (1, 2)}
    put(store, "calls", call("C2", "2026-03-03 10:00", wait_seconds=20.0))
    assert figures(ask(store, "2026-03-02"), "csi.internal.sla", "numerator", "denominator") == {(): (1, 1)}
    assert figures(ask(store, "2026-03-03"), "csi.internal.sla", "numerator", "denominator") == {(): (1, 1)}
    put(store, "calls", call("C3", "2026-03-03 11:00", wait_seconds=30.0))  # into a day that has a file
    assert figures(ask(store, "2026-03", "team"), "csi.internal.sla", "numerator", "denominator") == {("T1",): (2, 3)}


def test_figures_by_what_is_not_kept_are_counted_for_one_request_at_a_time(store, monkeypatch):
    put(store, "calls", call("C1", "2026-03-02 09:00"))
    alone = figures(ask(store, "2026-03", "agent", "topic"), "csi.internal.sla", "denominator")
    under_way, most, prepare = [], [], recount.prepare

    def prepared(*wanted):
        under_way.append(True)
        most.append(len(under_way))
        time.sleep(0.05)
        prepare(*wanted)
        under_way.pop()

    monkeypatch.setattr(recount, "prepare", prepared)
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(ask, store, "2026-03", "agent", "topic") for _ in range(3)]
        found = [figures(each.result(), "csi.internal.sla", "denominator") for each in asked]
    assert found == [alone] * 3
    assert most == [1, 1, 1]


def test_the_day_is_the_local_one(store):
    put(store, "calls", call("C1", "2026-03-03 00:30"))  # 16:30 UTC on 2 March
    assert figures(ask(store, "2026-03-03"), "csi.internal.sla", "denominator") == {(): (1,)}


def test_a_survey_takes_the_team_of_a_call_that_arrives_later(store):
    put(store, "surveys", survey("S1", "2026-03-02 09:30", 5, call_id="C1"), survey("S2", "2026-03-02 09:40", 1))
    shares = ("numerator", "denominator")
    assert figures(ask(store, "2026-03", "team"), "csi.external", *shares) == {("unassigned",): (1, 2)}
    put(store, "calls", call("C1", "2026-03-01 09:00", team="T7"))
    assert figures(ask(store, "2026-03", "team"), "csi.external", *shares) == {("T7",): (1, 1), ("unassigned",): (0, 1)}
    put(store, "calls", call("C1", "2026-03-01 09:00", team="T8"))
    assert figures(ask(store, "2026-03", "team"), "csi.external", *shares)[("T8",)] == (1, 1)


def test_a_few_calls_that_change_do_not_read_every_place_that_is_kept(store):
    numbers = [f"C{n}" for n in range(300)]
    put(store, "surveys", *(survey(f"S{n}", "2026-03-02 09:30", 5, call_id=n) for n in numbers))
    ask(store, "2026-03")
    read: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "call_places" in statement and not statement.startswith("SELECT count"):
            read.append(statement)

    put(store, "calls", call("C7", "2026-03-01 09:00", team="T7"), call("C999", "2026-03-01 09:00"))
    sa.event.listen(store.database.engine, "before_cursor_execute", note)
    fold_posted(store)
    sa.event.remove(store.database.engine, "before_cursor_execute", note)
    assert read
    assert all("WHERE call_places.call_id IN" in statement for statement in read)
    assert figures(ask(store, "2026-03", "team"), "csi.external", "denominator")[("T7",)] == (1,)


@pytest.mark.parametrize("many", [1, 10_000])
def test_many_calls_are_found_as_few_are(store, monkeypatch, many):
    monkeypatch.setattr(places, "_MANY", many)
    put(store, "calls", *(call(f"C{n}", "2026-03-01 09:00", team=f"T{n % 2}") for n in range(1, 5)))
    for end in (4, 7):  # the first calls are known when the others are asked for
        put(store, "surveys", *(survey(f"S{n}", "2026-03-02 09:30", 5, call_id=f"C{n}") for n in range(1, end)))
        ask(store, "2026-03")
    found = figures(ask(store, "2026-03", "team"), "csi.external", "denominator")
    assert found == {("T0",): (2,), ("T1",): (2,), ("unassigned",): (2,)}
    with store.database.reading() as connection:
        kept = connection.execute(sa.select(CALL_PLACES).order_by(CALL_PLACES.c.call_id)).all()
    assert [(row.call_id, row.found, row.team, row.agent) for row in kept] == [
        ("C1", True, "T1", "A1"), ("C2", True, "T0", "A1"), ("C3", True, "T1", "A1"), ("C4", True, "T0", "A1"),
        ("C5", False, None, None), ("C6", False, None, None),
    ]  # fmt: skip


def test_of_two_surveys_after_one_call_the_later_is_set_aside_whichever_came_first(store):
    put(store, "surveys", survey("S2", "2026-03-03 09:00", 1, call_id="C1"))
    assert figures(ask(store, "2026-03-03"), "csi.external", "denominator") == {(): (1,)}
    put(store, "surveys", survey("S1", "2026-03-02 09:00", 5, call_id="C1"))
    assert figures(ask(store, "2026-03"), "csi.external", "numerator", "denominator") == {(): (1, 1)}


def test_an_evaluation_follows_its_batch_s_period_and_selection(store):
    put(
        store,
        "evaluations",
        make(
            "evaluations",
            evaluation_id="E1",
            call_id="C1",
            evaluated_at=at("2026-03-02 09:00"),
            score=80.0,
            batch="B1",
            team="T1",
        ),
    )
    assert figures(ask(store, "2026-03"), "csi.internal.qa", "numerator", "denominator") == {(): (0.8, 1)}
    put(store, "batches", make("batches", batch="B1", period="2026-02"))
    assert figures(ask(store, "2026-02"), "csi.internal.qa", "numerator", "denominator") == {(): (0.8, 1)}
    put(
        store,
        "batches",
        make("batches", batch="B1", period="2026-02", selection="targeted"),
        make("batches", batch="B2", period="2026-02"),
    )
    put(
        store,
        "evaluations",
        make(
            "evaluations",
            evaluation_id="E2",
            call_id="C2",
            evaluated_at=at("2026-02-02 09:00"),
            score=50.0,
            batch="B2",
            team="T1",
        ),
    )
    assert figures(ask(store, "2026-02"), "csi.internal.qa", "numerator", "denominator") == {(): (0.5, 1)}


def test_a_closing_matures_when_time_goes_on_elsewhere(store):
    def mature() -> float:
        facts = open_facts(store, parse_period("2026-03-02"))
        return float(facts.measures(DEFAULT)["tickets_mature"].sum())

    put(
        store,
        "tickets",
        make("tickets", ticket_id="K1", opened_at=at("2026-03-02 08:00"), closed_at=at("2026-03-02 09:00")),
    )
    assert mature() == 0
    put(store, "tickets", make("tickets", ticket_id="K2", opened_at=at("2026-03-09 08:59")))
    assert mature() == 0  # 7 days less a minute
    put(store, "tickets", make("tickets", ticket_id="K2", opened_at=at("2026-03-09 09:00")))
    assert mature() == 1
    put(store, "tickets", make("tickets", ticket_id="K2", opened_at=at("2026-03-09 08:59")))
    assert mature() == 0


def test_a_grouping_that_is_not_kept_is_counted_from_the_records(store):
    put(store, "calls", call("C1", "2026-03-02 09:00", topic="bill"), call("C2", "2026-03-02 09:00", topic="order"))
    facts = open_facts(store, parse_period("2026-03"), ("agent", "topic"))
    found = facts.measures(DEFAULT)
    assert facts.slow
    assert found[["agent", "topic", "contacts_answered"]].to_numpy().tolist() == [["A1", "bill", 1], ["A1", "order", 1]]


def test_filters_restrict_groups_and_total(store):
    put(
        store,
        "calls",
        call("C1", "2026-03-02 09:00"),
        call("C2", "2026-03-02 09:00", team="T2"),
        call("C3", "2026-03-02 09:00", team="T3"),
    )
    scores = ask(store, "2026-03", "team", team=["T1", "T3"])
    assert figures(scores, "csi.internal.sla", "n") == {("T1",): (1,), ("T3",): (1,)}
    assert scores.total[0].roots[0].children[0].children[0].n.item(0) == 2


def test_a_damaged_file_is_refused_where_it_is_needed_and_nowhere_else(store):
    put(store, "calls", call("C1", "2026-03-02 09:00"), call("C2", "2026-03-03 09:00"))
    ask(store, "2026-03-03")
    for path in store.calls.rglob("2026-03-02.*.parquet"):
        path.write_bytes(b"PAR1 not any more")
    with pytest.raises(DamagedError, match="2026-03-02"):
        ask(store, "2026-03-02")
    assert figures(ask(store, "2026-03-03"), "csi.internal.sla", "n") == {(): (1,)}


def test_a_replaced_file_outlives_whoever_may_be_reading_it_and_no_longer(store):
    def files() -> list[str]:
        return sorted(path.name for path in store.calls.rglob("2026-03-02.*.parquet"))

    for number in (1, 2):
        put(store, "calls", call(f"C{number}", "2026-03-02 09:00"))
        ask(store, "2026-03-02")
        if number == 1:  # made long ago, but replaced only now
            (first,) = files()
            os.utime(store.calls / "2026-03" / first, (0, 0))
    assert first in files()
    assert len(files()) == 2
    os.utime(store.calls / "2026-03" / first, (0, 0))  # a quarter of an hour has passed
    put(store, "calls", call("C3", "2026-03-02 09:00"))
    ask(store, "2026-03-02")
    assert first not in files()
    assert len(files()) == 2


def test_a_doctored_counter_is_noticed(store):
    put(store, "calls", call("C1", "2026-03-02 09:00"), call("C2", "2026-03-03 09:00"))
    ask(store, "2026-03")
    assert list(wrong_counters(store, [DEFAULT])) == []
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM counters WHERE day = '2026-03-02' AND grouping = 'site,team'")
    found = list(wrong_counters(store, [DEFAULT]))
    assert [(each.output, each.grouping, each.day) for each in found] == [("calls", "site,team", dt.date(2026, 3, 2))]


@pytest.mark.parametrize(("team", "calls"), [("T1", 2), ("T2", 1)])
def test_a_counter_with_other_sums_or_of_another_group_is_noticed(store, team, calls):
    put(store, "calls", call("C1", "2026-03-02 09:00"))
    put(store, "calls", *(call(f"D{number}", "2026-03-03 09:00", team=team) for number in range(calls)))
    ask(store, "2026-03")
    with store.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE counters SET rows = (SELECT other.rows FROM counters AS other WHERE other.day = '2026-03-03' "
            "AND other.output = counters.output AND other.variant = counters.variant "
            "AND other.grouping = counters.grouping) WHERE day = '2026-03-02' AND grouping = 'site,team'"
        )
    found = list(wrong_counters(store, [DEFAULT]))
    assert [(each.output, each.grouping, each.day) for each in found] == [("calls", "site,team", dt.date(2026, 3, 2))]


def test_counters_are_packed_before_the_write_begins(store, monkeypatch):
    put(store, "calls", call("C1", "2026-03-02 09:00"))
    real, packed = counters.pack, []

    def pack(frame, days):
        with store.database.jotting() as connection:  # refused while another writes
            next_revision(connection)
        packed.append(days)
        return real(frame, days)

    monkeypatch.setattr(counters, "pack", pack)
    ask(store, "2026-03")
    assert packed


# --- the calls' lock


def test_a_reader_waits_for_an_import_for_a_while_only(store, monkeypatch):
    put(store, "calls", call("C1", "2026-03-02 09:00"))
    monkeypatch.setattr(parts, "PATIENCE_SECONDS", 0.1)
    with store.lock(CALLS_LOCK), pytest.raises(StoreBusyError, match="the data folder was busy"):
        ask(store, "2026-03")
    assert figures(ask(store, "2026-03"), "csi.internal.sla", "denominator") == {(): (1,)}


def test_a_reader_goes_on_as_soon_as_the_lock_is_free(store):
    put(store, "calls", call("C1", "2026-03-02 09:00"))
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        with store.lock(CALLS_LOCK):
            asked = threads.submit(fold_posted, store)
            with pytest.raises(TimeoutError):
                asked.result(timeout=0.2)
        asked.result(timeout=30)
    assert figures(ask(store, "2026-03"), "csi.internal.sla", "denominator") == {(): (1,)}


# Any order of writes, with reads in between, comes out as the same records do from files.

DAYS = [f"2026-03-0{number}" for number in range(1, 6)]
TIMES = st.builds(lambda day, hour: f"{day} {hour:02}:00", st.sampled_from(DAYS), st.integers(0, 23))
CALL_IDS = st.sampled_from(["C1", "C2", "C3", "C4"])
TEAMS = st.sampled_from(["T1", "T2", None])
WRITES = {
    "calls": st.builds(
        lambda number, start, team, customer, wait, answered: call(
            number, start, team=team, customer_id=customer, wait_seconds=wait, answered=answered, topic="bill"
        ),
        CALL_IDS, TIMES, TEAMS, st.sampled_from(["K1", "K2", None]), st.sampled_from([None, 20.0, 21.0]), st.booleans(),
    ),
    "surveys": st.builds(
        lambda number, time, score, call_id: survey(number, time, score, call_id=call_id, team="T9"),
        st.sampled_from(["S1", "S2", "S3"]), TIMES, st.integers(1, 5).map(float), st.one_of(st.none(), CALL_IDS),
    ),
    "tickets": st.builds(
        lambda number, opened, hours: make(
            "tickets", ticket_id=number, opened_at=at(opened), team="T1",
            closed_at=None if hours is None else at(opened) + dt.timedelta(hours=hours),
        ),
        st.sampled_from(["K1", "K2"]), TIMES, st.sampled_from([None, 1, 30]),
    ),
    "complaints": st.builds(
        lambda number, time, call_id: make("complaints", complaint_id=number, received_at=at(time), call_id=call_id),
        st.sampled_from(["P1", "P2"]), TIMES, st.one_of(st.none(), CALL_IDS),
    ),
    "evaluations": st.builds(
        lambda number, time, call_id, rating, rater, batch: make(
            "evaluations", evaluation_id=number, evaluated_at=at(time), call_id=call_id, rating=rating, rater=rater,
            score=rating * 20.0, batch=batch,
        ),
        st.sampled_from(["E1", "E2", "E3"]), TIMES, CALL_IDS, st.integers(1, 5), st.sampled_from(["R1", "R2"]),
        st.sampled_from([None, "B1", "B2"]),
    ),
    "batches": st.builds(
        lambda name, day, selection: make("batches", batch=name, period=day, selection=selection),
        st.sampled_from(["B1", "B2"]), st.sampled_from(DAYS), st.sampled_from([None, "targeted"]),
    ),
}  # fmt: skip
READ = st.tuples(st.just("read"), st.sampled_from(DAYS))
SEQUENCES = st.lists(
    st.one_of(READ, *(st.tuples(st.just(kind), record) for kind, record in WRITES.items())), min_size=1, max_size=20
)
RANDOM = make_weights(
    {
        "internal.first_contact_resolution.method": "repeat_contact",
        "internal.first_contact_resolution.window_days": 1,
    }
)


def _files(folder: Path, kept: dict[str, dict[str, Record]]) -> dict[str, list[Path]]:
    paths = {}
    for kind, records in kept.items():
        given = [field.name for field in KINDS[kind].fields]
        names = [name for name in given if any(record[name] is not None for record in records.values())]
        rows = [[_cell(record[name]) for name in names] for record in records.values()]
        paths[kind] = [make_csv(folder / f"{kind}.csv", [names, *rows])]
    return paths


def _cell(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return (value + dt.timedelta(hours=8)).isoformat(" ")
    return {True: "Y", False: "N"}.get(value, value) if isinstance(value, bool) else value


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))  # one that fails says enough
@given(sequence=SEQUENCES)
def test_any_order_of_writes_and_reads_counts_as_the_files_do(sequence):
    kept: dict[str, dict[str, Record]] = {}
    with TemporaryDirectory() as name:
        store = open_store(Path(name) / "store", "Asia/Shanghai")
        for kind, what in sequence:
            if kind == "read":
                open_facts(store, parse_period(what), ("team",)).measures(RANDOM)
            else:
                put(store, kind, what)
                kept.setdefault(kind, {})[what[KINDS[kind].identity[0]]] = what
        if set(kept) - {"batches"}:
            found = _measured(store)
            expected = _by_day(measures_of(_files(Path(name), kept), weights=RANDOM, keys=("team",)))
            assert found == expected
            assert list(wrong_counters(store, [RANDOM])) == []
        store.database.close()


def _measured(store: Store) -> dict[tuple[str, str], dict[str, float]]:
    return _by_day(open_facts(store, parse_period("2026-02-20..2026-03-10"), ("team",)).measures(RANDOM))


def _by_day(frame: Any) -> dict[tuple[str, str], dict[str, float]]:
    """The sums other than 0 by day and team."""
    found = {}
    for row in frame.to_dict("records"):
        key = (str(row.pop("day"))[:10], row.pop("team"))
        sums = {name: round(value, 9) for name, value in row.items() if value}
        found[key] = sums
    return {key: sums for key, sums in found.items() if sums}
