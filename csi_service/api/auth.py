"""Who may call which route: `Authorization: Bearer KEY`, and the action that each route declares."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, g, request
from flask_smorest import Api, Blueprint
from werkzeug.exceptions import NotFound

from csi_service.access import ACTIONS, ROLES, Caller
from csi_service.api.problems import problem
from csi_service.core.told import Told
from csi_service.errors import NotAllowedError
from csi_service.services import Services
from csi_service.store.keys import KeyRing

View = TypeVar("View", bound=Callable[..., Any])
OPEN = frozenset(
    {"health.healthz", "health.readyz", "docs.openapi", "docs.home", "docs.docs", "docs.sample", "docs.static"}
)  # need no key
CHALLENGE = 'Bearer realm="csi"'
_SCHEME = "bearer"
_REFUSED = Told("Send a valid key as Authorization: Bearer KEY; it is made with csi key create.")


def requires(action: str) -> Callable[[View], View]:
    """Return a decorator that declares what a view's caller must be permitted to do; it stands next to the view."""
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is not in the table of actions")

    def declare(view: Any) -> Any:
        view._apidoc = {**getattr(view, "_apidoc", {}), "action": action}  # kept by flask-smorest's decorators
        return view

    return declare


def permit(caller: Caller, action: str) -> None:
    """Refuse a caller whose role does not permit an action; a view asks where only the body tells which one it is.

    Raises:
        NotAllowedError: it does not; the message names the roles that do.
    """
    if not caller.may(action):
        may = ", ".join(ACTIONS.get(action, ())) or Told("none")
        raise NotAllowedError(
            Told("a key of the role {role} may not do this; these roles may: {may}", role=caller.role, may=may)
        )


def guard(app: Flask, services: Services) -> None:
    """Let every request pass only with a key whose role permits what its route declares; `flask.g.caller` holds it.

    Raises:
        ValueError: a route declares nothing and is not open.
    """
    views = app.view_functions
    if undeclared := sorted(name for name, view in views.items() if name not in OPEN and not _action(view)):
        raise ValueError(f"routes that declare no action: {', '.join(undeclared)}; see csi_service/api/auth.py")
    ring = functools.cache(lambda: KeyRing(services.store().database))

    @app.before_request
    def check() -> Response | None:
        endpoint = request.endpoint
        if endpoint in OPEN:
            return None
        caller = ring().caller(_key(request.environ.get("HTTP_AUTHORIZATION", "")), services.now())
        if caller is None:
            refused = problem(401, _REFUSED)
            refused.headers["WWW-Authenticate"] = CHALLENGE
            return refused
        if endpoint is not None:  # None: no route fits, and the answer says so
            permit(caller, _action(views[endpoint]))
            if "\0" in request.path:  # nothing is called so, and PostgreSQL takes no such text
                raise NotFound
        g.caller = caller
        return None


def register(api: Api, blueprint: Blueprint) -> None:
    """Register a blueprint whose documentation tells who may call each route."""
    blueprint._prepare_doc_cbks.insert(0, _document)  # a private hook: flask-smorest is pinned below 0.48
    api.register_blueprint(blueprint)


def document_scheme(api: Api) -> None:
    """Document how a key is sent."""
    about = "A key as csi key create makes it."
    api.spec.components.security_scheme(_SCHEME, {"type": "http", "scheme": "bearer", "description": about})


def _document(doc: dict[str, Any], found: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to what a view's decorators have found: the scheme, the refusals, the roles."""
    texts = found.setdefault("manual_doc", {})
    texts["security"] = [{_SCHEME: []}] if "action" in found else []
    if "action" in found:
        answers = found.setdefault("response", {}).setdefault("responses", {})
        answers |= {401: ["UNAUTHORIZED"], 403: ["FORBIDDEN"]}
        roles = ACTIONS[found["action"]]
        may = "Any key may." if roles == ROLES else f"Roles: {', '.join(roles)}."
        texts["description"] = f"{texts.get('description', '')}\n\n{may}".strip()
    return doc


def _action(view: Any) -> str:
    """The action that a view declares; empty for none, which no role permits."""
    return str(getattr(view, "_apidoc", {}).get("action", ""))


def _key(header: str) -> str:
    """The key in an Authorization header; empty where there is none."""
    scheme, _, key = header.partition(" ")
    return key.strip(" ") if scheme.lower() == "bearer" else ""
