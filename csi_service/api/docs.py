"""GET /docs: the API explained for people, with files of our own only; GET /openapi.json: for programs."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint, Response

# Swagger UI sets no inline style or script by itself; its icons are data: images.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


def blueprint(document: Callable[[], Any]) -> Blueprint:
    """Return the two routes and the page's own files; `document` makes the OpenAPI document."""
    found = Blueprint("docs", __name__, static_folder="static", static_url_path="/docs/static")

    @functools.cache
    def text() -> str:
        return json.dumps(document(), ensure_ascii=False)

    @found.get("/openapi.json")
    def openapi() -> Response:
        return Response(text(), mimetype="application/json")

    page = (Path(__file__).parent / "static" / "docs.html").read_text(encoding="utf-8")

    @found.get("/docs")
    def docs() -> Response:
        return Response(page, mimetype="text/html", headers={"Content-Security-Policy": POLICY})

    return found
