"""gunicorn with sane settings: its argument list, and the switch to it."""

import os
import sys
from typing import NoReturn

from csi_service.settings import Settings, environment


def arguments(settings: Settings) -> list[str]:
    """Return the command line that serves the application with these settings."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    options = {
        "bind": f"{host}:{settings.port}",
        "worker-class": "gthread",  # a slow client holds a thread, not a worker
        "workers": settings.workers,
        "threads": settings.threads,
        "timeout": 60,  # a worker that stopped answering its master is replaced
        "graceful-timeout": 15,  # what runs may end before a stop
        "keep-alive": 15,  # longer than most proxies' pause between two requests
        "backlog": 512,
        "limit-request-line": 4094,
        "limit-request-fields": 50,
        "limit-request-field_size": 8190,
        "forwarded-allow-ips": "127.0.0.1",  # X-Forwarded-* counts from a proxy on this machine only
        "error-logfile": "-",
        "log-level": "info",
    }
    flags = ["--no-control-socket"]  # else two services of one user share a socket in its home
    pairs = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "gunicorn", *pairs, *flags, "csi_service.wsgi:app"]


def serve(settings: Settings) -> NoReturn:
    """Become gunicorn: the same process, so that signals and exit codes are its own."""
    command = arguments(settings)
    os.execve(command[0], command, environment(settings))  # noqa: S606 - our own interpreter, no shell
