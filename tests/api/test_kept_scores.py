"""GET /scores and its company: parameters, media, validators, scope, and that every write is seen at once."""

import csv
import dataclasses
import datetime as dt
import gzip
import io
import json

import pytest
from flask import g
from flask.testing import FlaskClient

from csi_service.access import Caller
from csi_service.api.kept_answers import KeptAnswers, Made
from csi_service.app import create_app
from csi_service.cli.demo import demo_files
from csi_service.core.periods import parse_period
from csi_service.demo.generate import write_demo
from csi_service.report.files import as_csv
from csi_service.scoring import Request, score_facts
from csi_service.services import Services, build_services
from csi_service.store.imports import import_files
from tests.api.ask import PROBLEM
from tests.files import opened
from tests.keys import keyed, new_key
from tests.store.kept import call, put
from tests.store.test_reading import SLA, fill

URL = "/api/v1/scores"
TEAMS = [{"team": "T1"}, {"team": "T2"}, {"team": "T3"}]


@pytest.fixture
def kept(client: FlaskClient, services: Services) -> FlaskClient:
    """Return a client of a service with the records of `fill`."""
    fill(services.store())
    return client


def get(client: FlaskClient, query: str, **headers: str):
    answer = client.get(URL + query, headers={name.replace("_", "-"): text for name, text in headers.items()})
    assert answer.status_code == 200, answer.text
    return answer


def refused(client: FlaskClient, query: str, status: int = 422) -> list[tuple[str, str]]:
    answer = client.get(URL + query)
    assert (answer.status_code, answer.content_type) == (status, PROBLEM), answer.text
    return [(entry["pointer"], entry["code"]) for entry in answer.json.get("errors", [])]


def groups(answer) -> list[dict[str, str]]:
    return [group["group"] for group in answer.json["groups"]]


# --- what is asked for


def test_a_month_by_team_nested(kept):
    body = get(kept, "?period=2026-03&by=team").json
    assert [group["group"] for group in body["groups"]] == TEAMS
    sla = body["groups"][0]["csi"]["parts"]["internal"]["parts"]["sla"]
    assert (sla["node"], sla["numerator"], sla["denominator"]) == (SLA, 2, 5)
    assert body["total"]["csi"]["parts"]["internal"]["parts"]["sla"]["denominator"] == 8
    told = {name: body[name] for name in ("period", "first", "last", "in_progress", "by", "slow", "hint", "warnings")}
    assert told == {
        "period": "2026-03", "first": "2026-03-01", "last": "2026-03-31", "in_progress": False, "by": ["team"],
        "slow": False, "hint": None,
        "warnings": ["AHT: the data hold talk time only, of talk, hold, wrap-up"],
    }  # fmt: skip
    assert body["weights"]["name"] == "default"
    assert body["revision"] > 0
    assert body["next_cursor"] is None


