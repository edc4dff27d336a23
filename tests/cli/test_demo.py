"""csi demo and csi serve, each once as a process of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from csi_service.cli.demo import hints
from csi_service.demo.generate import write_demo
from tests.cli.terminal import complaint, csi
from tests.keys import bearer

MONTH = "2026-10"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "a centre"  # a space, which the hints have to quote
    write_demo(folder, MONTH, scale=0.02)
    return folder


@dataclass
class Served:
    """A command that serves: its address, and once it was stopped its exit code and what it printed."""

    address: str
    code: int | None = None
    printed: str = ""


@contextlib.contextmanager
def served(data: Path, *arguments: object) -> Iterator[Served]:
    """Run a command that serves a data folder, and yield once it answers; it has to stop within 10 s of SIGTERM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "csi_service", *map(str, arguments), "--port", str(port)]
    given = {"env": {**os.environ, "CSI_DATA": str(data)}, "text": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **given) as process:
        try:
            serving = Served(_answering(f"http://127.0.0.1:{port}", process))
            yield serving
            process.send_signal(signal.SIGTERM)
            serving.printed, _ = process.communicate(timeout=10)
            serving.code = process.returncode
        finally:
            process.kill()


def _answering(address: str, process: subprocess.Popen[str]) -> str:
    for _ in range(600):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:  # noqa: S310 - our own address
            assert answer.status == 200
            return address
        time.sleep(0.1)
    raise AssertionError("no answer in a minute")


def test_demo_run_loads_scores_reports_and_serves_its_latest_month(folder, tmp_path):
    with served(tmp_path, "demo", "run", "--folder", folder) as run:
        key = (folder / "key.txt").read_text(encoding="utf-8").strip()
        address = f"{run.address}/api/v1/scores?period={MONTH}&by=team"
        request = urllib.request.Request(address, headers=bearer(key))  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            assert "华东一组" in answer.read().decode()
        with urllib.request.urlopen(f"{run.address}/docs", timeout=10) as page:  # noqa: S310
            assert f"docs/samples/{MONTH}-zh.pdf" in page.read().decode()
    assert (folder / "key.txt").stat().st_mode & 0o777 == 0o600
    assert (folder / f"reports/{MONTH}-en.pdf").read_bytes().startswith(b"%PDF")
    assert run.code == 0
    assert run.printed.startswith(f"{MONTH} - weights default")
    assert "华东一组" in run.printed  # and a line a team
    lines = [line for line in run.printed.splitlines() if line.startswith("  curl ")]
    assert len(lines) == 2
    assert all(run.address in line for line in lines)


def test_the_command_that_demo_run_shows_gives_the_same_table(folder):
    how_to = hints(folder, MONTH, 8000, "csi_key")
    command = how_to.split("\n\n")[0].split(":\n", 1)[1].replace(".venv/bin/csi", f"{sys.executable} -m csi_service")
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("\n2026-10  ") == 12 + 1  # teams, all


def test_serve_answers_the_calculation_of_the_hint(folder, tmp_path):
    how_to = hints(folder, MONTH, 8000, "csi_key")
    body = how_to.split("-d '")[1].split("'")[0].encode()
    key = csi("key", "create", "--name", "hint", "--role", "viewer", "--data", tmp_path).out.strip()
    headers = {"Content-Type": "application/json", **bearer(key)}
    with served(tmp_path, "serve", "--host", "127.0.0.1", "--workers", "1") as run:
        request = urllib.request.Request(f"{run.address}/api/v1/calculate/composite", body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text = answer.read().decode()
    assert "0.86425925925925" in text  # the example of the issue
    assert run.code == 0


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "70000"), ("--workers", "0"), ("--port", "x")])
def test_serve_refuses_what_cannot_be(arguments):
    said = complaint(csi("serve", *arguments))
    assert said.startswith(f"Invalid value for '{arguments[0]}': ")


def test_demo_make_writes_the_month_that_was_asked_for_and_says_what(tmp_path):
    ran = csi("demo", "make", tmp_path / "demo", "--last-month", "2024-02", "--scale", "0.001", "--seed", "3")
    assert ran.code == 0
    written = sorted(path.name for path in (tmp_path / "demo/calls").iterdir())
    assert (len(written), written[0], written[-1]) == (14, "calls-2023-01.csv", "calls-2024-02.csv")
    assert "  calls/calls-2024-02.csv: " in ran.err


def test_demo_make_ends_with_the_last_month_that_has_ended(tmp_path):
    csi("demo", "make", tmp_path / "demo", "--scale", "0.0005")
    last = max(path.stem for path in (tmp_path / "demo/calls").iterdir()).removeprefix("calls-")
    year, month = map(int, last.split("-"))
    now = time.localtime()
    assert 0 <= now.tm_year * 12 + now.tm_mon - (year * 12 + month) - 1 <= 1  # another zone may be a month on


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--last-month", "2026-13"), "demo: last_month"),
        (("--scale", "2"), "demo: scale"),
        (("--scale", "x"), "Invalid value for '--scale'"),
    ],
)
def test_demo_make_refuses_what_cannot_be_and_writes_nothing(tmp_path, arguments, said):
    assert complaint(csi("demo", "make", tmp_path / "demo", *arguments)).startswith(said)
    assert list(tmp_path.iterdir()) == []


def test_demo_make_keeps_a_folder_that_holds_something(tmp_path):
    (tmp_path / "mine.txt").touch()
    assert str(tmp_path) in complaint(csi("demo", "make", tmp_path, "--scale", "0.0005"))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_demo_run_refuses_a_folder_without_calls(tmp_path):
    (tmp_path / "calls").mkdir()
    assert "not an empty folder" in complaint(csi("demo", "run", "--folder", tmp_path))
