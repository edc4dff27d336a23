"""The front door of the command line: help, start-up, errors, interrupts, pipes, terminals."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from csi_service import __version__
from csi_service.cli import COMMANDS
from csi_service.cli.output import whole, write_whole
from csi_service.errors import FileRefusedError
from tests.cli.terminal import calls, complaint, csi, make_calls

CSI = [sys.executable, "-m", "csi_service"]


def test_help_names_every_command_and_what_it_does():
    ran = csi("--help")
    assert ran.code == 0
    told = " ".join(ran.out.partition("Commands:")[2].split())
    assert told == " ".join(f"{name} {text}" for name, (_, text) in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    ran = csi(name, "-h")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: csi {name}")


def test_version_is_that_of_the_package():
    assert csi("--version").out == f"csi, version {__version__}\n"


@pytest.mark.parametrize("arguments", [("--help",), ("score", "--no-such-option")])
def test_help_imports_none_of_the_heavy_libraries(arguments):
    heavy = {"pandas", "numpy", "flask", "duckdb", "openpyxl", "pyarrow", "gunicorn"}
    if arguments != ("--help",):
        heavy = {"flask", "gunicorn"}
    code = "import sys, atexit; from csi_service.cli import main; atexit.register(lambda: print(*sys.modules)); main()"
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert heavy & set(ran.stdout.splitlines()[-1].split()) == set()


def test_the_module_is_the_command():
    ran = subprocess.run([*CSI, "frob"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", "csi: No such command 'frob'.\n")


@pytest.mark.parametrize("arguments", [(), ("weights",), ("mapping",), ("demo",)])
def test_without_a_command_the_help_is_shown_and_the_exit_code_is_2(arguments):
    ran = csi(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: csi")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (PermissionError(13, "Permission denied", "calls.csv"), 2, "calls.csv: Permission denied"),
        (OSError(28, "No space left on device"), 2, "the system: No space left on device"),
        (FileRefusedError("two\nlines and \x1b[31mred"), 2, "two lines and ?[31mred"),
    ],
)
def test_an_interrupt_or_a_refusal_by_the_system_is_one_line(monkeypatch, error, code, said):
    def load_settings():
        raise error

    monkeypatch.setattr("csi_service.cli.serve.load_settings", load_settings)
    ran = csi("settings")
    assert (ran.code, ran.out, ran.err.strip()) == (code, "", f"csi: {said}")


def test_settings_are_printed_with_their_values_and_a_wrong_one_is_refused():
    ran = csi("settings", CSI_PORT="1234")
    assert "CSI_PORT=1234\n    port to listen on (default: 8000)\n" in ran.out
    assert complaint(csi("settings", CSI_PORT="high")) == (
        "CSI_PORT is 'high'; accepted is a whole number from 1 to 65535"
    )


def test_settings_are_printed_without_the_password():
    ran = csi("settings", CSI_DATABASE_URL="postgresql://csi:s3cret@db/csi")
    assert "CSI_DATABASE_URL=postgresql://csi:***@db/csi\n" in ran.out
    assert "s3cret" not in ran.out + ran.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_ends_the_run_without_a_traceback(tmp_path, unbuffered):
    path = make_calls(tmp_path / "calls.csv", calls(2000), *(calls(1, f"x{n}", agent=f"A{n}") for n in range(2000)))
    command = [*CSI, "score", "--calls", str(path), "--by", "agent", "--format", "csv"]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith("agent,")
        run.stdout.close()
        assert run.stderr is not None
        assert run.stderr.read().splitlines() == ["calls: 4,000 counted, 0 rejected (calls.csv)"]
        assert run.wait(10) == 1


def test_a_bar_is_shown_on_a_terminal_and_only_there(tmp_path):
    command = [*CSI, "score", "--calls", str(make_calls(tmp_path / "calls.csv", calls(10))), "--format", "csv"]
    quiet = subprocess.run(command, capture_output=True, text=True, check=True)
    assert quiet.stderr == "calls: 10 counted, 0 rejected (calls.csv)\n"
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as run:
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 4096):
                shown += block
        except OSError:  # the other end is closed
            os.close(ours)
        assert run.stdout is not None
        assert run.stdout.read().decode() == quiet.stdout
    assert b"100%" in shown
    assert b"calls: 10 counted" in shown


# --- whole files


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), whole(path) as beside:
        beside.write_bytes(b"half") / 0
    assert [(item.name, item.read_text(encoding="utf-8")) for item in tmp_path.iterdir()] == [("scores.csv", "old")]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there.csv").touch()
    (tmp_path / "link.csv").symlink_to(tmp_path / "there.csv")
    write_whole(b"new", tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there.csv").read_bytes() == b"new"


def test_a_named_pipe_or_a_device_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(b"through", path)
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert path.is_fifo()


@pytest.mark.parametrize("name", ["gone/scores.csv", "file/scores.csv"])
def test_what_cannot_be_written_is_said(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(FileRefusedError, match="cannot be written"):
        write_whole(b"new", Path(tmp_path, name))
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
