"""The application for a WSGI server: `gunicorn csi_service.wsgi:app`."""

from csi_service.app import create_app
from csi_service.services import build_services
from csi_service.settings import load_settings

app = create_app(build_services(load_settings()))
