"""Ratings: 1,000 submissions from 20 raters at once, and the rollup of a million ratings by team.

Submissions go through gunicorn with 4 workers, each rater with a key and a connection of their own, who has looked at
the own ratings before; one in five changes the rater's mind about a call. Afterwards every rating must be there once,
as its rater sent it last, and the audit trail must have each. The rollup is timed as it is first asked for (the days
are counted then) and from the counters, beside DuckDB and SQLite counting the same level shares from the bare rows; a
repeated one over HTTP beside an empty Flask view, driven in turn (A B A B ...).

    python -m benchmarks.ratings [--submissions 1000] [--ratings 1000000] [--rounds 9] 2>/dev/null
"""

import argparse
import datetime as dt
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from benchmarks.made_store import fill
from benchmarks.servers import ask, compare, data_of, gunicorn
from benchmarks.timing import Run, inside, machine, print_table, side_by_side
from csi_service.core.levels import LEVELS
from csi_service.core.periods import parse_period
from csi_service.facts.kinds import KINDS
from csi_service.records.database import chunks, next_revision, upsert
from csi_service.records.tables import AUDIT, RECORDS
from csi_service.services import Services, build_services
from csi_service.settings import load_settings
from csi_service.store.evaluations import Wanted, list_evaluations
from csi_service.store.keys import create_key
from csi_service.store.rating_shares import read_rating_shares
from csi_service.store.reading import Query
from csi_service.store.writes import hold_fields, mark_days

RATERS, TEAMS, DAYS = 20, 40, 30
MONTH = "2026-09"
ROLLUP = f"/api/v1/ratings/rollup?period={MONTH}&by=team"
_BLANK = {field.name: None for field in KINDS["evaluations"].fields}
EMPTY = """
import flask

app = flask.Flask("empty")


@app.get("/api/v1/ratings/rollup")
def rollup():
    return {}
"""
# What both engines count: of each rater the newest rating of a call, calls that several rated in equal parts.
BARE = """
    WITH newest AS (
        SELECT *, row_number() OVER (
            PARTITION BY call_id, batch, rater ORDER BY evaluated_at DESC, evaluation_id DESC
        ) AS place
        FROM evaluations WHERE rating IS NOT NULL AND day BETWEEN '2026-09-01' AND '2026-09-30'
    ),
    shared AS (SELECT *, 1.0 / count(*) OVER (PARTITION BY call_id, batch) AS share FROM newest WHERE place = 1)
    SELECT team, batch,
        sum(CASE WHEN rating = 1 THEN share ELSE 0 END), sum(CASE WHEN rating = 2 THEN share ELSE 0 END),
        sum(CASE WHEN rating = 3 THEN share ELSE 0 END), sum(CASE WHEN rating = 4 THEN share ELSE 0 END),
        sum(CASE WHEN rating = 5 THEN share ELSE 0 END), count(DISTINCT rater)
    FROM shared GROUP BY team, batch ORDER BY team, batch
"""


def services_of(folder: str) -> Services:
    """Return the services of a benchmark's folder."""
    return build_services(load_settings({**os.environ, "CSI_DATA": data_of(folder)}))


def key_of(services: Services, name: str, role: str) -> str:
    """Return the text of a new key."""
    return create_key(services.store().database, name, role, "cli:benchmark", services.now())[1]


# --- submissions


