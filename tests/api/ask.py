"""Requests of the API's tests, and what every refusal has in common."""

import json
from typing import Any

from flask.testing import FlaskClient

from csi_service.schema.scores import plain
from tests.make import make_document

PROBLEM = "application/problem+json"
INTERNAL: dict[str, Any] = {  # the worked example: 0.85, 360 s, 0.80, 0.90
    "sla": {"numerator": 935, "denominator": 1100},
    "aht": {"numerator": 360_000, "denominator": 1000},
    "fcr": {"numerator": 400, "denominator": 500},
    "qa": {"numerator": 36, "denominator": 40},
}
EXTERNAL: dict[str, Any] = {
    "channels": {"ivr": {"numerator": 141, "denominator": 150}, "sms": {"numerator": 43, "denominator": 50}}
}
COMPLAINT: dict[str, Any] = {"complaints": {"numerator": 9, "denominator": 1000}}
COMPOSITE: dict[str, Any] = {"internal": INTERNAL, "external": EXTERNAL, "complaint": COMPLAINT}


def inline(changes: dict[str, Any] | None = None) -> Any:
    """Return the default weights as a caller sends them along, with some keys (dotted) changed or GONE."""
    return plain(make_document(changes))


def calculate(client: FlaskClient, name: str, body: object) -> dict[str, Any]:
    """Return the answer of a calculation that must succeed."""
    answer = client.post(f"/api/v1/calculate/{name}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    return json.loads(answer.data, parse_constant=lambda word: (_ for _ in ()).throw(AssertionError(word)))


def refuse(client: FlaskClient, url: str, body: object, status: int = 422) -> list[tuple[str, str]]:
    """Return (pointer, code) of each entry of a refusal; `body` is bytes as they are, or anything as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(url, data=data, content_type="application/json")
    assert answer.status_code == status, answer.text
    assert answer.content_type == PROBLEM
    problem = json.loads(answer.data)
    assert problem["status"] == status
    assert problem["detail"]
    assert all(entry["message"] for entry in problem.get("errors", []))
    return [(entry["pointer"], entry["code"]) for entry in problem.get("errors", [])]
