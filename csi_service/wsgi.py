"""The application for a WSGI server: `gunicorn csi_service.wsgi:app`, which `csi serve` runs."""

import gc
import logging
import platform
import sqlite3

import duckdb
from flask import Flask

import csi_service.report.readings
import csi_service.store.reading  # noqa: F401 - what scores need, pandas above all: loaded once for all workers
from csi_service import __version__, logs
from csi_service.app import create_app
from csi_service.services import Services, build_services
from csi_service.settings import load_settings
from csi_service.store.import_queue import recover
from csi_service.store.parts import sweep_unused
from csi_service.store.settle import settle_imports

_log = logging.getLogger(__name__)


def _start() -> tuple[Services, Flask]:
    """Open the data folder or refuse it now, before the first request, and clear up after processes that died."""
    settings = load_settings()
    logs.configure(settings.log_format, settings.log_level)
    services = build_services(settings)
    made = create_app(services)
    store = services.store()
    versions = {"csi": __version__, "python": platform.python_version(), "duckdb": duckdb.__version__}
    versions |= {"sqlite": sqlite3.sqlite_version, "database": store.database.url.get_backend_name()}
    _log.info("start", extra={**versions, "data": str(store.folder)})
    for line in recover(store, services.now):
        _log.warning(line)
    if settled := settle_imports(store, services.now()):
        _log.info("imports can be undone no more", extra={"imports": settled})
    if swept := sweep_unused(store):
        _log.info("files of calls that nothing needed any more were deleted", extra={"files": len(swept)})
    store.database.close()  # a connection must not be taken along into a worker: each opens its own
    return services, made


services, app = _start()
gc.set_threshold(10_000, 10, 10)  # of what a request makes little stands in circles
gc.freeze()  # what is loaded stays: workers share it, and neither they nor their end look through it again
