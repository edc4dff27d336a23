import re

from csi_service.api.docs import POLICY


def test_the_page_is_for_people_in_both_languages(client):
    answer = client.get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "What this service does" in answer.text
    assert "服务说明" in answer.text
    assert "curl -H" in answer.text


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


def test_the_examples_of_the_page_and_of_the_document_work(client):
    page = client.get("/docs").text
    body = page.split("-d '")[1].split("'</code>")[0]
    answer = client.post("/api/v1/calculate/composite", data=body, content_type="application/json")
    assert round(answer.json["value"], 6) == 0.864259
    for path, operations in client.get("/openapi.json").json["paths"].items():
        if "post" in operations:
            example = operations["post"]["requestBody"]["content"]["application/json"]["example"]
            answer = client.post(path, json=example)
            assert answer.status_code == 200, answer.text
            assert answer.json.get("value", 1) is not None
            assert answer.json.get("valid", True)
