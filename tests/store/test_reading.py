"""Scores out of the store, on both databases: groups, filters, pages, series, evidence, what an answer tells."""

import dataclasses
import datetime as dt
import threading

import numpy as np
import pytest
import sqlalchemy as sa

from csi_service.core.indicator import Node
from csi_service.core.periods import parse_period
from csi_service.errors import InvalidInputError
from csi_service.records.tables import COUNTED, COUNTERS
from csi_service.store import recount
from csi_service.store.evidence import Evidence, read_evidence
from csi_service.store.folder import Store, open_store
from csi_service.store.pages import Paging, page
from csi_service.store.reading import Point, Query, Reading, nodes_of, read_scores, read_series
from tests.make import make_weights
from tests.store.kept import at, call, make, put, survey

TODAY = dt.date(2026, 11, 24)
SETS = [make_weights()]
MARCH = parse_period("2026-03")
SLA = "csi.internal.sla"


def fill(store: Store) -> None:
    """T1 answers 2 of 5 calls in time, T2 2 of 2; T3's only call is abandoned, which leaves no handling time."""
    put(
        store,
        "calls",
        call("C1", "2026-03-02 09:00", site="S1", wait_seconds=10.0, topic="bill"),
        call("C2", "2026-03-02 10:00", site="S1", wait_seconds=20.0, talk_seconds=200.0),
        call("C3", "2026-03-03 09:00", site="S1", wait_seconds=21.0),
        call("C4", "2026-03-03 10:00", site="S1", wait_seconds=None, talk_seconds=None),
        call("C5", "2026-03-03 11:00", site="S1", wait_seconds=5.0, answered=False, talk_seconds=None),
        call("C6", "2026-03-03 12:00", site="S1", wait_seconds=60.0),
        call("C7", "2026-03-02 09:00", site="S1", team="T2", agent="A2", wait_seconds=1.0),
        call("C8", "2026-03-03 09:00", site="S1", team="T2", agent="A2", wait_seconds=2.0),
        call("C9", "2026-03-03 09:00", site="S2", team="T3", agent="A3", wait_seconds=2.0, answered=False),
    )
    put(store, "surveys", *(survey(f"S{score}", "2026-03-03 12:00", score, team="T1") for score in (5, 4, 1)))


def read(store: Store, period: str = "2026-03", *by: str, teams: tuple[str, ...] | None = None, **filters) -> Reading:
    query = Query(by, {name: tuple(members) for name, members in filters.items()}, teams=teams)
    return read_scores(store, SETS, parse_period(period), query, TODAY)


def counted(point: Point, node: str = SLA) -> dict[tuple[str, ...], tuple[float, float]]:
    """Return numerator and denominator of a node by group."""
    if point.by_group is None:
        return {}
    found = nodes_of(point.by_group)[node]
    groups = point.by_group.groups.to_dict("records") or [{}]
    return {
        tuple(group.values()): (found.numerator[place], found.denominator[place])
        for place, group in enumerate(groups)
    }  # fmt: skip


def test_the_scores_of_a_month_by_team_and_in_total(store):
    fill(store)
    reading = read(store, "2026-03", "team")
    (point,) = reading.points
    assert counted(point) == {("T1",): (2, 5), ("T2",): (2, 2), ("T3",): (0, 1)}  # C4's wait is not known
    assert nodes_of(point.total)[SLA].value[0] == pytest.approx(4 / 8 / 0.9, abs=1e-12)  # of the target 0.90
    assert counted(point, "csi.external")[("T1",)] == (2, 3)
    assert reading.revision == 3  # two writes, and the calls put into their days' files
    assert (reading.slow, reading.hint, point.in_progress) == (None, None, False)


def test_filters_narrow_groups_and_total(store):
    fill(store)
    assert counted(read(store, "2026-03", "team", site=["S1"]).points[0]) == {("T1",): (2, 5), ("T2",): (2, 2)}
    (point,) = read(store, "2026-03", team=["T2", "T3"]).points
    assert counted(point) == {(): (2, 3)}
    assert nodes_of(point.total)[SLA].denominator[0] == 3
    assert counted(read(store, "2026-03", "agent", team=["T3"], site=["S2"]).points[0]) == {("A3",): (0, 1)}


