"""`csi import` of a large CSV of calls into an empty data folder, to the first score by month and team out of it.

Beside bare DuckDB that turns the same CSV into Parquet, partitioned by day, and counts the same by month and team.
Whole processes: for us the import and one that scores; for DuckDB one that does both. DuckDB trusts every cell and call
number; it has no memory limit here, we have our own. What both count is compared first.

    python -m benchmarks.import_calls [--rows 10000000] [--rounds 3] [--folder FOLDER]
"""

import argparse
import csv
import io
import shutil
import tempfile
from pathlib import Path

from benchmarks.score_files import COUNTERS, make_file, printed
from benchmarks.timing import CSI, PYTHON, Run, machine, median_ratio, print_table, process, side_by_side

BARE = f"""
import sys, duckdb
file, folder = sys.argv[1:]
db = duckdb.connect()
db.execute("SET enable_progress_bar = false")
db.execute(f'''COPY (SELECT *, CAST(started_at AS DATE) AS day FROM read_csv('{{file}}')) TO '{{folder}}'
    (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day), WRITE_PARTITION_COLUMNS true)''')
for row in db.execute(f'''
    SELECT strftime(date_trunc('month', started_at), '%Y-%m') AS month, team, {COUNTERS}
    FROM read_parquet('{{folder}}/*/*.parquet', hive_partitioning = false) GROUP BY ALL ORDER BY ALL''').fetchall():
    print(*row, sep=",")
"""
SCORE = """
import datetime as dt, sys
from pathlib import Path
from csi_service.core.periods import parse_period
from csi_service.scoring import Request, score_facts
from csi_service.services import build_services
from csi_service.settings import load_settings
from csi_service.store.facts import open_facts
services = build_services(load_settings({"CSI_DATA": sys.argv[1]}))
span = parse_period("2025-01-01..2026-03-31")
facts = open_facts(services.store(), span, ("team",), {})
request = Request(period=span, grain="month", keys=("team",))
table = score_facts(facts, services.weights.all(), request, dt.date(2026, 11, 24)).table()
for row in table[table["node"] == "csi.internal.sla"].to_dict("records"):
    print(row["period"], row["team"], row["numerator"], row["denominator"], sep=",")
services.store().database.close()
"""


def bare(path: Path, folder: Path) -> Run:
    shutil.rmtree(folder, ignore_errors=True)
    return process(PYTHON, "-c", BARE, str(path), str(folder))


def imported(path: Path, folder: Path) -> Run:
    shutil.rmtree(folder, ignore_errors=True)
    return process(CSI, "import", "calls", str(path), "--data", str(folder))


def scored(folder: Path) -> Run:
    return process(PYTHON, "-c", SCORE, str(folder))


def together(*runs: Run) -> Run:
    return Run(sum(run.seconds for run in runs), sum(run.cpu for run in runs), max(run.peak_mib for run in runs))


def compare(path: Path, folder: Path) -> str:
    """Say whether both count the same calls within 20 seconds in every month and team, and as many of them."""
    theirs, ours = folder / "bare", folder / "data"
    imported(path, ours)
    shutil.rmtree(theirs, ignore_errors=True)
    rows = csv.reader(io.StringIO(printed(PYTHON, "-c", BARE, str(path), str(theirs))))
    # answered in time; all answered with a wait, and the abandoned ones
    bare = {(row[0], row[1]): (float(row[5]), float(row[4]) + float(row[3])) for row in rows}
    found = {
        (row[0], row[1]): (float(row[2]), float(row[3]))
        for row in csv.reader(io.StringIO(printed(PYTHON, "-c", SCORE, str(ours))))
    }
    return f"{len(bare)} groups, counts differ in {sum(bare.get(key) != found.get(key) for key in bare | found)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    path = make_file(options.folder, options.rows)
    print(f"import, {options.rows:,} calls; {machine()}")
    with tempfile.TemporaryDirectory(prefix="csi-benchmark-", dir=options.folder) as name:
        folder = Path(name)
        print(compare(path, folder), flush=True)  # the file is in the page cache from here on
        runs = side_by_side(
            {
                "DuckDB": lambda: bare(path, folder / "bare"),
                "csi import": lambda: imported(path, folder / "data"),
                "first score": lambda: scored(folder / "data"),
            },
            options.rounds,
        )
    runs["csi, to the first score"] = [
        together(*pair) for pair in zip(runs["csi import"], runs["first score"], strict=True)
    ]
    print_table(runs, "DuckDB")
    print(f"csi / DuckDB: {median_ratio(runs['csi, to the first score'], runs['DuckDB']):.2f}")
    print("Goals: at most 3.0 x DuckDB to the first score, peak at most 2,048 MiB")


if __name__ == "__main__":
    main()
