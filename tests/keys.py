"""Keys for the tests, and clients that send one with every request."""

import datetime as dt

from flask import Flask
from flask.testing import FlaskClient

from csi_service.services import Services
from csi_service.store.keys import create_key


def new_key(
    services: Services,
    role: str = "viewer",
    name: str = "",
    teams: tuple[str, ...] = (),
    agent: str | None = None,
    expires_at: dt.datetime | None = None,
) -> str:
    """Return the text of a new key; its name is the role's where none is given."""
    database, now = services.store().database, services.now()
    return create_key(database, name or role, role, "cli:tests", now, teams, agent, expires_at)[1]


def bearer(key: str) -> dict[str, str]:
    """Return the header that a key is sent in."""
    return {"Authorization": f"Bearer {key}"}


def keyed(app: Flask, key: str) -> FlaskClient:
    """Return a client that sends a key."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(key)["Authorization"]
    return client
