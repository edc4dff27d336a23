import dataclasses
import re

from csi_service.api.docs import POLICY
from csi_service.app import create_app
from tests.keys import keyed, new_key


def test_the_page_is_for_people_in_both_languages(client):
    answer = client.get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "What this service does" in answer.text
    assert "服务说明" in answer.text
    assert "curl -H" in answer.text


def test_who_opens_the_bare_address_is_led_to_the_page(app):
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/docs")


def test_the_document_says_that_problems_are_told_in_the_caller_s_language(client):
    assert "Accept-Language: Chinese (zh) or English (en)" in client.get("/openapi.json").json["info"]["description"]


def test_the_page_asks_nobody_else_and_runs_nothing_inline(client):
    answer = client.get("/docs")
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    files = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert not [file for file in files if "//" in file]
    assert not re.search(r"<script(?![^>]*src=)|style=|onload=|onclick=", answer.text)
    for file in files:
        if not file.startswith("data:"):
            assert client.get(f"/{file}", buffered=True).status_code == 200, file


def test_the_licence_of_the_vendored_files_is_kept(client):
    for name in ("LICENSE", "NOTICE"):
        assert client.get(f"/docs/static/vendor/swagger-ui-5.35.0/{name}", buffered=True).status_code == 200


def test_the_examples_of_the_page_and_of_the_document_work(app, client, services):
    page = client.get("/docs").text
    body = page.split("-d '")[1].split("'</code>")[0]
    answer = client.post("/api/v1/calculate/composite", data=body, content_type="application/json")
    assert round(answer.json["value"], 6) == 0.864259
    admin = keyed(app, new_key(services, "admin"))
    for path, operations in client.get("/openapi.json").json["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if content is None or "{" in path:
            continue
        examples = [each["value"] for each in content.get("examples", {}).values()] or [content["example"]]
        for example in examples:
            answer = admin.post(path, json=example)
            if "plan" in example:  # draws from more calls than one example holds
                assert [entry["pointer"] for entry in answer.json["errors"]] == ["/plan/size"]
                continue
            assert answer.status_code in (200, 201), (path, answer.text)
            assert answer.json.get("value", 1) is not None
            assert answer.json.get("valid", True)


def test_samples_are_linked_and_shown_to_everybody_and_nothing_else_is(services, tmp_path):
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "a report.html").write_text("<!doctype html><p>report</p>", encoding="utf-8")
    (samples / "notes.txt").write_text("private", encoding="utf-8")
    (tmp_path / "outside.html").write_text("private", encoding="utf-8")
    settings = dataclasses.replace(services.settings, samples=samples)
    client = create_app(dataclasses.replace(services, settings=settings)).test_client()
    page = client.get("/docs").text
    assert '<a href="docs/samples/a%20report.html">a report.html</a>' in page
    assert "notes.txt" not in page
    shown = client.get("/docs/samples/a%20report.html", buffered=True)
    assert "report" in shown.text
    assert "script-src" not in shown.headers["Content-Security-Policy"]
    for name in ("notes.txt", "..%2Foutside.html", "absent.html"):
        assert client.get(f"/docs/samples/{name}", buffered=True).status_code in (401, 404)


def test_without_samples_there_is_nothing_to_link_to(client):
    assert "docs/samples" not in client.get("/docs").text
    assert client.get("/docs/samples/a.html").status_code == 404
