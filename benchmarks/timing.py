"""What the benchmarks share: runs timed side by side, a process timed as a whole with its peak memory, the table.

Every benchmark pairs our run with a reference in the same minutes: A B A B ..., so that other work on the machine
strikes both alike. Seconds differ from machine to machine; the ratio is what to compare.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = sys.executable
CSI = str(Path(sys.executable).with_name("csi"))


@dataclass(frozen=True)
class Run:
    """One run: seconds of the clock, seconds of the processors, peak memory in MiB (0 where it was not measured)."""

    seconds: float
    cpu: float = 0.0
    peak_mib: float = 0.0


def process(*command: str) -> Run:
    """Run a command from start-up to exit; what it prints is dropped, an exit code other than 0 is an error."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = child.stderr.read() if child.stderr else ""
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)  # so that nobody waits for it again
    if child.stderr:
        child.stderr.close()
    if child.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}: {said}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def inside(work: Callable[[], object]) -> Run:
    """Call a function of this process."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return Run(time.perf_counter() - start, time.process_time() - cpu)


def side_by_side(
    works: Mapping[str, Callable[[], Run]], rounds: int, fewer: Mapping[str, int] | None = None
) -> dict[str, list[Run]]:
    """Run all works in turn, round by round, and return their runs; a slow one named in `fewer` leaves out the last."""
    runs: dict[str, list[Run]] = {name: [] for name in works}
    for number in range(rounds):
        for name, work in works.items():
            if number < (fewer or {}).get(name, rounds):
                runs[name].append(work())
    return runs


def median_ratio(mine: Sequence[Run], reference: Sequence[Run]) -> float:
    """Return the median over the rounds of our time over that of the reference in the same round."""
    return statistics.median(run.seconds / base.seconds for run, base in zip(mine, reference, strict=False))


def print_table(runs: Mapping[str, Sequence[Run]], reference: str) -> None:
    """Print median, least and most seconds of each work, and its median ratio to the reference of the same round."""
    width = max(map(len, runs))
    print(f"{'':<{width}}  {'median':>9}  {'min':>9}  {'max':>9}  {'cpu':>9}  {'peak':>9}  ratio")
    for name, mine in runs.items():
        seconds = [run.seconds for run in mine]
        figures = [statistics.median(seconds), min(seconds), max(seconds), statistics.median(run.cpu for run in mine)]
        cells = "  ".join(f"{figure:>7.3f} s" for figure in figures)
        most = max(run.peak_mib for run in mine)
        peak = f"{most:,.0f} MiB" if most else ""
        print(f"{name:<{width}}  {cells}  {peak:>9}  {median_ratio(mine, runs[reference]):5.2f}")


def machine() -> str:
    """Return the machine in a line, with its load: above 0.3 other work is in the way."""
    load = os.getloadavg()[0]
    return f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.2f}"
