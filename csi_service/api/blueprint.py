"""The blueprint that all calculation routes share: strict bodies, documented answers."""

import http
from typing import Any

from flask_smorest import Blueprint

from csi_service.api.auth import requires
from csi_service.api.body import BodyReader

ERRORS = (400, 413, 415, 503)


class BodyBlueprint(Blueprint):
    """A blueprint whose bodies are read strictly."""

    ARGUMENTS_PARSER = BodyReader()

    def body(self, schema: Any, example: Any, answered: Any, **texts: str) -> Any:
        """Return a decorator that hands a view its loaded body, and documents it.

        flask-smorest's decorators each wrap the view and ask on every call whether it is a coroutine; here they only
        write the documentation, which is then put on the view itself.
        """

        def decorate(view: Any) -> Any:
            documented = self.response(200, answered)(view)
            for status in ERRORS:
                name = http.HTTPStatus(status).name  # Python 3.13 calls 413 and 422 otherwise than 3.12
                documented = self.alt_response(status, name)(documented)
            documented = self.doc(**texts)(self.arguments(schema, example=example)(documented))
            reader: Any = self.ARGUMENTS_PARSER.use_args(schema)(view)
            reader._apidoc = documented._apidoc
            return reader

        return decorate

    def calculation(self, name: str, schema: Any, answered: Any, example: Any, **texts: str) -> Any:
        """Return a decorator that routes POST /calculate/<name> to a view and documents it."""

        def decorate(view: Any) -> Any:
            reader = self.body(schema, example, answered, operationId=f"calculate_{name}", **texts)(
                requires("calculate")(view)
            )
            return self.route(f"/calculate/{name}", endpoint=name, methods=["POST"])(reader)

        return decorate