def test_dimensions_that_are_not_kept_together_are_counted_from_the_records(store):
    fill(store)
    reading = read(store, "2026-03", "topic", agent=["A1"])
    assert counted(reading.points[0]) == {("bill",): (1, 1), ("unassigned",): (1, 4)}
    assert "from the records" in (reading.slow or "")


def test_a_reader_of_some_teams_sees_these_only_and_no_sign_of_others(store):
    fill(store)
    reading = read(store, "2026-03", "team", teams=("T2", "T3"))
    assert counted(reading.points[0]) == {("T2",): (2, 2), ("T3",): (0, 1)}
    assert nodes_of(reading.points[0].total)[SLA].denominator[0] == 3
    hidden, absent = (read(store, "2026-03", team=[team], teams=("T2", "T3")) for team in ("T1", "T9"))
    assert hidden.points == absent.points
    assert (hidden.hint or "").replace("T1", "T9") == absent.hint == (
        "no record in 2026-03 has the team T9; known are T2, T3"
    )  # fmt: skip
    assert read(store, "2026-03", agent=["A1"], teams=("T2",)).hint == (
        "no record in 2026-03 has the agent A1; known are A2"
    )


def test_batches_of_other_teams_are_not_named(store):
    fill(store)
    ratings = [
        make("evaluations", evaluation_id=f"E{team}", call_id=name, evaluated_at=at("2026-03-03 12:00"), rating=5,
             batch=f"batch {team}")
        for team, name in (("T1", "C1"), ("T2", "C7"))
    ]  # fmt: skip
    batches = [make("batches", batch=f"batch {team}", period="2026-03", population=10.0) for team in ("T1", "T2", "T3")]
    put(store, "batches", *batches)
    put(store, "evaluations", *ratings)

    def empty(**options) -> tuple[str, ...]:
        return nodes_of(read(store, "2026-03", **options).points[0].total)["ratings"].notes["empty_batches"]

    assert empty() == ("batch T3",)
    assert empty(team=["T1"]) == ("batch T3",)
    assert empty(teams=("T1",)) == ()


@pytest.mark.parametrize(
    ("period", "filters", "text"),
    [
        ("2026-03", {"team": ["T9"]}, "no record in 2026-03 has the team T9; known are T1, T2, T3"),
        ("2026-03", {"team": ["T1", "T9"]}, "no record in 2026-03 has the team T9; known are T1, T2, T3"),
        ("2026-03", {"team": ["T1"], "site": ["S2"]}, "no record in 2026-03 fits all filters together"),
        ("2025", {}, "there is no record in 2025; all records lie between 2026-03-02 and 2026-03-03"),
        ("2025", {"team": ["T1"]}, "there is no record in 2025; all records lie between 2026-03-02 and 2026-03-03"),
    ],
)
def test_an_empty_answer_says_what_there_is(store, period, filters, text):
    fill(store)
    assert read(store, period, **filters).hint == text


def test_who_sees_some_teams_is_not_told_the_days_of_the_others(store):
    fill(store)
    assert read(store, "2025", teams=("T1",)).hint == "there is no record of your teams in 2025"
    assert read(store, teams=("T9",)).hint == "there is no record of your teams in 2026-03"


def test_an_empty_period_by_dimensions_that_are_not_kept_together_is_empty(store):
    fill(store)
    for filters in ({"agent": ["A1"], "topic": ["bill"]}, {"agent": ["A1"], "topic": ["bill"], "channel": ["voice"]}):
        reading = read(store, "2025", "team", teams=("T1",), **filters)
        assert (reading.points[0].total, reading.hint) == (None, "there is no record of your teams in 2025")
    assert read(store, "2025", "topic", agent=["A1"]).points[0].total is None


def test_an_empty_store_answers_too(store):
    reading = read(store, "2026-03", "team")
    assert (reading.points[0].total, reading.hint, reading.revision) == (None, "there is no record as yet", 0)


def test_of_many_members_ten_are_named(store):
    put(store, "calls", *(call(f"C{number}", "2026-03-02 09:00", team=f"T{number:02}") for number in range(13)))
    names = ", ".join(f"T{number:02}" for number in range(10))
    assert read(store, team=["X"]).hint == f"no record in 2026-03 has the team X; known are {names} and 3 more"


