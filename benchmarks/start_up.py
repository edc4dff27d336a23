"""How long a small job takes, from the shell to the exit: `csi --help`, and `csi score` of 5,000 calls with surveys.

Each beside a reference process: `python -c pass` for the interpreter alone, and for `csi score` the import of the two
libraries that it cannot do without. The file has the columns of the public "Call Centre" data set and the mapping that
ships for it; where ../shared/data/pwc_call_centre is there, the data set itself is scored as well.

    python -m benchmarks.start_up [--rounds 7]
"""

import argparse
import random
import tempfile
from pathlib import Path

from benchmarks.timing import CSI, PYTHON, Run, machine, print_table, process, side_by_side

ROOT = Path(__file__).parents[1]
MAPPING = ROOT / "examples/mappings/pwc_call_centre.toml"
PWC = ROOT.parent / "shared/data/pwc_call_centre/calls.csv"
HEADER = (
    "Call Id,Agent,Date,Time,Topic,Answered (Y/N),Resolved,"
    "Speed of answer in seconds,AvgTalkDuration,Satisfaction rating"
)


def make_file(path: Path, rows: int = 5000) -> None:
    rng = random.Random(20)  # noqa: S311 - no secrets
    lines = [HEADER]
    for number in range(1, rows + 1):
        day, clock = (
            f"2021-{rng.randint(1, 3):02}-{rng.randint(1, 28):02}",
            f"{rng.randint(9, 17):02}:{number % 60:02}:00",
        )
        call = f"ID{number:04},{rng.choice(('Becky', 'Dan', 'Diane'))},{day},{clock},Streaming"
        talk = f"00:{rng.randint(0, 6):02}:{rng.randint(0, 59):02}"
        answer = f"Y,{rng.choice('YYYN')},{rng.randint(10, 125)},{talk},{rng.randint(1, 5)}"
        lines.append(f"{call},{answer if rng.random() < 0.81 else 'N,N,,,'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def scoring(path: Path) -> Run:
    return process(CSI, "score", "--calls", str(path), "--mapping", str(MAPPING), "--grain", "month")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(f"start-up; {machine()}")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "calls.csv")
        make_file(made)
        scoring(made)  # compiles what was never imported before
        helping = {
            "python -c pass": lambda: process(PYTHON, "-c", "pass"),
            "csi --help": lambda: process(CSI, "--help"),
        }
        print_table(side_by_side(helping, options.rounds), "python -c pass")
        works = {
            "import duckdb, pandas": lambda: process(PYTHON, "-c", "import duckdb, pandas"),
            "csi score, 5,000 made-up calls": lambda: scoring(made),
        }
        if PWC.exists():
            works["csi score, the PwC data set"] = lambda: scoring(PWC)
        print_table(side_by_side(works, options.rounds), "import duckdb, pandas")
    print("Goals: csi --help under 0.3 s, csi score under 2 s")


if __name__ == "__main__":
    main()
