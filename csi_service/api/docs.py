"""GET /docs: the API explained for people, with files of our own only; GET /openapi.json: for programs."""

import functools
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request, send_from_directory, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

# Swagger UI sets no inline style or script by itself; its icons are data: images.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


# A report as HTML holds its own style and pictures and no script.
DOCUMENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
_ENDINGS = (".html", ".pdf")
_ADDRESS = "http://127.0.0.1:8000/"  # of the page's example; it is shown with the address that the page was asked at


def blueprint(document: Callable[[], Any], samples: Path | None) -> Blueprint:
    """Return the routes and the page's own files; `document` makes the OpenAPI document, `samples` holds documents."""
    found = Blueprint("docs", __name__, static_folder="static", static_url_path="/docs/static")

    @functools.cache
    def text() -> str:
        return json.dumps(document(), ensure_ascii=False)

    @found.get("/openapi.json")
    def openapi() -> Response:
        return Response(text(), mimetype="application/json")

    page = (Path(__file__).parent / "static" / "docs.html").read_text(encoding="utf-8")

    @found.get("/")
    def home() -> BaseResponse:
        return redirect(url_for("docs.docs"))

    @found.get("/docs")
    def docs() -> Response:
        shown = page.replace("<!-- samples -->", _links(samples)).replace(_ADDRESS, html.escape(request.url_root))
        return Response(shown, mimetype="text/html", headers={"Content-Security-Policy": POLICY})

    @found.get("/docs/samples/<name>")
    def sample(name: str) -> Response:
        if samples is None or not name.endswith(_ENDINGS):
            raise NotFound
        shown = send_from_directory(samples.resolve(), name)
        shown.headers["Content-Security-Policy"] = DOCUMENT_POLICY
        return shown

    return found


def _links(samples: Path | None) -> str:
    names = [] if samples is None else sorted(path.name for path in samples.iterdir() if path.suffix in _ENDINGS)
    links = (f'<a href="docs/samples/{quote(name)}">{html.escape(name)}</a>' for name in names)
    return f"<p>Reports · 报告： {' · '.join(links)}</p>" if names else ""