# --- pages


def pages_of(point: Point, sort: str, limit: int) -> list[list[str]]:
    assert point.by_group is not None
    teams, cursor, found = point.by_group.groups["team"].tolist(), None, []
    while True:
        places, cursor = page(point.by_group, nodes_of(point.by_group), Paging(sort, limit, cursor))
        found.append([teams[place] for place in places])
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", ["T1", "T2", "T3"]),
        ("team", ["T1", "T2", "T3"]),
        ("-team", ["T3", "T2", "T1"]),
        (SLA, ["T3", "T1", "T2"]),  # 0/1, 2/5, 2/2
        (f"-{SLA}", ["T2", "T1", "T3"]),
        ("csi.internal.aht", ["T1", "T2", "T3"]),  # both 1, by name; T3 has none
        ("-csi.internal.aht", ["T1", "T2", "T3"]),
        ("csi.external.ivr", ["T1", "T2", "T3"]),  # nobody was asked by telephone menu
    ],
)
def test_all_pages_together_are_the_whole_in_order(tmp_path, sort, order, limit):
    store = open_store(tmp_path / "store", "Asia/Shanghai")  # pages are made of what was read, whatever the database
    fill(store)
    (point,) = read(store, "2026-03", "team").points
    store.database.close()
    found = pages_of(point, sort, limit)
    assert [team for some in found for team in some] == order
    assert all(len(some) == limit for some in found[:-1])


def test_a_page_goes_on_behind_the_last_group_though_groups_came_and_went(store):
    fill(store)

    def ask(cursor: str | None) -> tuple[list[str], str | None]:
        (point,) = read(store, "2026-03", "team").points
        assert point.by_group is not None
        places, after = page(point.by_group, nodes_of(point.by_group), Paging("team", 2, cursor))
        return point.by_group.groups["team"].iloc[places].tolist(), after

    first, cursor = ask(None)
    assert first == ["T1", "T2"]
    put(store, "calls", call("C7", "2026-03-02 09:00", team="T0"), call("C8", "2026-03-03 09:00", team="T22"))
    assert ask(cursor) == (["T22", "T3"], None)  # T2 is gone, T0 is new before it, T22 behind it


@pytest.mark.parametrize("text", ["x", "AAAA", "WzEsMl0", "WyIiLFsidGVhbSJdLDEsWyJUMSJdXQ", "é", ""])
def test_what_is_no_cursor_of_this_list_is_refused(store, text):
    fill(store)
    (point,) = read(store, "2026-03", "team").points
    assert point.by_group is not None
    with pytest.raises(InvalidInputError, match="is no cursor of this list"):
        page(point.by_group, nodes_of(point.by_group), Paging("team", 2, text))


# --- series


def series(store: Store, period: str, grain: str, *by: str) -> Reading:
    return read_series(store, SETS, parse_period(period), grain, Query(by), TODAY)


def test_a_series_has_each_day_and_its_days_pool_to_the_period(store):
    fill(store)
    reading = series(store, "2026-03-01..2026-03-03", "day", "team")
    assert [counted(point) for point in reading.points] == [
        {},
        {("T1",): (2, 2), ("T2",): (1, 1)},
        {("T1",): (0, 3), ("T2",): (1, 1), ("T3",): (0, 1)},
    ]
    assert reading.hint is None
    (whole,) = read(store, "2026-03", "team").points
    for team, pooled in counted(whole).items():
        days = [counted(point).get(team, (0, 0)) for point in reading.points]
        assert tuple(map(sum, zip(*days, strict=True))) == pooled


def test_a_series_by_week_and_month(store):
    fill(store)
    assert [point.period.label for point in series(store, "2026-03", "week").points] == [
        "2026-03-01", "2026-W10", "2026-W11", "2026-W12", "2026-W13", "2026-03-30..2026-03-31"
    ]  # fmt: skip
    assert [counted(point) for point in series(store, "2026-Q1", "month").points] == [{}, {}, {(): (4, 8)}]