def test_flat_rows_and_csv_are_the_table_of_csi_score(kept, services):
    body = get(kept, "?period=2026-03&by=team&shape=flat").json
    sla = next(row for row in body["rows"] if row["node"] == SLA)
    assert (sla["team"], sla["period"], sla["numerator"], sla["denominator"]) == ("T1", "2026-03", 2, 5)
    answer = get(kept, "?period=2026-03&by=team", Accept="text/csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == list(body["rows"][0])
    for row, expected in zip(rows, body["rows"], strict=True):
        for name, value in expected.items():
            assert row[name] == ("" if value is None else str(value).lower() if isinstance(value, bool) else str(value))
    about = json.loads(answer.headers["CSI-About"])
    assert about == {name: value for name, value in body.items() if name != "rows"}


@pytest.mark.parametrize("period", ["2026-03-02", "2026-W10", "2026-03", "2026-Q1", "2026", "2026-03-01..2026-03-04"])
def test_every_form_of_a_period(kept, period):
    assert get(kept, f"?period={period}").json["period"] == period


def test_filters_by_and_depth(kept):
    assert groups(get(kept, "?period=2026-03&by=team&site=S1")) == TEAMS[:2]
    assert groups(get(kept, "?period=2026-03&by=team&team=T1&team=T3")) == [TEAMS[0], TEAMS[2]]
    two = [{"site": "S1", "team": "T1"}, {"site": "S1", "team": "T2"}, {"site": "S2", "team": "T3"}]
    two.append({"site": "unassigned", "team": "T1"})  # the surveys name a team and no call
    for by in ("by=site,team", "by=site&by=team"):
        assert groups(get(kept, f"?period=2026-03&{by}")) == two
    shallow = get(kept, "?period=2026-03&depth=2").json["groups"][0]
    assert list(shallow["csi"]["parts"]) == ["internal", "external", "complaint"]
    assert "parts" not in shallow["csi"]["parts"]["internal"]
    rows = get(kept, "?period=2026-03&depth=1&shape=flat").json["rows"]
    assert [row["node"] for row in rows] == ["csi"]


def test_weights_by_name(kept, services, tmp_path):
    body = get(kept, "?period=2026-03&weights=default").json
    assert body["weights"]["digest"] == services.weights.get("default").digest
    assert refused(kept, "?period=2026-03&weights=nix") == [("/weights", "unknown_weights")]


def test_sorting_and_pages(kept):
    query = f"?period=2026-03&by=team&sort=-{SLA}&limit=1"
    seen, cursor = [], ""
    while cursor is not None:
        answer = get(kept, query + (f"&cursor={cursor}" if cursor else ""))
        assert answer.json["total"]["csi"]["parts"]["internal"]["parts"]["sla"]["denominator"] == 8  # not of the page
        seen += [group["team"] for group in groups(answer)]
        cursor = answer.json["next_cursor"]
    assert seen == ["T2", "T1", "T3"]


def test_pages_of_csv_are_linked(kept):
    url, seen = "?period=2026-03&by=team&sort=-team&limit=2", []
    while url:
        answer = get(kept, url, Accept="text/csv")
        seen += [row["team"] for row in csv.DictReader(io.StringIO(answer.text)) if row["node"] == "csi"]
        link = answer.headers.get("Link", "")
        assert link == "" or link.endswith('>; rel="next"')
        url = link.removesuffix('>; rel="next"').removeprefix(f"<{URL}")
    assert seen == ["T3", "T2", "T1"]


def test_a_series(kept):
    body = get(kept, "/series?from=2026-03-02&to=2026-03-03&grain=day&by=team").json
    assert [(point["period"], [group["group"] for group in point["groups"]]) for point in body["points"]] == [
        ("2026-03-02", TEAMS[:2]),
        ("2026-03-03", TEAMS),
    ]
    rows = get(kept, "/series?from=2026-02&to=2026-03&grain=month&shape=flat&depth=1").json["rows"]
    assert [(row["period"], row["node"]) for row in rows] == [("2026-03", "csi")]
    text = get(kept, "/series?from=2026-03-02&to=2026-03-03", Accept="text/csv").text
    assert [row["period"] for row in csv.DictReader(io.StringIO(text)) if row["node"] == "csi"] == [
        "2026-03-02", "2026-03-03"
    ]  # fmt: skip


def test_evidence(kept):
    body = get(kept, f"/{SLA}/evidence?period=2026-03&team=T1").json
    assert (body["node"]["node"], body["node"]["numerator"], body["node"]["denominator"]) == (SLA, 2, 5)
    assert body["node"]["parameters"]["threshold_seconds"] == 20
    assert {counter["name"]: counter["total"] for counter in body["counters"]} == {
        "answered_timed": 4, "answered_within_threshold": 2, "contacts_abandoned": 1
    }  # fmt: skip
    assert [(part["count"], part["unit"]) for part in body["left_out"]] == [(1, "calls")]
    text = get(kept, f"/{SLA}/evidence?period=2026-03&team=T1", Accept="text/csv").text
    assert text.splitlines() == [
        "day,answered_timed,answered_within_threshold,contacts_abandoned",
        "2026-03-02,2.0,2.0,0.0",
        "2026-03-03,2.0,0.0,1.0",
    ]


@pytest.mark.parametrize(
    ("query", "entries"),
    [
        ("", [("/period", "missing")]),
        ("?period=March", [("/period", "period")]),
        ("?period=2026-02-30", [("/period", "period")]),
        ("?period=2026&period=2025", [("/period", "duplicate_key")]),
        ("?period=2026&tema=T1", [("/tema", "unknown_key")]),
        ("?period=2026&by=tema", [("/by", "dimension")]),
        ("?period=2026&by=team,team", [("/by", "dimension")]),
        ("?period=2026&by=site&by=team&by=agent", [("/by", "dimension")]),
        ("?period=2026&by=", [("/by", "dimension")]),
        ("?period=2026&team=", [("/team", "length")]),
        ("?period=2026" + "&team=x" * 101, [("/team", "length")]),
        ("?period=2026&sort=nix", [("/sort", "unknown_node")]),
        ("?period=2026&sort=team", [("/sort", "unknown_node")]),  # not grouped by it
        ("?period=2026&limit=0", [("/limit", "range")]),
        ("?period=2026&limit=1001", [("/limit", "range")]),
        ("?period=2026-03&by=team&cursor=x", [("/cursor", "cursor")]),
        ("?period=2026-03&by=team&cursor=" + "W1tb" * 450, [("/cursor", "cursor")]),  # 1,350 opening brackets
        ("?period=2026&shape=long", [("/shape", "choice")]),
        ("?period=2026&depth=0", [("/depth", "range")]),
        ("?period=1999", [("/period", "no_weights")]),
        ("/series?from=2026-03", [("/to", "missing")]),
        ("/series?from=2026-03&to=2026-02", [("/to", "order")]),
        ("/series?from=2026&to=2026&grain=year", [("/grain", "choice")]),
        ("/series?from=2024&to=2026", [("/grain", "too_many")]),
        ("/nix/evidence?period=2026", [("/node", "unknown_node")]),
        ("/csi/evidence", [("/period", "missing")]),
    ],
)
def test_what_is_wrong_is_said(kept, query, entries):
    assert refused(kept, query) == entries


def test_an_unknown_team_is_an_empty_answer_with_a_hint(kept):
    body = get(kept, "?period=2026-03&by=team&team=T9").json
    assert (body["groups"], body["total"]) == ([], None)
    assert body["hint"] == "no record in 2026-03 has the team T9; known are T1, T2, T3"


def test_what_is_told_is_in_the_caller_s_language(kept):
    url, told = "?period=2026-03&by=team&team=T9", []
    for language in ("zh-CN", "en", "zh", ""):
        told.append(get(kept, url, Accept_Language=language).json["hint"])
    chinese, english = (
        "2026-03 没有 team 为 T9 的记录；现有 T1, T2, T3",
        "no record in 2026-03 has the team T9; known are T1, T2, T3",
    )
    assert told == [chinese, english, chinese, english]
    assert json.loads(get(kept, url, Accept_Language="zh", Accept="text/csv").headers["CSI-About"])["hint"] == chinese
    crossed = get(kept, "?period=2026-03&by=agent&by=topic", Accept_Language="zh").json
    assert (crossed["slow"], crossed["slow_because"]) == (True, "未保存这些维度组合的计数；已从记录中统计")
    for path in ("/series?from=2026-03-01&to=2026-03-31&team=T9", "/csi/evidence?period=2026-03&team=T9"):
        assert "现有 T1, T2, T3" in get(kept, path, Accept_Language="zh").json["hint"]


# --- media and validators


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("*/*", "application/json"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/csv, application/json;q=0.5", "text/csv; charset=utf-8"),
        ("text/*", "text/csv; charset=utf-8"),
    ],
)
def test_the_medium_that_is_preferred(kept, accept, found):
    answer = get(kept, "?period=2026-03", Accept=accept)
    assert answer.content_type == found
    assert set(answer.headers["Vary"].split(", ")) == {"Accept", "Accept-Encoding", "Accept-Language", "Authorization"}
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_another_medium_is_not_acceptable(kept):
    answer = kept.get(URL + "?period=2026-03", headers={"Accept": "image/png"})
    assert (answer.status_code, answer.content_type) == (406, PROBLEM)


