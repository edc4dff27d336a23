"""Set-up of all tests."""

import dataclasses
import datetime as dt

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from csi_service.app import create_app
from csi_service.services import Services, build_services
from csi_service.settings import load_settings

# A busy machine is no fault of the code: no time limit for single examples.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture
def services() -> Services:
    """Return services with the default settings on a fixed day."""
    return dataclasses.replace(build_services(load_settings({})), today=lambda: dt.date(2026, 11, 24))


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
