"""Commands timed in turn (A B A B ...), so that other work on the machine strikes all alike."""

import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

Command = Sequence[str | Path]


def machine() -> str:
    """Return a line that names the machine."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def seconds(command: Command) -> float:
    """Return the wall time of a whole process, start-up included."""
    start = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare(commands: dict[str, Command], rounds: int) -> dict[str, list[float]]:
    """Run each command once a round after one round that does not count; print their times and ratios to the first."""
    for command in commands.values():
        seconds(command)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(seconds(command))
    first = next(iter(commands))
    print(f"{'':34} {'min':>8} {'median':>8} {'max':>8}   {first} / it, median")
    for name, found in times.items():
        ratios = [ours / theirs for ours, theirs in zip(times[first], found, strict=True)]
        figures = f"{min(found):7.2f}s {statistics.median(found):7.2f}s {max(found):7.2f}s"
        print(f"{name:34} {figures}   {'' if name == first else format(statistics.median(ratios), '.2f')}")
    return times


def largest_child_megabytes() -> float:
    """Return the peak memory of the largest child process so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