def test_a_validator_holds_until_something_is_written(kept, services):
    url = "?period=2026-03&by=team"
    answer = get(kept, url)
    tag = answer.headers["ETag"]
    for sent in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = kept.get(URL + url, headers={"If-None-Match": sent})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == "private, no-cache"
    assert get(kept, url, If_None_Match='"x"').data == answer.data
    other = [get(kept, "?period=2026-03&by=agent"), get(kept, url, Accept="text/csv")]
    other += [get(kept, url, Accept_Encoding="gzip")]
    assert len({tag, *(each.headers["ETag"] for each in other)}) == 4
    put(services.store(), "calls", call("C10", "2026-03-04 09:00"))
    after = get(kept, url, If_None_Match=tag)
    assert after.headers["ETag"] != tag


def test_long_answers_are_packed_for_those_who_take_it(kept):
    plain, packed = (get(kept, "?period=2026-03&by=team", Accept_Encoding=how) for how in ("gzip;q=0", "br, gzip"))
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 4
    short = get(kept, "?period=2025-03", Accept_Encoding="gzip")
    assert "Content-Encoding" not in short.headers


def test_a_cell_that_a_spreadsheet_would_run_is_made_safe(kept, services):
    put(services.store(), "calls", call("C10", "2026-03-04 09:00", team="=1+1"))
    text = get(kept, "?period=2026-03-04&by=team", Accept="text/csv").text
    assert next(row["team"] for row in csv.DictReader(io.StringIO(text))) == "'=1+1"
    assert groups(get(kept, "?period=2026-03-04&by=team")) == [{"team": "=1+1"}]


