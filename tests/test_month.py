"""A month of a contact centre, played through over HTTP: plan, draw, rate, calibrate, appeal, report, publish, restate.

The acts are fixtures that follow one another; the tests look at what each has left.
"""

import io
import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from dataclasses import dataclass, field

import krippendorff
import openpyxl
import pypdfium2
import pytest

from csi_service.core.levels import LEVELS
from csi_service.report.text import percent, seconds
from tests import month
from tests.cli.terminal import csi
from tests.files import csv_text
from tests.keys import bearer
from tests.month import MONTH
from tests.test_server import WITHIN_SECONDS, running

ROLES = {"lead": ["tom", "uma"], "rater": ["ann", "bea"], "analyst": ["eve"], "viewer": ["vic"], "admin": ["ada"]}


@dataclass
class Centre:
    """The service as people meet it, each with a key; and what was judged, as it stands: id -> call, score."""

    port: int
    keys: dict = field(repr=False)
    judged: dict = field(default_factory=dict)

    def ask(self, who, path, body=None, kind="application/json"):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1{path}", data)
        request.headers |= {"Content-type": kind} | bearer(self.keys[who])
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=WITHIN_SECONDS) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.status, answer.read()

    def get(self, who, path):
        status, data = self.ask(who, path)
        assert status == 200, data
        return json.loads(data)

    def post(self, who, path, body, status=201):
        answered, data = self.ask(who, path, body)
        assert answered == status, data
        return json.loads(data)

    def document(self, format_, **query):
        status, data = self.ask("vic", f"/reports/{MONTH}.{format_}?{urllib.parse.urlencode({'lang': 'en', **query})}")
        assert status == 200, data
        return data

    def scores(self, period=MONTH):
        """Return the score tree of all calls, and those of the teams, each as {node: what is told of it}."""
        told = self.get("vic", f"/scores?period={period}&by=team")
        return flat(told["total"]["csi"]), {each["group"]["team"]: flat(each["csi"]) for each in told["groups"]}


def flat(node):
    parts = (flat(part) for part in node.get("parts", {}).values())
    return {node["node"]: node} | {name: each for part in parts for name, each in part.items()}


def check(nodes, figures):
    assert {name: measured(node) for name, node in nodes.items()} == pytest.approx(figures, abs=1e-12)


def measured(node):
    return node["raw"] if node["node"].count(".") > 1 else node["value"]


def rows_of(workbook, sheet):
    """Return the rows of a sheet by their first cell."""
    rows = [*openpyxl.load_workbook(io.BytesIO(workbook))[sheet].iter_rows(values_only=True)]
    return {str(first).strip(): rest for first, *rest in reversed(rows)}  # the first of those that are called the same


# --- the acts, each after the one before


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    """Start the service on an empty folder and give everybody a key."""
    folder = tmp_path_factory.mktemp("month") / "data"
    with running(folder, CSI_WORKERS="2") as server:
        keys = {"operator": server.key}
        for role, name in ((role, name) for role, names in ROLES.items() for name in names):
            ran = csi("key", "create", "--data", folder, "--name", name, "--role", role)
            assert ran.code == 0, ran.err
            keys[name] = ran.out.strip()
        yield Centre(server.port, keys)


