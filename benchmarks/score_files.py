"""`csi score` of one large CSV of calls by month and team, beside bare DuckDB and a straightforward pandas script.

Whole processes, start-up and exit included. The file (10 million calls, about 800 MB) is made once and kept in the
temporary folder. The references read the same file and count the same things:

- DuckDB: one SQL statement over `read_csv`, which trusts every cell and call number (goal: at most 2.0 x its time);
- DuckDB, distinct numbers: the same with `count(DISTINCT call_id)`, which only notices that a number stands twice;
- DuckDB, last row a number: the same over the last row of each call number, as our result is defined;
- pandas: `read_csv`, `to_datetime`, `groupby` (goal: we are 5 x faster).

The slow ones, the last two, run in the first rounds only.

    python -m benchmarks.score_files [--rows 10000000] [--rounds 5] [--slow-rounds 2] [--folder FOLDER]
"""

import argparse
import csv
import io
import subprocess
import tempfile
from pathlib import Path

import duckdb

from benchmarks.timing import CSI, PYTHON, machine, median_ratio, print_table, process, side_by_side

COUNTERS = """
    count(*) FILTER (answered = 'Y') AS answered,
    count(*) FILTER (answered = 'N') AS abandoned,
    count(wait_seconds) FILTER (answered = 'Y') AS timed,
    count(*) FILTER (answered = 'Y' AND wait_seconds <= 20) AS answered_in_time,
    count(*) FILTER (answered = 'N' AND wait_seconds <= 20) AS abandoned_in_time,
    count(*) FILTER (answered = 'N' AND wait_seconds < 0) AS short,
    count(talk_seconds + hold_seconds + wrap_seconds) FILTER (answered = 'Y') AS handled,
    sum(talk_seconds + hold_seconds + wrap_seconds) FILTER (answered = 'Y') AS handle_seconds,
    count(resolved) FILTER (answered = 'Y') AS flagged,
    count(*) FILTER (answered = 'Y' AND resolved = 'Y') AS resolved
"""
BARE = f"""
import sys, duckdb
db = duckdb.connect()
db.execute("SET enable_progress_bar = false")  # it would go to standard output
for row in db.execute('''
    SELECT strftime(date_trunc('month', started_at), '%Y-%m') AS month, team, {COUNTERS}
    FROM read_csv($file) GROUP BY ALL ORDER BY ALL''', {{"file": sys.argv[1]}}).fetchall():
    print(*row, sep=",")
"""
DISTINCT = BARE.replace("AS month, team,", "AS month, team, count(DISTINCT call_id) AS calls,")
NUMBERED = "SELECT *, row_number() OVER (PARTITION BY call_id ORDER BY started_at DESC) AS age FROM read_csv($file)"
LAST = BARE.replace("read_csv($file)", f"({NUMBERED}) WHERE age = 1")
PANDAS = """
import sys, pandas as pd
calls = pd.read_csv(sys.argv[1])
calls["month"] = pd.to_datetime(calls["started_at"]).dt.strftime("%Y-%m")
answered = calls["answered"] == "Y"
handle = calls["talk_seconds"] + calls["hold_seconds"] + calls["wrap_seconds"]
in_time = calls["wait_seconds"] <= 20
calls["is_answered"], calls["is_abandoned"] = answered, ~answered
calls["timed"] = answered & calls["wait_seconds"].notna()
calls["answered_in_time"], calls["abandoned_in_time"] = answered & in_time, ~answered & in_time
calls["short"] = ~answered & (calls["wait_seconds"] < 0)
calls["handled"], calls["handle_seconds"] = answered & handle.notna(), handle.where(answered)
calls["flagged"], calls["confirmed"] = answered & calls["resolved"].notna(), answered & (calls["resolved"] == "Y")
print(calls.groupby(["month", "team"])[[
    "is_answered", "is_abandoned", "timed", "answered_in_time", "abandoned_in_time", "short", "handled",
    "handle_seconds", "flagged", "confirmed"]].sum().to_csv())
"""


