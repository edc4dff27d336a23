import datetime as dt

import pytest

from csi_service.app import create_app
from csi_service.services import build_services
from csi_service.settings import load_settings
from tests.api.ask import PROBLEM, refuse
from tests.keys import keyed, new_key
from tests.make import WEIGHTS, make_weights

URL = "/api/v1/weights"
CHECK = f"{URL}/check"
TOML = (WEIGHTS / "default.toml").read_text(encoding="utf-8")


def check(client, body):
    answer = client.post(CHECK, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.fixture
def folder(tmp_path):
    for path in WEIGHTS.glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def own(folder, tmp_path_factory):
    data = tmp_path_factory.mktemp("own")
    services = build_services(load_settings({"CSI_WEIGHTS": str(folder), "CSI_DATA": str(data)}))
    yield keyed(create_app(services), new_key(services))
    services.store().database.close()


def test_all_sets_are_listed_with_the_one_in_effect(client):
    answer = client.get(URL).json
    assert (answer["today"], answer["in_effect"]) == ("2026-11-24", "default")
    assert [entry["name"] for entry in answer["weights"]] == ["bank", "default", "telecom"]
    assert {entry["valid"] for entry in answer["weights"]} == {True}
    assert answer["weights"][1]["digest"] == make_weights().digest


def test_one_set_comes_with_its_whole_content(client):
    answer = client.get(f"{URL}/default").json
    assert answer["document"]["internal"]["sla"]["parts"] == 25
    assert answer["effective"] == answer["document"]["effective"] == "2000-01-01"
    assert (answer["title_zh"], answer["warnings"], answer["digest"]) == ("默认", [], make_weights().digest)
    assert check(client, {"document": answer["document"]})["valid"]


@pytest.mark.parametrize(("language", "word"), [("en", "sensible range"), ("zh", "超出合理范围")])
def test_what_a_set_warns_of_is_in_the_caller_s_language(own, folder, language, word):
    text = TOML.replace("parts = 25", "parts = 35").replace("parts = 60", "parts = 50")
    (folder / "other.toml").write_text(text, encoding="utf-8")
    answer = own.get(f"{URL}/other", headers={"Accept-Language": language})
    assert [word in each for each in answer.json["warnings"]] == [True, True]


@pytest.mark.parametrize("name", ["nope", "default.toml", "..", "%2e%2e%2fdefault", "\x00"])
def test_a_set_that_is_not_there_is_not_found(client, name):
    answer = client.get(f"{URL}/{name}")
    assert (answer.status_code, answer.content_type) == (404, PROBLEM)


def test_not_found_lists_the_names(client):
    assert "bank, default, telecom" in client.get(f"{URL}/nope").json["detail"]


def test_a_set_that_breaks_its_rules_is_listed_with_its_problems(own, folder):
    (folder / "draft.toml").write_text(TOML.replace("parts = 60", "parts = 57"), encoding="utf-8")
    entry = own.get(URL).json["weights"][2]
    assert (entry["name"], entry["valid"], entry["digest"]) == ("draft", False, None)
    assert "the parts add up to 97" in entry["problems"][0]
    answer = own.get(f"{URL}/draft")
    assert (answer.status_code, answer.content_type) == (503, PROBLEM)
    assert "the parts add up to 97" in answer.json["detail"]


def test_a_new_file_counts_without_a_restart(own, folder):
    name = f"{dt.date.today().year}-01-01"  # noqa: DTZ011 - any zone's year will do
    (folder / f"{name}.toml").write_text(TOML.replace("2000-01-01", name), encoding="utf-8")
    assert own.get(URL).json["in_effect"] == name


def test_a_folder_that_went_away_is_the_operators_problem(own, folder):
    for path in folder.iterdir():
        path.unlink()
    assert own.get(URL).json == {"today": own.get(URL).json["today"], "in_effect": None, "weights": []}
    folder.rmdir()
    for answer in (own.get(URL), own.get(f"{URL}/default"), own.post("/api/v1/calculate/internal", json={})):
        assert (answer.status_code, answer.content_type) == (503, PROBLEM)


# --- checking


def test_a_valid_document_has_a_digest(client):
    answer = check(client, {"toml": TOML})
    assert answer == {"valid": True, "digest": make_weights().digest, "problems": [], "warnings": []}


def test_a_weight_outside_its_range_is_a_warning(client):
    answer = check(client, {"toml": TOML.replace("parts = 25", "parts = 35").replace("parts = 60", "parts = 50")})
    assert answer["valid"]
    assert len(answer["warnings"]) == 2


@pytest.mark.parametrize(
    ("text", "by", "pointer", "code"),
    [
        ("parts = 60", "parts = 57", "/internal", "weights_sum"),
        ("parts = 60", "parts = -60", "/internal/qa/parts", "negative"),
        ("parts = 60", "parts = nan", "/internal/qa/parts", "non_finite"),
        ("parts = 60", "parts = inf", "/internal/qa/parts", "non_finite"),
        ("parts = 60", "parts = true", "/internal/qa/parts", "type"),
        ("parts = 60", "parts = 1000000000000000000000", "/internal/qa/parts", "range"),
        ("[complaint]", "[complaint]\nfactor = 25", "/complaint/factor", "unknown_key"),
        ("effective = 2000-01-01", "effective = 12:00:00", "/effective", "type"),
    ],
)
def test_a_fault_is_told_at_its_place(client, text, by, pointer, code):
    answer = check(client, {"toml": TOML.replace(text, by)})
    assert (answer["valid"], answer["digest"]) == (False, None)
    assert (f"/toml{pointer}", code) in [(entry["pointer"], entry["code"]) for entry in answer["problems"]]


def test_a_document_as_json_is_checked_alike(client):
    problems = check(client, {"document": {"title": "X", "csi": {"internal": 0.97}}})["problems"]
    found = {entry["pointer"]: entry for entry in problems}
    assert found["/document/csi"]["value"] == 0.97
    assert found["/document/effective"]["code"] == "missing"


@pytest.mark.parametrize(
    "text",
    [
        "a = [",
        "a = " + "[" * 60_000,
        "a = " + "1" * 5000,
        "a = 1\na = 2",
        "a." * 30_000 + "a = 1",
        ("a." * 200 + "a = 1\n") * 100,
        "[csi",
        "a=\x01",
    ],
)
def test_what_is_no_toml_is_told(client, text):
    (problem,) = check(client, {"toml": text})["problems"]
    assert problem["pointer"].startswith("/toml")
    assert problem["code"] in ("syntax", "depth")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, ("", "shape")),
        ({"toml": "", "document": {}}, ("", "shape")),
        ({"toml": 7}, ("/toml", "type")),
        ({"toml": "x" * 65_537}, ("/toml", "length")),
        ({"toml": "\x00"}, ("/toml", "character")),
        ({"document": []}, ("/document", "type")),
        ({"document": None}, ("/document", "type")),
        ({"text": ""}, ("/text", "unknown_key")),
    ],
)
def test_a_body_that_is_neither_is_refused(client, body, found):
    assert refuse(client, CHECK, body) == [found]