@pytest.fixture(scope="module")
def imported(centre):
    """Import the month's records."""
    kinds = {"calls": month.CALLS, "surveys": month.SURVEYS, "complaints": month.COMPLAINTS, "tickets": month.TICKETS}
    for kind, rows in kinds.items():
        text = csv_text([list(rows[0]), *(list(row.values()) for row in rows)])
        parts = {'name="kind"': kind, f'name="file"; filename="{kind}.csv"': text}
        form = "".join(f"--part\r\nContent-Disposition: form-data; {head}\r\n\r\n{part}\r\n"
                       for head, part in parts.items()) + "--part--\r\n"  # fmt: skip
        status, data = centre.ask("operator", "/imports", form.encode(), "multipart/form-data; boundary=part")
        assert status == 202, data
    for number, rows in enumerate(kinds.values(), 1):
        deadline = time.monotonic() + WITHIN_SECONDS
        while (found := centre.get("operator", f"/imports/{number}"))["status"] in ("waiting", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (outcome,) = found["outcomes"]
        assert (found["status"], outcome["created"], outcome["rejected"]) == ("done", len(rows), 0), found
    return centre


@pytest.fixture(scope="module")
def planned(imported):
    """Send a plan of 30 calls over the teams, at least 5 of each; return it."""
    raters = [{"name": "ann"}, {"name": "bea"}]
    plan = {"strata": ["team"], "size": 30, "min_per": 5, "seed": 7, "raters": raters}
    return imported.post("tom", "/batches", {"batch": "QA", "period": MONTH, "plan": plan})


@pytest.fixture(scope="module")
def judged(imported, planned):
    """Draw it; both raters work their lists off, with a rating and the answers to the form for each call."""
    drawn = imported.post("tom", "/batches/QA/draw", {}, 200)
    assert drawn["drawn_by"] == "tom"
    for who in ("ann", "bea"):
        for number, call in enumerate(imported.get(who, "/batches/QA/worklist?limit=50")["calls"]):
            judged = {"call_id": call["call_id"], "batch": call["batch"]}
            imported.post(who, "/ratings", judged | {"rating": month.LEVEL_OF[call["call_id"]]})
            answers, score = month.answers_of(number)
            sent = judged | {"form": "default", "answers": answers, "evaluated_at": f"{MONTH}-30T10:00:00+08:00"}
            made = imported.post(who, "/evaluations", sent)
            assert made["form_result"]["score"] == pytest.approx(score, abs=1e-12)
            imported.judged[made["id"]] = (call["call_id"], score)
        assert imported.get(who, "/batches/QA/worklist")["left"] == 0
    return imported


@pytest.fixture(scope="module")
def calibrated(judged):
    """Let both raters judge the same eight calls, neither seeing the other's rating; return their levels."""
    plan = {"selection": "calibration", "size": 8, "raters": [{"name": "ann"}, {"name": "bea"}]}
    judged.post("tom", "/batches", {"batch": "CAL", "period": MONTH, "plan": plan})
    judged.post("tom", "/batches/CAL/draw", {}, 200)
    levels = {}
    for who, shift in (("ann", 0), ("bea", 1)):
        calls = sorted(call["call_id"] for call in judged.get(who, "/batches/CAL/worklist")["calls"])
        assert judged.get(who, "/ratings?batch=CAL")["ratings"] == []
        levels[who] = [min(5, 1 + place % 5 + shift * (place % 3 == 0)) for place in range(len(calls))]
        sent = [
            {"call_id": call, "batch": "CAL", "rating": level} for call, level in zip(calls, levels[who], strict=True)
        ]
        assert judged.post(who, "/ratings", sent, 200)["created"] == 8
    return levels


@pytest.fixture(scope="module")
def appealed(judged, calibrated):
    """Let one lead appeal against an evaluation and another decide; return the day's figure before and after."""
    number, (call, score) = next((each, found) for each, found in judged.judged.items() if found[1] < 0.9)
    before = judged.scores(f"{MONTH}-30")[0]["csi.internal.qa"]["raw"]
    appeal = judged.post("tom", f"/evaluations/{number}/appeal", {"reason": "the customer was told"})
    decision = {"decision": "upheld", "note": "heard again", "score": 85}
    decide = f"/appeals/{appeal['id']}/decision"
    assert judged.ask("tom", decide, decision)[0] == 403, "nobody decides their own appeal"
    assert judged.ask("ann", decide, decision)[0] == 403, "raters decide none"
    full_marks = judged.get("uma", f"/evaluations/{number}")["full_marks"]
    judged.post("uma", decide, decision, 200)
    judged.judged[number] = (call, 85 / full_marks)
    return before, judged.scores(f"{MONTH}-30")[0]["csi.internal.qa"]["raw"], score, 85 / full_marks


@pytest.fixture(scope="module")
def published(judged, appealed):
    """Publish the month; return its figures as they were and the documents."""
    before, _ = judged.scores()
    assert judged.post("eve", f"/reports/{MONTH}/publish", {})["version"] == 1
    return before, {format_: judged.document(format_) for format_ in ("html", "pdf", "xlsx")}


@pytest.fixture(scope="module")
def restated(judged, published):
    """Let a complaint come late, then restate the month; return what the state told in between."""
    judged.post("operator", "/complaints", month.LATE)
    state = judged.get("vic", f"/reports/{MONTH}")
    assert all(judged.document(format_) == content for format_, content in published[1].items())
    made = judged.post("eve", f"/reports/{MONTH}/publish", {"reason": "a late complaint"})
    assert (made["version"], made["reason"]) == (2, "a late complaint")
    return state


# --- what is looked at


def test_the_plan_tells_what_it_buys(planned):
    answered = Counter(call["team"] for call in month.ANSWERED)
    assert planned["population"] == len(month.ANSWERED)
    assert {each["members"]["team"]: each["population"] for each in planned["strata"]} == answered
    sizes = {each["members"]["team"]: each["sample"] for each in planned["strata"]}
    assert sum(sizes.values()) == 30
    # 30 over 108 : 72 : 54 calls: 13.8, 9.2, 6.9
    assert sizes == {"north": 14, "south": 9, "west": 7}
    most = 1.959964**2 / 4 / 0.05**2
    assert planned["buys"]["needed_for_5_points"] == math.ceil(most / (1 + (most - 1) / len(month.ANSWERED)))


def test_the_ratings_of_each_team_weigh_its_calls(judged):
    shares = dict.fromkeys(range(1, 6), 0.0)
    for team, calls in Counter(call["team"] for call in month.ANSWERED).items():
        levels = [month.LEVEL_OF[call] for call, _ in judged.judged.values() if month.TEAM_OF[call] == team]
        for level in levels:
            shares[level] += calls / len(month.ANSWERED) / len(levels)
    rollup = judged.get("vic", f"/ratings/rollup?period={MONTH}&by=team")
    total = rollup["total"]
    assert [total["shares"][name] for name in LEVELS] == pytest.approx(list(shares.values()), abs=1e-12)
    assert (total["n"], total["raters"], rollup["weighting"]) == (30, 2, "population")


def test_calibration_is_the_figure_of_an_independent_program(judged, calibrated):
    alpha = judged.get("tom", "/calibration?batch=CAL")["alpha"]
    level = krippendorff.alpha(list(calibrated.values()), level_of_measurement="ordinal")
    assert alpha["value"] == pytest.approx(level, abs=1e-12)
    assert (alpha["calls"], alpha["ratings"]) == (8, 16)


def test_an_upheld_appeal_moves_its_day(appealed):
    before, after, old, new = appealed
    assert after - before == pytest.approx((new - old) / 30, abs=1e-12)


def test_the_scores_are_those_of_the_rows(judged, published):
    check(published[0], month.expected(judged.judged, month.COMPLAINTS))


def test_the_papers_say_what_the_scores_said(judged, published):
    nodes, papers = published
    sheet = rows_of(papers["xlsx"], "Figures")
    page = papers["html"].decode().replace("\xa0", " ")
    pdf = " ".join(each.get_textpage().get_text_range() for each in pypdfium2.PdfDocument(papers["pdf"]))
    for name, title in month.TITLES.items():
        figure, score = measured(nodes[name]), nodes[name]["value"]
        assert (sheet[title][0], sheet[title][5]) == pytest.approx((figure, score), abs=1e-13)  # 16 digits are written
        row = re.search(rf"<tr><t[dh][^>]*>\W*{re.escape(title)}</t[dh]>(.*?)</tr>", page).group(1)
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", row)
        told = seconds(figure) if "aht" in name else percent(figure)
        assert (cells[0].removesuffix("°"), cells[5]) == (told, percent(score))  # °: some tickets may still come back
        assert percent(score) in pdf.replace("\xa0", " ")
    shares = judged.get("vic", f"/ratings/rollup?period={MONTH}")["total"]["shares"]
    levels = rows_of(papers["xlsx"], "Ratings")
    for name, share in shares.items():
        assert levels[name.replace("_", " ").capitalize()][1] == pytest.approx(share, abs=1e-13)
    channels = rows_of(papers["xlsx"], "Surveys and complaints")
    for name, title in (("ivr", "Telephone menu"), ("sms", "Text message")):
        assert channels[title][0] == pytest.approx(nodes[f"csi.external.{name}"]["value"], abs=1e-13)


def test_the_groups_on_paper_are_those_of_the_scores(judged, published):
    _, teams = judged.scores()
    assert teams.keys() == month.TEAMS.keys()
    groups = rows_of(judged.document("xlsx", by="team"), "Groups")
    for team, nodes in teams.items():
        cells = dict(zip(groups["Team"], groups[team], strict=True))
        assert cells["CSI"] == pytest.approx(nodes["csi"]["value"], abs=1e-15)


def test_the_published_stays_and_the_restated_stands_beside_it(judged, published, restated):
    before, papers = published
    now, teams = judged.scores()
    check(now, month.expected(judged.judged, [*month.COMPLAINTS, month.LATE]))
    assert teams.keys() == month.TEAMS.keys()
    for team, nodes in teams.items():
        check(nodes, month.expected(judged.judged, [*month.COMPLAINTS, month.LATE], team))
    changed = {each["node"]: (each["published"], each["now"]) for each in restated["changed"]}
    assert changed == {name: (before[name]["value"], now[name]["value"]) for name in ("csi", "csi.complaint")}
    second, first = judged.get("vic", f"/reports/{MONTH}")["published"]
    assert [first["figures"][name] for name in month.TITLES] == [before[name]["value"] for name in month.TITLES]
    assert [second["figures"][name] for name in month.TITLES] == [now[name]["value"] for name in month.TITLES]
    assert (first["reason"], second["reason"]) == (None, "a late complaint")
    for format_, content in papers.items():
        assert judged.document(format_, version=1) == content
        assert judged.document(format_, version=2) == judged.document(format_) != content
    rows = rows_of(judged.document("xlsx"), "Restatement")
    for name, title in month.TITLES.items():
        assert rows[title][:2] == pytest.approx((before[name]["value"], now[name]["value"]), abs=1e-13)


@pytest.mark.usefixtures("restated")
def test_the_audit_trail_tells_who_did_what(judged):
    entries = judged.get("ada", "/audit?limit=1000")["entries"]
    told = Counter((each["actor"], each["action"], each["kind"]) for each in entries)
    keys = sum(times for (_, action, kind), times in told.items() if (action, kind) == ("create", "key"))
    assert keys == 1 + sum(map(len, ROLES.values()))
    assert {act: times for act, times in told.items() if act[2] not in ("key", "form_answers")} == {
        ("operator", "import", "import"): 4,
        ("tom", "create", "plans"): 2,
        ("tom", "draw", "plans"): 2,
        ("tom", "create", "batches"): 4,  # one of each team, and the calibration
        ("ann", "create", "evaluations"): 15 + 15 + 8,  # ratings, evaluations, and the calibration
        ("bea", "create", "evaluations"): 15 + 15 + 8,
        ("tom", "create", "appeals"): 1,
        ("uma", "decide", "appeals"): 1,
        ("uma", "replace", "evaluations"): 1,
        ("operator", "create", "complaints"): 1,
        ("eve", "publish", "report"): 1,
        ("eve", "restate", "report"): 1,
    }