def post(port: int, key: str, rating: dict[str, object]) -> bytes:
    """Return the bytes of a request that sends a rating."""
    body = json.dumps(rating).encode()
    lines = ["POST /api/v1/ratings HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {key}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def look(port: int, key: str) -> bytes:
    """Return the bytes of a request for the rater's own ratings, which comes before the first submission."""
    lines = ["GET /api/v1/ratings?limit=1 HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {key}", "", ""]
    return "\r\n".join(lines).encode()


def ratings_of(rater: int, count: int) -> list[dict[str, object]]:
    """Return a rater's ratings in the order in which they are sent: one in five is of a call rated before."""
    fresh = count - count // 5
    calls = [rater * fresh + number for number in (*range(fresh), *range(count // 5))]
    return [{"call_id": f"C{call:09}", "rating": (call + place) % 5 + 1} for place, call in enumerate(calls)]


def submit(folder: str, submissions: int) -> None:
    """Send the ratings, check that none is lost or there twice, and print how long they took."""
    services = services_of(folder)
    fill(services.store(), 426 * 100)
    keys = [key_of(services, f"rater {rater}", "rater") for rater in range(RATERS)]
    each = submissions // RATERS
    seconds: list[float] = []
    ready = threading.Barrier(RATERS + 1)

    def rate(port: int, rater: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            ask(connection, look(port, keys[rater]))
            ready.wait()
            for rating in ratings_of(rater, each):
                start = time.perf_counter()
                head = ask(connection, post(port, keys[rater], rating))
                seconds.append(time.perf_counter() - start)
                if not head.startswith((b"HTTP/1.1 201", b"HTTP/1.1 200")):
                    raise RuntimeError(head.decode())

    with gunicorn("csi_service.wsgi:app", folder) as port:
        threads = [threading.Thread(target=rate, args=(port, rater)) for rater in range(RATERS)]
        for thread in threads:
            thread.start()
        ready.wait()
        start = time.perf_counter()
        for thread in threads:
            thread.join()
        whole = time.perf_counter() - start
    check(services, each)
    seconds.sort()
    p50, p99 = statistics.median(seconds), seconds[int(len(seconds) * 0.99) - 1]
    print(f"{len(seconds)} submissions in {whole:.1f} s ({len(seconds) / whole:.0f}/s): p50 {p50 * 1000:.1f} ms, p99 "
          f"{p99 * 1000:.1f} ms, ratio {p99 / p50:.2f} (goal: at most 5)")  # fmt: skip


def check(services: Services, each: int) -> None:
    """Make sure that every rating stands there once as it was sent last, and each submission in the audit trail."""
    store = services.store()
    wanted = {
        (f"rater {rater}", rating["call_id"]): rating["rating"]
        for rater in range(RATERS)
        for rating in ratings_of(rater, each)
    }
    rows = []
    for rater in range(RATERS):
        found, cursor = list_evaluations(store, Wanted(rater=f"rater {rater}", rated=True), None, limit=1000)
        rows += [((kept.record["rater"], kept.record["call_id"]), kept.record["rating"]) for kept in found]
        if cursor is not None:
            raise RuntimeError("more ratings than were sent")
    with store.database.reading() as connection:
        noted = connection.execute(
            sa.select(sa.func.count()).select_from(AUDIT).where(AUDIT.c.kind == "evaluations")
        ).scalar_one()
    store.database.close()
    if dict(rows) != wanted or len(rows) != len(wanted) or noted != each * RATERS:
        raise RuntimeError(f"{len(rows)} ratings of {len(wanted)}, {noted} changes noted of {each * RATERS}")
    print(f"{len(rows)} ratings, each once and as sent last; {noted} changes in the audit trail")


# --- the rollup


def fill_ratings(services: Services, count: int) -> None:
    """Put ratings of a month into their table: 40 teams, 21 raters, two batches, one call in ten rated twice."""
    first = parse_period(MONTH).first
    with services.store().database.writing() as connection:
        revision = next_revision(connection)
        batches = [
            dict.fromkeys(RECORDS["batches"].c.keys())
            | {"batch": batch, "period": MONTH, "population": population, "revision": revision}
            for batch, population in (("A", 9000.0), ("B", 1000.0))
        ]
        upsert(connection, RECORDS["batches"], batches)
        for numbers in chunks(range(count), 10_000):
            upsert(connection, RECORDS["evaluations"], [row(number, first, revision) for number in numbers])
        mark_days(connection, "evaluations", [first + dt.timedelta(days=day) for day in range(DAYS)], revision)
        hold_fields(connection, "evaluations", ["rating", "batch", "rater", "team"])


def row(number: int, first: dt.date, revision: int) -> dict[str, object]:
    """Return the rating of a number."""
    call = number - number % 10 + min(number % 10, 8)
    day = first + dt.timedelta(days=call % DAYS)
    known = {"evaluation_id": f"E{number:09}", "call_id": f"K{call:09}", "rating": number * 7 % 13 % 5 + 1}
    known |= {"rater": f"rater {number % 21}", "batch": "AB"[call % 2], "team": f"T{call % TEAMS:02}"}
    at = dt.datetime.combine(day, dt.time(4))
    return _BLANK | known | {"evaluated_at": at, "day": day, "import_id": None, "revision": revision}


def roll_up(folder: str, count: int, rounds: int) -> None:
    """Print the rollup's time beside the bare aggregations, after checking that all give the same counts."""
    services = services_of(folder)
    store, sets = services.store(), services.weights.all()
    start = time.perf_counter()
    fill_ratings(services, count)
    print(f"{count:,} ratings written in {time.perf_counter() - start:.1f} s", flush=True)
    bare = duckdb.connect()
    with store.database.reading() as connection:
        table = RECORDS["evaluations"]
        names = ["evaluation_id", "call_id", "evaluated_at", "rating", "batch", "rater", "team", "day"]
        rows = connection.execute(sa.select(*(table.c[name] for name in names))).fetchall()
    taken = pa.table({name: pa.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})
    bare.execute("CREATE TABLE evaluations AS SELECT * FROM taken")
    del rows, taken

    def ours() -> dict[str, float]:
        found = read_rating_shares(store, sets, parse_period(MONTH), Query(("team",)), services.today())
        return {level: float(part.value[0]) for level, part in zip(LEVELS, found.random.total.children, strict=True)}

    def sqlite() -> list[tuple[object, ...]]:
        with store.database.reading() as connection:
            return [tuple(each) for each in connection.exec_driver_sql(BARE)]

    start = time.perf_counter()
    ours()
    print(f"first rollup, the {DAYS} days counted: {time.perf_counter() - start:.1f} s", flush=True)
    same(ours(), bare.execute(BARE).fetchall(), sqlite())
    works = {
        "DuckDB, bare rows in memory": lambda: inside(lambda: bare.execute(BARE).fetchall()),
        "rollup from the counters": lambda: inside(ours),
        "SQLite, bare rows": lambda: inside(sqlite),
    }
    runs: dict[str, list[Run]] = side_by_side(works, rounds, {"SQLite, bare rows": 1})
    print_table(runs, "DuckDB, bare rows in memory")
    print("goal: the rollup at most 3 x the bare aggregation")
    store.database.close()


def same(shares: dict[str, float], *counted: list[tuple[object, ...]]) -> None:
    """Make sure that the engines' counts give the shares, each batch weighing its population."""
    for rows in counted:
        for place, level in enumerate(LEVELS, 2):
            share = 0.0
            for batch, weight in (("A", 0.9), ("B", 0.1)):
                of_batch = [each for each in rows if each[1] == batch]
                share += weight * sum(each[place] for each in of_batch) / sum(sum(each[2:7]) for each in of_batch)
            if abs(share - shares[level]) > 1e-9:
                raise RuntimeError(f"{level}: {shares[level]}, bare {share}")


def asking(port: int, key: str) -> bytes:
    """Return the bytes of a request for the rollup."""
    lines = [f"GET {ROLLUP} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {key}"]
    return "\r\n".join([*lines, "Accept-Encoding: gzip", "", ""]).encode()


def repeat(folder: str, rounds: int) -> None:
    """Print the requests per second of a repeated rollup beside those of an empty view."""
    Path(folder, "empty_app.py").write_text(EMPTY, encoding="utf-8")
    services = services_of(folder)
    key = key_of(services, "reader", "viewer")
    services.store().database.close()
    ratios = []
    with gunicorn("empty_app:app", folder) as empty, gunicorn("csi_service.wsgi:app", folder) as ours:
        sent = {port: asking(port, key) for port in (empty, ours)}
        compare(sent, 8, 30)  # warm-up
        for number in range(1, rounds + 1):
            base, rate = compare(sent, 8, 10)
            ratios.append(rate / base)
            print(f"{number:3}: empty {base:6.0f}/s, rollup {rate:6.0f}/s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"repeated rollup: median ratio {statistics.median(ratios):.3f} (goal: at least 0.5)")


def main() -> None:
    """Run the three parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    os.environ["CSI_WORKERS"] = "4"
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        submit(folder, options.submissions)
    with tempfile.TemporaryDirectory() as folder:
        roll_up(folder, options.ratings, options.rounds)
        repeat(folder, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