def test_names_of_every_kind_go_round_through_pages(kept, services):
    names = ['a"b', "a,b", "a&b=c", "a b", "ä", "华东一组", "𝒳"]
    put(services.store(), "calls", *(call(f"N{name}", "2026-03-09 09:00", team=name) for name in names))
    seen, cursor = [], None
    while cursor is not None or not seen:
        query = {"period": "2026-W11", "by": "team", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        answer = kept.get(URL, query_string=query)
        seen += [group["team"] for group in groups(answer)]
        cursor = answer.json["next_cursor"]
    assert seen == sorted(names)
    for name in names:
        assert kept.get(URL, query_string={"period": "2026-W11", "by": "team", "team": name}).json["groups"]


def test_the_first_day_of_the_present_is_in_progress(app, kept, services):
    assert get(kept, "?period=2026-11").json["in_progress"] is True
    assert get(kept, "?period=2026-10").json["in_progress"] is False


def test_a_kept_answer_is_made_anew_on_the_next_day(kept, services):
    today = dt.date(2026, 11, 30)
    later = dataclasses.replace(services, today=lambda: today)
    client = keyed(create_app(later), new_key(later, name="another"))
    assert get(client, "?period=2026-11").json["in_progress"] is True
    today = dt.date(2026, 12, 1)
    assert get(client, "?period=2026-11").json["in_progress"] is False


def test_a_changed_file_of_weights_counts(kept, services, tmp_path):
    text = services.weights.folder.joinpath("default.toml").read_text(encoding="utf-8")
    tmp_path.joinpath("weights").mkdir()
    path = tmp_path / "weights" / "default.toml"
    path.write_text(text, encoding="utf-8")
    settings = dataclasses.replace(services.settings, weights=path.parent)
    moved = dataclasses.replace(build_services(settings), today=services.today)
    moved = dataclasses.replace(moved, dated_weights=moved.weights.all)  # without the second of grace
    client = keyed(create_app(moved), new_key(moved, name="another"))
    for query in ("?period=2026-03", "?period=2026-03&weights=default"):
        path.write_text(text, encoding="utf-8")
        before = get(client, query)
        assert get(client, query).data == before.data
        path.write_text(text.replace('title = "', 'title = "New '), encoding="utf-8")
        assert get(client, query).json["weights"]["title"] == "New " + before.json["weights"]["title"]
    moved.store().database.close()


# --- who asks


def test_a_key_of_some_teams_sees_these_only(app, kept, services):
    limited = keyed(app, new_key(services, name="limited", teams=("T2", "T3")))
    url = "?period=2026-03&by=team"
    assert groups(get(kept, url)) == TEAMS
    answer = get(limited, url)
    assert groups(answer) == TEAMS[1:]
    assert answer.json["total"]["csi"]["parts"]["internal"]["parts"]["sla"]["denominator"] == 3
    assert groups(get(kept, url)) == TEAMS  # the answers are kept apart
    hidden, absent = (get(limited, f"?period=2026-03&team={team}").text for team in ("T1", "T9"))
    assert hidden.replace("T1", "T9") == absent
    assert get(limited, "/series?from=2026-03-02&to=2026-03-02&by=team").json["points"][0]["groups"][0]["group"] == {
        "team": "T2"
    }
    evidence = get(limited, f"/{SLA}/evidence?period=2026-03").json
    assert evidence["node"]["denominator"] == 3
    assert get(limited, f"/{SLA}/evidence?period=2026-03&team=T1").json["counters"] == []


def test_without_a_key_nothing_is_said(app, kept):
    for path in ("?period=2026-03", "/series?from=2026-03&to=2026-03", "/csi/evidence?period=2026-03"):
        assert app.test_client().get(URL + path).status_code == 401


# --- writes


def test_every_write_is_seen_at_once_by_another_process_s_app(app, kept, services):
    other = build_services(services.settings)
    for number in range(200):
        put(other.store(), "calls", call(f"W{number}", "2026-03-05 09:00", wait_seconds=1.0, team="W"))
        body = get(kept, "?period=2026-03-05&team=W").json
        assert body["total"]["csi"]["parts"]["internal"]["parts"]["sla"]["numerator"] == number + 1
        assert get(kept, "?period=2026-03-05&team=W").json == body  # as kept
    other.store().database.close()


def test_the_longest_unused_answers_make_room(app, kept, services):
    answers, made = KeptAnswers(services, 30_000), []
    revision = services.store().database.pulse()

    def ask(number: int) -> int:
        def make(medium: str) -> Made:
            made.append(number)
            return Made(b"x" * 9_000, revision)

        with app.test_request_context(f"/?number={number}"):
            g.caller = Caller("somebody", "viewer", 1, "csi_0123456789")
            answers.answer(make)
        return len(made)

    assert [ask(number) for number in (1, 2, 1, 3, 1, 2)] == [1, 2, 2, 3, 3, 4]  # two fit: 3 took the room of 2


# --- against csi score


def test_the_figures_are_those_of_csi_score_on_the_same_files(client, services, tmp_path):
    write_demo(tmp_path / "demo", "2025-12", scale=0.003)
    files = demo_files(tmp_path / "demo")
    for kind, paths in files.items():
        import_files(services.store(), kind, paths, "cli:tests", services.now)
    for period, keys in (("2025-12", ("team",)), ("2025-11", ("site", "channel")), ("2025-W50", ("topic", "agent"))):
        with opened(files, zone="Asia/Shanghai", keys=keys) as facts:
            scores = score_facts(
                facts, services.weights.all(), Request(parse_period(period), None, keys), services.today()
            )
        expected = list(csv.DictReader(io.StringIO(as_csv(scores, []).decode())))
        pages, url = [], f"?period={period}&by={','.join(keys)}&limit=100"
        while url:
            answer = get(client, url, Accept="text/csv")
            pages += list(csv.DictReader(io.StringIO(answer.text)))
            url = answer.headers.get("Link", "").removesuffix('>; rel="next"').removeprefix(f"<{URL}")
        assert len(pages) == len(expected) > 0
        for row, wanted in zip(pages, expected, strict=True):
            assert row.keys() == wanted.keys()
            for name, text in wanted.items():
                if name in ("node", "period", "partial", "reason", *keys) or text == "":
                    assert row[name] == text
                else:
                    assert float(row[name]) == pytest.approx(float(text), rel=1e-12, abs=1e-12)
