"""GET /scores through gunicorn with 4 workers: a repeated query beside an empty Flask view, and queries asked first.

Two data folders, of the same 14 months and 1,000 agents, one with 100 times the calls of the other. Repeated: the empty
view and ours are driven in turn (A B A B ...) over kept-alive connections. First: each query is asked once, of the two
folders in turn; what counts is the processors' time as well as the clock's, for other work on the machine strikes the
clock. The folders are made anew unless --keep names where to leave them.

    python -m benchmarks.scores_api [--calls 100000] [--times 100] [--rounds 15] [--keep FOLDER] 2>/dev/null

2>/dev/null drops the log of the requests, which is written all the same.
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.made_store import FIRST, fill
from benchmarks.servers import Load, ask, compare, data_of, gunicorn
from benchmarks.timing import machine
from csi_service.core.periods import parse_period, spanning
from csi_service.services import build_services
from csi_service.settings import load_settings
from csi_service.store.folder import open_store
from csi_service.store.keys import create_key
from csi_service.store.reading import Query, read_scores

WORKERS = "4"
PATH = "/api/v1/scores?period=2026-03&by=team"
MONTHS = [f"2025-{month:02}" for month in range(9, 13)] + [f"2026-{month:02}" for month in range(1, 11)]
EMPTY = """
import flask

app = flask.Flask("empty")


@app.get("/api/v1/scores")
def scores():
    return {}
"""


def new_key(folder: str) -> str:
    """Return a viewer's key of a folder that may have been left from an earlier run."""
    services = build_services(load_settings({"CSI_DATA": data_of(folder)}))
    database, now = services.store().database, services.now()
    key = create_key(database, f"benchmark {now.timestamp()}", "viewer", "cli:benchmark", now)[1]
    database.close()
    return key


def get(port: int, path: str, key: str) -> bytes:
    """Return the bytes of one request."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {key}"]
    return "\r\n".join([*lines, "Accept-Encoding: gzip", "", ""]).encode()


def made(folder: Path, calls: int) -> str:
    """Make a data folder with its counters, unless it is there; return it."""
    data = Path(data_of(str(folder)))
    if not data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        store = open_store(data, "Asia/Shanghai")
        start = time.perf_counter()
        fill(store, calls)
        print(f"{calls:,} calls written in {time.perf_counter() - start:.1f} s", flush=True)
        services = build_services(load_settings({"CSI_DATA": str(data)}))
        start = time.perf_counter()
        read_scores(store, services.weights.all(), spanning(FIRST, parse_period(MONTHS[-1]).last), Query(), FIRST)
        print(f"counted in {time.perf_counter() - start:.1f} s", flush=True)
        store.database.close()
    return str(folder)


def repeated(folder: str, rounds: int, slices: int, connections: int) -> None:
    """Print the requests per second of a repeated query beside those of an empty view."""
    Path(folder, "empty_app.py").write_text(EMPTY, encoding="utf-8")
    key = new_key(folder)
    with gunicorn("empty_app:app", folder) as empty, gunicorn("csi_service.wsgi:app", folder) as ours:
        sent = {port: get(port, PATH, key) for port in (empty, ours)}
        compare(sent, connections, 50)  # warm-up
        ratios = []
        spent = [cpu_of(empty), cpu_of(ours)]
        answered = [0.0, 0.0]
        for number in range(1, rounds + 1):
            base, rate = compare(sent, connections, slices)
            ratios.append(rate / base)
            answered = [answered[0] + base, answered[1] + rate]
            print(f"{number:3}: empty {base:6.0f}/s, repeated {rate:6.0f}/s, ratio {ratios[-1]:.3f}", flush=True)
        spent = [cpu_of(empty) - spent[0], cpu_of(ours) - spent[1]]
    each = [seconds / (rates * slices * 0.1) for seconds, rates in zip(spent, answered, strict=True)]
    print(f"processors' time of a request: empty {each[0] * 1e6:.0f} us, repeated {each[1] * 1e6:.0f} us, "
          f"ratio {each[0] / each[1]:.3f}")  # fmt: skip
    print(f"repeated query: median ratio {statistics.median(ratios):.3f} (goal: at least 0.5)")


def cpu_of(port: int) -> float:
    """Return the seconds of the processors that the processes of a server have used, by its port's inode."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if f":{port}".encode() in stat.with_name("cmdline").read_bytes():
                fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def first(folders: dict[str, str]) -> None:
    """Print the time of queries that are asked for the first time, of the folders in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in folders}
    spent = dict.fromkeys(folders, 0.0)
    with contextlib.ExitStack() as stack:
        keys = {name: new_key(folder) for name, folder in folders.items()}
        ports = {
            name: stack.enter_context(gunicorn("csi_service.wsgi:app", folder)) for name, folder in folders.items()
        }
        loads = {name: Load(port, 16, get(port, PATH, keys[name])) for name, port in ports.items()}
        for load in loads.values():
            load.drive(3)  # every worker has loaded what it needs
            load.close()
        loads = {name: Load(port, 1, get(port, PATH, keys[name])) for name, port in ports.items()}
        before = {name: cpu_of(port) for name, port in ports.items()}
        for month in MONTHS:
            for by in ("team", "team,site", "site,team", "team&limit=999", "team&limit=998", "team&limit=997"):
                for name, load in loads.items():
                    sent = get(ports[name], f"/api/v1/scores?period={month}&by={by}", keys[name])
                    start = time.perf_counter()
                    head = ask(load.connections[0], sent)
                    seconds[name].append(time.perf_counter() - start)
                    if not head.startswith(b"HTTP/1.1 200"):
                        raise RuntimeError(head.decode())
        for name, port in ports.items():
            spent[name] = cpu_of(port) - before[name]
        for load in loads.values():
            load.close()
    for name, mine in seconds.items():
        cpu = spent[name] / len(mine)
        print(f"first query, {name}: p50 {statistics.median(mine) * 1000:.1f} ms, least {min(mine) * 1000:.1f} ms, "
              f"processors {cpu * 1000:.1f} ms (goal: p50 at most 50 ms)")  # fmt: skip
    few, many = seconds.values()
    ratio = statistics.median(b / a for a, b in zip(few, many, strict=True))
    print(f"median ratio of pairs {ratio:.2f}, of the processors' time {spent[name] / spent[next(iter(spent))]:.2f} "
          "(goal: at most 1.2)")  # fmt: skip


def main() -> None:
    """Make the folders and run both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=100, help="how many times the calls the other folder has")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slices", type=int, default=10, help="tenths of a second for each server in a round")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="where the data folders are made, and left")
    options = parser.parse_args()
    os.environ["CSI_WORKERS"] = WORKERS
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary)
        sizes = (options.calls, options.calls * options.times)
        folders = {f"{calls:,} calls": made(root / str(calls), calls) for calls in sizes}
        first(folders)
        repeated(next(iter(folders.values())), options.rounds, options.slices, options.connections)


if __name__ == "__main__":
    sys.exit(main())