def test_a_point_is_scored_with_the_set_of_its_time_and_is_what_its_period_alone_is(store):
    fill(store)
    later = make_weights({"effective": dt.date(2026, 3, 3), "internal.sla.target": 0.5})
    sets = [*SETS, dataclasses.replace(later, name="2026-03-03")]
    first, second = read_series(store, sets, parse_period("2026-03-02..2026-03-03"), "day", Query(), TODAY).points
    assert (first.weights.name, second.weights.name) == ("default", "2026-03-03")
    for point in (first, second):
        (alone,) = read_scores(store, sets, point.period, Query(), TODAY).points
        found, expected = nodes_of(point.total), nodes_of(alone.total)
        assert {key: found[key].value[0] for key in expected} == pytest.approx(
            {key: node.value[0] for key, node in expected.items()}, abs=1e-12, nan_ok=True
        )
        assert all(np.isnan(found[key].value[0]) for key in found.keys() - expected.keys())  # of other days' channels


def test_a_series_is_its_periods_asked_one_by_one(store):
    fill(store)
    put(
        store,
        "batches",
        make("batches", batch="B1", period="2026-03-02", population=10.0),
        make("batches", batch="B2", period="2026-03-03"),  # its day falls back to the sample, and it alone
        make("batches", batch="B3", period="2026-03-03", population=20.0),
        make("batches", batch="B4", period="2026-03-02..2026-03-04", population=5.0),
    )
    rated = [("C1", "2026-03-02", "B1", 5), ("C2", "2026-03-02", "B4", 2), ("C7", "2026-03-02", "B1", 4),
             ("C3", "2026-03-03", "B2", 1), ("C6", "2026-03-03", "B3", 5), ("C8", "2026-03-03", "B3", 3)]  # fmt: skip
    marks = {"score": 7.0, "full_marks": 9.0, "delight": False}
    put(store, "evaluations", *(
        make("evaluations", evaluation_id=f"E{call_id}", call_id=call_id, evaluated_at=at(f"{day} 20:00"), batch=batch,
             rating=level, **marks)
        for call_id, day, batch, level in rated
    ))  # fmt: skip
    ratings = []
    for by in ((), ("team",), ("site", "team")):
        points = series(store, "2026-03-01..2026-03-04", "day", *by).points
        assert [point.total is None for point in points] == [True, False, False, True]
        for point in points[1:3]:
            (alone,) = read(store, point.period.label, *by).points
            for found, expected in ((point.by_group, alone.by_group), (point.total, alone.total)):
                assert found.groups.equals(expected.groups)
                assert_alike(nodes_of(found), nodes_of(expected))
            ratings.append(nodes_of(point.total)["ratings"].notes)
    assert [(notes["fallback"], notes["empty_batches"]) for notes in ratings[:2]] == [(False, ()), (True, ("B4",))]


def assert_alike(found: dict[str, Node], expected: dict[str, Node]) -> None:
    assert found.keys() == expected.keys()
    numbers = ("raw", "value", "reason", "numerator", "denominator", "coverage", "partial_value", "weight",
               "contribution", "n")  # fmt: skip
    for key, node in expected.items():
        for name in numbers:
            np.testing.assert_allclose(getattr(found[key], name), getattr(node, name), rtol=0, atol=1e-12)
        assert (found[key].evidence, found[key].notes) == (node.evidence, node.notes)
        for views, others in ((found[key].flags, node.flags), (found[key].beside, node.beside)):
            assert views.keys() == others.keys()
            assert all(np.allclose(views[name], others[name], 0, 1e-12, equal_nan=True) for name in others)


@pytest.mark.parametrize(
    ("period", "grain", "by", "text"),
    [
        ("2025-01-01..2026-12-31", "day", (), "730 points, at most 500"),
        ("1000-01-01..2026-12-31", "month", (), "days"),
        ("2026-03-01..2026-03-04", "day", ("team",), "3 groups x 4 points, at most 10"),
    ],
)
def test_too_long_a_series_is_refused(store, monkeypatch, period, grain, by, text):
    monkeypatch.setattr("csi_service.store.reading.MOST_GROUP_POINTS", 10)
    fill(store)
    with pytest.raises(InvalidInputError, match=text):
        series(store, period, grain, *by)


