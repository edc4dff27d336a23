"""The Flask application: blueprints, limits, headers."""

from typing import Any

from flask import Flask, Response

from csi_service import __version__
from csi_service.api import BLUEPRINTS, auth, docs
from csi_service.api.problems import ProblemApi
from csi_service.api.watch import watch
from csi_service.api.weights import SetName
from csi_service.services import Services

_ABOUT = """Customer satisfaction indices of a contact centre: of the records that the service keeps, or calculated from
evidence sent along, of which nothing is kept.

Texts for people (of problems, warnings and hints) follow Accept-Language: Chinese (zh) or English (en); codes stay the
same.

Shares and indices are fractions from 0 to 1, times are seconds; null comes with a reason or with what is missing.
I-CSI, O-CSI, C-CSI and the factor 25 are this project's own method after a practitioner's article, not an industry
standard."""


class _Application(Flask):
    """Flask without asking on every request whether each of our functions is a coroutine: none is."""

    def ensure_sync(self, func: Any) -> Any:
        """Return the function itself."""
        return func


def create_app(services: Services) -> Flask:
    """Return the application that works with these services."""
    app = _Application("csi_service", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=services.settings.max_body_bytes,
        API_TITLE="Customer satisfaction indices",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {"description": _ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        },
    )
    watch(app)
    app.url_map.converters["set_name"] = SetName
    api = ProblemApi(app)
    auth.document_scheme(api)
    for blueprint in BLUEPRINTS:
        auth.register(api, blueprint(services))
    app.register_blueprint(docs.blueprint(api.document, services.settings.samples))
    auth.guard(app, services)
    app.after_request(_secure)
    return app


def _secure(response: Response) -> Response:
    headers = response.headers
    headers.add("X-Content-Type-Options", "nosniff")
    headers.add("Referrer-Policy", "no-referrer")
    if "Content-Security-Policy" not in headers:  # a page has its own
        headers.add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response
