import re

import jsonschema_rs
import pytest

METHODS = {"get", "post", "put", "patch", "delete"}
FOR_PEOPLE = {"/", "/docs", "/docs/samples/<name>", "/docs/static/<path:filename>", "/openapi.json"}


def test_the_document_lists_exactly_the_routes(app, client):
    routes = {
        (nameless(rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule not in FOR_PEOPLE
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    paths = client.get("/openapi.json").json["paths"]
    documented = {
        (nameless(path), method) for path, operations in paths.items() for method in METHODS & operations.keys()
    }
    assert documented == routes


def nameless(path: str) -> str:
    """A path with a plain mark for each of its parameters, whatever their names and converters are."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "{}", path)


def test_the_document_is_openapi_3_1_and_its_schemas_are_schemas(client):
    document = client.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})
    operations = [path[method] for path in document["paths"].values() for method in METHODS & path.keys()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)
    for operation in operations:
        problems = [
            response for status, response in operation["responses"].items() if status == "default" or int(status) >= 400
        ]
        for response in problems:
            name = response["$ref"].rpartition("/")[2]
            assert list(document["components"]["responses"][name]["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("url", ["/healthz", "/docs", "/openapi.json", "/nope", "/api/v1/weights"])
def test_every_answer_has_the_headers(client, url):
    headers = client.get(url).headers
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_head_and_options_are_answered(client):
    assert client.head("/healthz").status_code == 200
    assert "POST" in client.options("/api/v1/calculate/internal").headers["Allow"]