# --- evidence


def evidence(store: Store, node: str, period: str = "2026-03", **filters) -> Evidence:
    query = Query((), {name: tuple(members) for name, members in filters.items()})
    return read_evidence(store, SETS, node, parse_period(period), query, TODAY)


def totals(found: Evidence) -> dict[str, float]:
    return {counter.name: counter.total for counter in found.counters}


def test_the_evidence_of_a_figure_goes_down_to_the_counters_of_each_day(store):
    fill(store)
    found = evidence(store, SLA, team=["T1"])
    assert found.node is not None
    assert (found.node.numerator[0], found.node.denominator[0]) == (2, 5)
    assert totals(found) == {"answered_timed": 4, "answered_within_threshold": 2, "contacts_abandoned": 1}
    assert found.days == ((dt.date(2026, 3, 2), (2, 2, 0)), (dt.date(2026, 3, 3), (2, 0, 1)))
    assert [(part.count, part.why) for part in found.left_out] == [(1, "answered, but their wait is not known")]
    assert all(counter.meaning and counter.unit for counter in found.counters)


def test_the_evidence_of_an_index_is_that_of_its_parts(store):
    fill(store)
    found = totals(evidence(store, "csi"))
    assert {"answered_timed", "handle_seconds", "responses.sms", "contacts_answered"} <= found.keys()
    assert (found["handle_seconds"], found["handled_contacts"]) == (700, 6)  # 200 s once, 100 s five times; C4 unknown
    assert "responses.sms" not in totals(evidence(store, "csi.internal"))
    assert totals(evidence(store, "csi.external.sms"))["satisfied_responses.sms"] == 2


def test_the_evidence_of_ratings_names_samples_that_do_not_count(store):
    fill(store)
    put(store, "batches", make("batches", batch="B", period="2026-03", selection="targeted"))
    rated = [("E1", "C1", 5, None), ("E2", "C2", 2, None), ("E3", "C3", 1, "B")]
    put(
        store,
        "evaluations",
        *(
            make("evaluations", evaluation_id=e, call_id=c, evaluated_at=at("2026-03-03 12:00"), rating=r, batch=b)
            for e, c, r, b in rated
        ),
    )
    found = evidence(store, "ratings")
    assert totals(found) == {
        "very_dissatisfied": 0, "dissatisfied": 1, "neutral": 0, "satisfied": 0, "very_satisfied": 1,
        "targeted_calls": 1,
    }  # fmt: skip
    assert [(part.count, part.why) for part in found.left_out] == [(1, "rated in targeted samples")]


@pytest.mark.parametrize("node", ["csi.sla", "nix", "csi.internal.sms", "ratings.9"])
def test_the_evidence_of_an_unknown_node_is_refused(store, node):
    with pytest.raises(InvalidInputError, match=r"known are csi, csi\.internal, "):
        evidence(store, node)


def test_the_evidence_of_a_period_without_records_is_empty(store):
    fill(store)
    found = evidence(store, "csi.external.sms", "2025-03")
    assert (found.node, found.counters, found.days, found.left_out) == (None, (), (), ())
    assert "2026-03-02" in (found.reading.hint or "")


# --- reading while others write


def test_steady_writing_holds_up_no_reader(store):
    fill(store)
    ended = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not ended.is_set():
            put(store, "surveys", survey(f"W{written}", "2026-03-02 12:00", 5))
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            before = written
            (point,) = read(store).points
            assert counted(point, "csi.external")[()][1] >= 3 + before
    finally:
        ended.set()
        writer.join()
    assert written > 5


def test_counters_that_others_drop_before_they_are_read_are_counted_again(store, monkeypatch):
    fill(store)
    refresh = recount.refresh
    dropped = []

    def refresh_and_drop(*arguments):
        done = refresh(*arguments)
        if not dropped:
            dropped.append(done)
            with store.database.writing() as connection:
                connection.execute(sa.delete(COUNTERS))
                connection.execute(sa.delete(COUNTED))
        return done

    monkeypatch.setattr(recount, "refresh", refresh_and_drop)
    assert counted(read(store).points[0]) == {(): (4, 8)}
    assert dropped
