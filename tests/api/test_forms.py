"""GET /forms, and the statistics of evaluations by forms."""

import pytest

from tests.api.test_evaluations import WHOLE
from tests.keys import keyed, new_key
from tests.make import ROOT
from tests.store.kept import call, make, put

TEXT = (ROOT / "forms/default.toml").read_text(encoding="utf-8")


@pytest.fixture
def folder(services, viewer_key):
    path = services.settings.data / "forms"
    path.mkdir()
    return path


def test_the_shipped_form_is_listed_and_shown(client, services):
    listed = client.get("/api/v1/forms").json
    assert [(form["name"], form["problems"]) for form in listed["forms"]] == [("default", [])]
    assert (listed["current"], listed["today"]) == ("default", "2026-11-24")
    whole = client.get("/api/v1/forms/default").json
    assert whole["version"] == listed["forms"][0]["version"] == services.forms.get("default").digest
    assert [section["title_zh"] for section in whole["sections"]] == ["话务效率", "业务能力", "沟通技巧"]
    items = [item for section in whole["sections"] for item in section["items"]]
    assert sum(item["points"] for item in items) == 100
    assert items[3] == {
        "name": "record",
        "text": "Fills in the work order fully and rightly",
        "text_zh": "工单填写完整、准确",
        "kano": "basic",
        "points": 6,
        "critical": "business",
        "zeroes": "section",
        "na_allowed": True,
    }


def test_a_form_of_the_data_folder_takes_the_place_of_a_shipped_one_and_a_dated_one_its_turn(client, folder):
    (folder / "default.toml").write_text(TEXT.replace('title = "Default"', 'title = "Ours"'), encoding="utf-8")
    dated = TEXT.replace("effective = 2000-01-01", "effective = 2026-11-01")
    (folder / "2026-11-01.toml").write_text(dated, encoding="utf-8")
    listed = client.get("/api/v1/forms").json
    assert [(form["name"], form["title"]) for form in listed["forms"]] == [
        ("2026-11-01", "Default"), ("default", "Ours"),
    ]  # fmt: skip
    assert listed["current"] == "2026-11-01"


@pytest.mark.parametrize(
    ("language", "warning"),
    [
        ("en", "no item is an excitement need, so no evaluation by this form tells of delight"),
        ("zh", "没有兴奋型需求项目"),
    ],
)
def test_what_a_form_warns_of_is_in_the_caller_s_language(client, folder, language, warning):
    (folder / "plain.toml").write_text(TEXT.replace('kano = "excitement"', 'kano = "basic"'), encoding="utf-8")
    answer = client.get("/api/v1/forms/plain", headers={"Accept-Language": language}).json
    assert any(warning in each for each in answer["warnings"])


def test_a_form_that_breaks_its_rules_is_listed_with_its_problems(client, folder):
    (folder / "odd.toml").write_text(TEXT.replace("points = 20", "points = -1"), encoding="utf-8")
    odd = client.get("/api/v1/forms").json["forms"][1]
    assert (odd["name"], odd["version"]) == ("odd", None)
    assert "points" in odd["problems"][0]
    assert client.get("/api/v1/forms/odd").status_code == 503
    assert client.get("/api/v1/forms/none").status_code == 404


# --- statistics

URL = "/api/v1/evaluations/statistics"


@pytest.fixture
def judged(app, services, client):
    """Four evaluations by form in March: three of random calls by two raters, one of a targeted batch."""
    store = services.store()
    put(store, "calls", *(call(f"C{n}", "2026-03-02 09:00", team="A" if n < 2 else "B") for n in range(4)))
    put(store, "batches", make("batches", batch="T", period="2026-03", selection="targeted"))
    lead = keyed(app, new_key(services, "lead", "lena"))
    sent = [
        ("C0", "rita", {"courtesy": False}, None),  # zeroes the form: 0 of 100, 92 without critical items
        ("C1", "rita", {"identity": "na", "record": "na", "prevention": "na"}, None),  # 79 of 79
        ("C2", "otto", {"need_found": 4, "record": False}, None),  # traffic 0 of 25: 75; 90 without
        ("C3", "otto", {"courtesy": False}, "T"),
    ]
    body = [
        {"call_id": number, "rater": rater, "answers": WHOLE | change, "evaluated_at": "2026-03-05T12:00:00Z"}
        | ({"batch": batch} if batch else {})
        for number, rater, change, batch in sent
    ]
    assert lead.post("/api/v1/evaluations", json=body).json["created"] == 4
    return lead


def statistics(client, **query):
    answer = client.get(URL, query_string={"period": "2026-03"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_critical_failures_stand_beside_the_mean(judged):
    found = statistics(judged)
    total = found["total"]
    assert (found["evaluations"], total["evaluations"]) == (3, 3)
    assert total["mean"] == pytest.approx((0 + 1 + 0.75) / 3, abs=1e-12)
    assert total["mean_before_critical"] == pytest.approx((0.92 + 1 + 0.90) / 3, abs=1e-12)
    shares = [total[f"critical_share{kind}"] for kind in ("", "_customer", "_business", "_compliance")]
    assert shares == pytest.approx([2 / 3, 1 / 3, 1 / 3, 0])


def test_raters_and_items(judged):
    found = statistics(judged)
    raters = {row["rater"]: (row["evaluations"], row["answers"], row["na_share"]) for row in found["raters"]}
    assert raters == {"rita": (2, 24, 3 / 24), "otto": (1, 12, 0)}
    items = {row["item"]: row for row in found["items"]}
    assert len(items) == 12
    assert (items["courtesy"]["judged"], items["courtesy"]["met_share"]) == (3, pytest.approx(2 / 3))
    assert (items["record"]["judged"], items["record"]["na_share"]) == (2, pytest.approx(1 / 3))
    assert items["need_found"]["mean_share"] == pytest.approx((1 + 1 + 0.5) / 3)


def test_by_team_and_of_other_samples(judged):
    groups = {each["group"]["team"]: each["mean"] for each in statistics(judged, by="team")["groups"]}
    assert groups == pytest.approx({"A": 0.5, "B": 0.75})
    targeted = statistics(judged, selection="targeted")
    assert (targeted["evaluations"], targeted["total"]["mean"]) == (1, 0)
    assert statistics(judged, rater="rita")["total"]["evaluations"] == 2


def test_nothing_is_null(judged):
    found = statistics(judged, form="none", by="team,agent")
    assert (found["evaluations"], found["total"]["mean"], found["groups"], found["raters"]) == (0, None, [], [])


def test_an_evaluation_that_no_longer_follows_from_its_answers_is_left_out(judged):
    kept = judged.get("/api/v1/evaluations", query_string={"rater": "otto", "call_id": "C2"}).json["evaluations"][0]
    changed = judged.put(f"/api/v1/evaluations/{kept['id']}", json={"score": 1}, headers={"If-Match": "*"})
    assert changed.status_code == 200
    assert statistics(judged)["evaluations"] == 2


@pytest.mark.parametrize(
    "query", ["", "?period=2026-03&selection=all", "?period=2026-03&limit=3", "?period=2026-03&by=rater"]
)
def test_a_query_that_breaks_its_rules_is_refused(judged, query):
    assert judged.get(f"{URL}{query}").status_code == 422
