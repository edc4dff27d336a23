"""How long `csi serve` takes from its start to its first answer: of /readyz, and of /api/v1/scores of a month by team.

The data folder holds calls of 14 months in a file a day, made up, with their counters; each start finds nothing in the
process's memory. The reference is the import of the two libraries that the service cannot do without.

    python -m benchmarks.start_server [--calls 10000000] [--workers 4] [--rounds 7]
"""

import argparse
import contextlib
import datetime as dt
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import PYTHON, Run, machine, print_table, process, side_by_side
from csi_service.facts.duck import literal, workspace
from csi_service.facts.kinds import DIMENSIONS
from csi_service.facts.partitions import COLUMNS, write_part
from csi_service.records.database import next_revision
from csi_service.services import Services, build_services
from csi_service.settings import environment, load_settings
from csi_service.store.folder import CALLS_LOCK, Store
from csi_service.store.keys import create_key
from csi_service.store.parts import switch
from csi_service.store.writes import hold_fields

FIRST, DAYS, PORT = dt.date(2025, 1, 1), 425, 18_765
GOAL_SECONDS = 1.5
_MADE = {  # a call's fields out of its number i and its day
    "call_id": "day::VARCHAR || '-' || i",
    "started_at": "day::TIMESTAMP + to_seconds(i % 50000)",
    "site": "'S' || i % 3",
    "team": "'T' || i % 12",
    "agent": "'A' || i % 1000",
    "queue": "'Q' || i % 5",
    "channel": "'phone'",
    "topic": "'topic ' || i % 20",
    "answered": "i % 11 > 0",
    "wait_seconds": "i % 40",
    "talk_seconds": "CASE WHEN i % 11 > 0 THEN 60 + i % 300 END",
    "wrap_seconds": "CASE WHEN i % 11 > 0 THEN i % 30 END",
    "resolved": "CASE WHEN i % 11 > 0 THEN i % 5 > 0 END",
}


def fill(store: Store, calls: int) -> None:
    """Put made-up calls into a file a day."""
    others = [(name, type_) for name, type_ in COLUMNS.items() if name != "day"]
    columns = ", ".join(f"CAST({_MADE.get(name, 'NULL')} AS {type_}) AS {name}" for name, type_ in others)
    with workspace() as (duck, _), store.lock(CALLS_LOCK):
        made = {}
        for day in (FIRST + dt.timedelta(days=number) for number in range(DAYS)):
            numbers = f"(SELECT range AS i, DATE {literal(str(day))} AS day FROM range({calls // DAYS}))"
            query = f"SELECT {', '.join(COLUMNS)} FROM (SELECT {columns}, day FROM {numbers})"
            made[day] = write_part(duck, query, store.calls, day, "made")
        names = ("call_id", *DIMENSIONS)
        duck.execute(f"CREATE TEMP TABLE none ({', '.join(f'{name} VARCHAR' for name in names)})")
        with store.database.writing() as connection:
            switch(connection, duck, made, "none", next_revision(connection))
            hold_fields(connection, "calls", _MADE)


@contextlib.contextmanager
def serving(services: Services):
    """Start `csi serve`; end it."""
    server = subprocess.Popen(
        [sys.executable, "-m", "csi_service", "serve"], env=environment(services.settings), stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def first_answer(services: Services, key: str, path: str) -> Run:
    """Time from the start to the answer, asked for every 10 milliseconds."""
    start = time.perf_counter()
    with serving(services):
        while time.perf_counter() - start < 60:
            with (
                contextlib.suppress(OSError),
                contextlib.closing(http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)) as connection,
            ):
                connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    return Run(time.perf_counter() - start)
                raise RuntimeError(f"{path} was answered with {answer.status}")
            time.sleep(0.01)
    raise RuntimeError("the server did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(f"start of the service; {machine()}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed service is compiled once, not at each start
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder, "compiled"))
        given = {"CSI_DATA": str(Path(folder, "data")), "CSI_PORT": str(PORT), "CSI_WORKERS": str(options.workers)}
        services = build_services(load_settings(os.environ | given))
        fill(services.store(), options.calls)
        now = services.now()
        key = create_key(services.store().database, "board", "viewer", "cli:benchmark", now, (), None, None)[1]
        services.store().database.close()
        scores = "/api/v1/scores?period=2025-06&by=team"
        counting = first_answer(services, key, scores)
        print(f"{options.calls:,} calls; with the month's counters still to be made: {counting.seconds:.3f} s")
        works = {
            "import duckdb, pandas": lambda: process(PYTHON, "-c", "import duckdb, pandas"),
            "start to GET /readyz": lambda: first_answer(services, key, "/readyz"),
            "start to GET /api/v1/scores": lambda: first_answer(services, key, scores),
        }
        print_table(side_by_side(works, options.rounds), "import duckdb, pandas")
    print(f"Goal: the first answer of /api/v1/scores under {GOAL_SECONDS} s")


if __name__ == "__main__":
    main()
