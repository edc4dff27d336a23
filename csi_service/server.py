"""gunicorn with sane settings: its argument list, the run in this process, and the switch of another command to it."""

import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from csi_service.core.told import Told
from csi_service.errors import SettingsError
from csi_service.settings import Settings, environment
from csi_service.store.import_books import hold, let_go

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "csi-metrics-"
_TRIES = 10  # three seconds: a service that is just being stopped lets go of its port


def arguments(settings: Settings) -> list[str]:
    """Return the options and the application with which gunicorn serves these settings."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    options = {
        "config": "python:csi_service.gunicorn_hooks",
        "bind": f"{host}:{settings.port}",
        "worker-class": "csi_service.gunicorn_hooks.PatientWorker",  # a slow client holds a thread, not a worker
        "workers": settings.workers,
        "threads": settings.threads,
        "timeout": 60,  # a worker that stopped answering its master is replaced
        "graceful-timeout": 30,  # what runs may end before a stop
        "keep-alive": 15,  # longer than most proxies' pause between two requests
        "backlog": 512,
        "limit-request-line": 4094,
        "limit-request-fields": 50,
        "limit-request-field_size": 8190,
        "forwarded-allow-ips": "127.0.0.1",  # X-Forwarded-* counts from a proxy on this machine only
        "log-level": settings.log_level,
    }
    # Without a control socket: two services of one user would share it. Loaded once, then forked: a quick start.
    flags = ["--no-control-socket", "--preload"]
    return [*(f"--{name}={value}" for name, value in options.items()), *flags, "csi_service.wsgi:app"]


def check_address(host: str, port: int) -> None:
    """Check that a service can listen here: gunicorn's own words about it stand in the log only, and name no way out.

    Raises:
        SettingsError: another program listens there, or the address is none of this machine.
    """
    for left in reversed(range(_TRIES)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does
            try:
                probe.bind((host, port))
                return
            except OSError as error:
                if not left:
                    text = Told(
                        "{host} port {port}: cannot be listened at ({reason}); stop what listens there, or choose "
                        "another port with --port (make run PORT=8111)",
                        host=host,
                        port=port,
                        reason=error.strerror,
                    )
                    raise SettingsError(text) from error
        time.sleep(0.3)


def run(settings: Settings) -> None:
    """Serve in this process and its workers until a signal ends it; gunicorn's own exit ends the process.

    Raises:
        CsiError: the settings, the data folder or the database cannot be used; nothing was served.
    """
    from gunicorn.app import wsgiapp

    if "LISTEN_FDS" not in os.environ:  # systemd's: it listens already, and hands its sockets over
        check_address(settings.host, settings.port)
    with _metrics_folder() as folder:
        os.environ.update(environment(settings) | {METRICS_FOLDER: folder})
        sys.argv = [str(Path(wsgiapp.__file__).parents[1] / "__main__.py"), *arguments(settings)]
        wsgiapp.run()


@contextlib.contextmanager
def _metrics_folder() -> Iterator[str]:
    """Yield an empty folder for the counts of all workers, gone at the end; those of killed services go now."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's
            if (handle := hold(left)) is not None:
                let_go(left, handle)
    made = Path(tempfile.mkdtemp(prefix=_PREFIX))
    handle, maker = hold(made), os.getpid()
    try:
        yield str(made)
    finally:
        if handle is not None and os.getpid() == maker:  # workers come by here too when they end
            let_go(made, handle)


def serve(settings: Settings) -> NoReturn:
    """Become `csi serve` with these settings: a fresh process, without what this one has loaded and opened."""
    command = [sys.executable, "-m", "csi_service", "serve"]
    os.execve(command[0], command, environment(settings))  # noqa: S606 - our own interpreter, no shell
