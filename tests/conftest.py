"""Set-up of all tests."""

import dataclasses
import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from csi_service.app import create_app
from csi_service.services import Services, build_services
from csi_service.settings import load_settings
from csi_service.store.folder import Store, open_store
from tests.keys import keyed, new_key
from tests.postgresql import fresh_database, server

# A busy machine is no fault of the code: no time limit for single examples.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Yield services with the default settings, an empty data folder and a fixed day."""
    settings = load_settings({"CSI_DATA": str(tmp_path / "data")})
    made = dataclasses.replace(build_services(settings), today=lambda: dt.date(2026, 11, 24))
    yield made
    if settings.data.exists():
        made.store().database.close()


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty data folder to copy, which is quicker than to make one."""
    folder = tmp_path_factory.mktemp("migrated") / "data"
    open_store(folder, "Asia/Shanghai").database.close()
    return folder


@pytest.fixture
def viewer_key(services: Services, migrated: Path) -> str:
    """Return the key of a viewer."""
    if not services.settings.data.exists():
        shutil.copytree(migrated, services.settings.data)
    return new_key(services)


@pytest.fixture
def client(app: Flask, viewer_key: str) -> FlaskClient:
    """Return a client that sends the key of a viewer."""
    return keyed(app, viewer_key)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Yield the address of a PostgreSQL server that lives as long as the test run."""
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Yield an empty store, on each of the two databases in turn."""
    url = ""
    if request.param == "postgresql":
        url = fresh_database(request.getfixturevalue("postgresql_server"))
    made = open_store(tmp_path / "store", "Asia/Shanghai", url)
    yield made
    made.database.close()
