"""Who may call what: every operation of the OpenAPI document, with every kind of key and without one."""

import datetime as dt
import re
import time

import pytest

from csi_service.access import ACTIONS, ROLES
from csi_service.api.auth import OPEN, requires
from csi_service.app import create_app
from csi_service.services import build_services
from csi_service.settings import load_settings
from csi_service.store.keys import create_key, revoke_key
from tests.api.ask import COMPOSITE, PROBLEM
from tests.keys import bearer, keyed, new_key

OPEN_PATHS = {"/healthz", "/readyz"}
WORTHLESS = (
    "missing",
    "empty",
    "malformed",
    "unknown",
    "wrong secret",
    "expired",
    "revoked",
    "basic",
    "no scheme",
    "doubled",
)


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    made = build_services(load_settings({"CSI_DATA": str(tmp_path_factory.mktemp("auth"))}))
    yield made
    made.store().database.close()


@pytest.fixture(scope="module")
def app(services):
    return create_app(services)


@pytest.fixture(scope="module")
def keys(services):
    return {role: new_key(services, role) for role in ROLES}


@pytest.fixture(scope="module")
def worthless(services, keys):
    """Headers that let nobody in."""
    database, now = services.store().database, services.now()
    yesterday = now - dt.timedelta(days=1)
    _, expired = create_key(database, "expired", "admin", "x", yesterday, expires_at=yesterday + dt.timedelta(hours=1))
    revoked = new_key(services, "admin", "revoked")
    revoke_key(database, "revoked", "x", now)
    good = keys["admin"]
    found = {
        "missing": {},
        "empty": {"Authorization": ""},
        "malformed": bearer("1234"),
        "unknown": bearer(f"csi_0123456789_{'A' * 43}"),
        "wrong secret": bearer(good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")),
        "expired": bearer(expired),
        "revoked": bearer(revoked),
        "basic": {"Authorization": f"Basic {good}"},
        "no scheme": {"Authorization": good},
        "doubled": {"Authorization": f"Bearer {good}, Bearer {good}"},
    }
    assert tuple(found) == WORTHLESS
    return found


@pytest.fixture(scope="module")
def operations(app):
    """Method, path that can be asked for, endpoint and documentation of each operation."""
    document = app.test_client().get("/openapi.json").json
    endpoints = {
        (re.sub(r"<(?:[^<>]*:)?([^<>:]+)>", r"{\1}", rule.rule), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods
    }
    found = []
    for path, listed in document["paths"].items():
        schemas = {each["name"]: each["schema"] for each in listed.get("parameters", []) if each["in"] == "path"}
        asked = path.format_map({name: schema.get("enum", ["1"])[0] for name, schema in schemas.items()})
        found += [(method, asked, endpoints[path, method], listed[method]) for method in listed.keys() - {"parameters"}]
    return found


def action_of(app, endpoint):
    return app.view_functions[endpoint]._apidoc["action"]


def closed(operations):
    return [each for each in operations if each[1] not in OPEN_PATHS]


def test_every_route_of_the_service_is_in_the_matrix(app, operations):
    documented = {endpoint for _, _, endpoint, _ in operations}
    undocumented = set(app.view_functions) - documented
    assert undocumented == {"docs.openapi", "docs.home", "docs.docs", "docs.static", "docs.sample"} <= OPEN
    assert OPEN - undocumented == {"health.healthz", "health.readyz"}
    assert app.test_client().get("/docs/samples/report.html").status_code == 404  # unless a setting names a folder
    assert len(operations) >= 11


@pytest.mark.parametrize("which", WORTHLESS)
def test_no_operation_is_open_to_one_without_a_valid_key(app, operations, worthless, which):
    answers = set()
    for method, path, _, _ in closed(operations):
        answer = app.test_client().open(path, method=method.upper(), headers=worthless[which])
        assert (answer.status_code, answer.content_type) == (401, PROBLEM), (method, path)
        answers.add((answer.text, answer.headers["WWW-Authenticate"]))
    nothing = app.test_client().get("/api/v1/key")
    assert answers == {(nothing.text, 'Bearer realm="csi"')}  # nobody learns why


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_call_what_the_table_permits(app, operations, keys, role):
    for method, path, endpoint, _ in closed(operations):
        answer = app.test_client().open(path, method=method.upper(), headers=bearer(keys[role]))
        if role in ACTIONS[action_of(app, endpoint)]:
            assert answer.status_code not in (401, 403, 500), (method, path)
        else:
            assert (answer.status_code, answer.content_type) == (403, PROBLEM), (method, path)
            assert f"role {role} may not" in answer.json["detail"]


def test_the_document_tells_how_to_authorise_and_who_may(app, operations):
    document = app.test_client().get("/openapi.json").json
    scheme = document["components"]["securitySchemes"]["bearer"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for _, path, endpoint, told in operations:
        if path in OPEN_PATHS:
            assert told["security"] == []
            assert "401" not in told["responses"]
            continue
        assert told["security"] == [{"bearer": []}]
        assert {"401", "403"} <= told["responses"].keys()
        roles = ACTIONS[action_of(app, endpoint)]
        assert told["description"].endswith("Any key may." if roles == ROLES else f"Roles: {', '.join(roles)}.")
    for name in ("UNAUTHORIZED", "FORBIDDEN"):
        assert PROBLEM in document["components"]["responses"][name]["content"]


def test_what_is_open_needs_no_key_and_minds_no_wrong_one(app, worthless):
    for path in (*OPEN_PATHS, "/openapi.json", "/docs", "/docs/static/docs.css"):
        for headers in worthless.values():
            assert app.test_client().get(path, headers=headers, buffered=True).status_code == 200


def test_what_is_not_there_is_told_to_holders_of_a_key_only(app, keys):
    for path, status in (("/api/v2/x", 404), ("/nothing", 404), ("/api/v1/calculate/internal", 405)):
        assert app.test_client().get(path).status_code == 401
        assert app.test_client().get(path, headers=bearer(keys["viewer"])).status_code == status


def test_head_and_options_need_a_key_as_well(app, keys):
    for method in ("HEAD", "OPTIONS"):
        assert app.test_client().open("/api/v1/audit", method=method).status_code == 401
        assert app.test_client().open("/api/v1/audit", method=method, headers=bearer(keys["lead"])).status_code == 403
        assert app.test_client().open("/api/v1/audit", method=method, headers=bearer(keys["admin"])).status_code == 200


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}", "Bearer {} "])
def test_the_scheme_s_name_may_be_written_in_any_case(app, keys, header):
    headers = {"Authorization": header.format(keys["viewer"])}
    assert app.test_client().get("/api/v1/key", headers=headers).status_code == 200


@pytest.mark.parametrize("place", ["?key={}", "?access_token={}", "?Authorization=Bearer%20{}"])
def test_a_key_in_the_address_counts_for_nothing(app, keys, place):
    assert app.test_client().get("/api/v1/key" + place.format(keys["viewer"])).status_code == 401


def test_a_body_is_not_read_before_the_key(app):
    assert app.test_client().post("/api/v1/calculate/composite", data=b"{" * 100).status_code == 401


def test_a_revoked_key_is_refused_after_a_twentieth_of_a_second(app, services):
    client = keyed(app, new_key(services, "analyst", "soon gone"))
    assert client.post("/api/v1/calculate/composite", json=COMPOSITE).status_code == 200
    revoke_key(services.store().database, "soon gone", "x", services.now())
    time.sleep(0.05)
    assert client.post("/api/v1/calculate/composite", json=COMPOSITE).status_code == 401


def test_a_caller_is_told_of_their_own_key(app, services):
    end = dt.datetime(2199, 2, 1, tzinfo=dt.UTC)
    key = new_key(services, "rater", "李娜", teams=("B", "A"), agent="17", expires_at=end)
    assert keyed(app, key).get("/api/v1/key").json == {
        "name": "李娜",
        "prefix": key[:14],
        "role": "rater",
        "teams": ["A", "B"],
        "agent": "17",
        "expires_at": "2199-02-01T00:00:00+00:00",
    }


def test_a_key_without_limits_says_so(app, keys):
    answer = keyed(app, keys["viewer"]).get("/api/v1/key").json
    assert (answer["teams"], answer["agent"], answer["expires_at"]) == (None, None, None)


# --- the build


def test_a_route_that_declares_nothing_fails_the_build(services, monkeypatch):
    from flask_smorest import Blueprint

    from csi_service import app as application

    def careless(services):
        found = Blueprint("careless", __name__, url_prefix="/api/v1/careless")

        @found.route("", methods=["GET"])
        def view():
            return {}

        return found

    monkeypatch.setattr(application, "BLUEPRINTS", (*application.BLUEPRINTS, careless))
    with pytest.raises(ValueError, match=r"careless\.view"):
        create_app(services)


def test_a_route_added_later_is_denied_to_all(services, keys):
    app = create_app(services)
    app.add_url_rule("/later", view_func=lambda: "open", endpoint="later")
    assert app.test_client().get("/later").status_code == 401
    assert app.test_client().get("/later", headers=bearer(keys["admin"])).status_code == 403


def test_an_action_that_is_not_in_the_table_cannot_be_declared():
    with pytest.raises(ValueError, match=r"'audit\.writ'"):
        requires("audit.writ")