def make_file(folder: Path, rows: int) -> Path:
    """Return the file of calls, made once: 14 months, three sites, 12 teams, 160 agents, numbers without a pattern."""
    path = folder / f"csi-benchmark-calls-{rows}.csv"
    if not path.exists():
        print(f"Making {path} (once)", flush=True)
        part = path.with_suffix(".part")
        answered = "hash(i) % 100 >= 6"
        instant = f"TIMESTAMP '2025-01-01' + to_seconds((i * 36806400 // {rows})::BIGINT)"
        duckdb.execute(f"""
            COPY (SELECT
                'C' || lpad(i::VARCHAR, 9, '0') AS call_id,
                strftime({instant}, '%Y-%m-%d %H:%M:%S') AS started_at,
                CASE WHEN {answered} THEN 'Y' ELSE 'N' END AS answered,
                'S' || (hash(i, 1) % 3 + 1) AS site,
                'T' || lpad((hash(i, 2) % 12 + 1)::VARCHAR, 2, '0') AS team,
                'A' || lpad((hash(i, 3) % 160 + 1)::VARCHAR, 4, '0') AS agent,
                'Q' || (hash(i, 4) % 5 + 1) AS queue,
                'topic ' || (hash(i, 5) % 8) AS topic,
                'K' || (hash(i, 6) % 3000000) AS customer_id,
                (hash(i, 7) % 60)::INT AS wait_seconds,
                CASE WHEN {answered} THEN (hash(i, 8) % 400 + 20)::INT END AS talk_seconds,
                CASE WHEN {answered} THEN (hash(i, 9) % 60)::INT END AS hold_seconds,
                CASE WHEN {answered} THEN (hash(i, 10) % 90)::INT END AS wrap_seconds,
                CASE WHEN {answered} THEN CASE WHEN hash(i, 11) % 10 < 8 THEN 'Y' ELSE 'N' END END AS resolved
            FROM range({rows}) AS numbers(i)) TO '{part}' (FORMAT CSV, HEADER)""")
        part.rename(path)
    return path


def ours(path: Path) -> list[str]:
    return [CSI, "score", "--calls", str(path), "--grain", "month", "--by", "team", "--format", "csv"]


def printed(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compare(path: Path) -> str:
    """Say whether both count the same answered, in time, handled seconds and resolved calls in every group."""
    bare = {(row[0], row[1]): row for row in csv.reader(io.StringIO(printed(PYTHON, "-c", BARE, str(path))))}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in csv.DictReader(io.StringIO(printed(*ours(path)))):
        group = found.setdefault((row["period"], row["team"]), {})
        group[row["node"]] = float(row["numerator"] or "nan")
        group["answered"] = float(row["n"]) if row["node"] == "csi.internal.aht" else group.get("answered", 0.0)
    nodes = {"answered": 2, "csi.internal.sla": 5, "csi.internal.aht": 9, "csi.internal.fcr": 11}
    differ = [
        key
        for key in bare.keys() | found.keys()
        if key not in bare
        or key not in found
        or any(found[key][node] != float(bare[key][at]) for node, at in nodes.items())
    ]
    return f"{len(bare)} groups, counts differ in {len(differ)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow-rounds", type=int, default=2, help="rounds in which the slow references run")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    path = make_file(options.folder, options.rows)
    print(f"csi score, {options.rows:,} calls by month and team; {machine()}")
    print(compare(path), flush=True)  # the file is in the page cache from here on
    works = {
        "DuckDB": lambda: process(PYTHON, "-c", BARE, str(path)),
        "csi score": lambda: process(*ours(path)),
        "DuckDB, distinct numbers": lambda: process(PYTHON, "-c", DISTINCT, str(path)),
        "DuckDB, last row a number": lambda: process(PYTHON, "-c", LAST, str(path)),
        "pandas": lambda: process(PYTHON, "-c", PANDAS, str(path)),
    }
    slow = dict.fromkeys(list(works)[3:], options.slow_rounds)
    runs = {name: found for name, found in side_by_side(works, options.rounds, slow).items() if found}
    print_table(runs, "DuckDB")
    for name in list(runs)[2:]:
        print(f"csi score / {name}: {median_ratio(runs['csi score'], runs[name]):.2f}")
    print("Goals: csi score at most 2.0 x DuckDB, at most 0.2 x pandas, peak at most 1,536 MiB")


if __name__ == "__main__":
    main()
