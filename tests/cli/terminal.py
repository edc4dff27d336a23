"""The command line as a caller meets it, run in this process: exit code and what it wrote; and files to score."""

import contextlib
import contextvars
import csv
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from csi_service.cli import main
from tests.files import make_csv

Row = dict[str, str]


@dataclass(frozen=True)
class Ran:
    code: int
    data: bytes
    err: str

    @property
    def out(self) -> str:
        return self.data.decode()

    @property
    def rows(self) -> list[Row]:
        return list(csv.DictReader(io.StringIO(self.out)))


def csi(*arguments: object, **environment: str) -> Ran:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(mock.patch.object(sys, "argv", ["csi", *map(str, arguments)]))
        stack.enter_context(mock.patch.dict(os.environ, environment))
        ended = stack.enter_context(pytest.raises(SystemExit))
        contextvars.copy_context().run(main)  # the language chosen goes with the command
    for stream in (out, err):
        stream.flush()
    return Ran(ended.value.code or 0, out.buffer.getvalue(), err.buffer.getvalue().decode())  # type: ignore[attr-defined]


def complaint(ran: Ran) -> str:
    """Return the one line that a refused run ends with; nothing else may be there."""
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("\n")
    *_, last = ran.err.splitlines()
    assert last.startswith("csi: ")
    assert "Traceback" not in ran.err
    return last.removeprefix("csi: ")


def by_node(rows: list[Row], **group: str) -> dict[str, Row]:
    return {row["node"]: row for row in rows if row.items() >= group.items()}


def number(text: str) -> float | None:
    return float(text) if text else None


CALL_HEADER = (
    "call_id,started_at,answered,team,agent,wait_seconds,talk_seconds,hold_seconds,wrap_seconds,resolved".split(",")
)


def calls(count: int, prefix: str = "K", **cells: Any) -> Iterator[list[object]]:
    """Yield answered calls of 4 January 2021 that are alike but for their number."""
    usual = {
        "started_at": "2021-01-04 09:00:00", "answered": "Y", "team": "A", "agent": "A1", "wait_seconds": 20,
        "talk_seconds": 300, "hold_seconds": 40, "wrap_seconds": 20, "resolved": "Y",
    }  # fmt: skip
    row = [(usual | cells)[name] for name in CALL_HEADER[1:]]
    yield from ([f"{prefix}{index:05}", *row] for index in range(count))


def make_calls(path: Path, *rows: Iterator[list[object]]) -> Path:
    return make_csv(path, [CALL_HEADER, *(row for some in rows for row in some)])


def make_complaints(path: Path, count: int) -> Path:
    rows = [[f"P{index}", "2021-01-05 10:00:00", "A"] for index in range(count)]
    return make_csv(path, [["complaint_id", "received_at", "team"], *rows])


def make_month(folder: Path) -> dict[str, Path]:
    """Write January 2021 of one team, the worked example: SLA 0.85, AHT 360, FCR 0.80, QA 0.90, O 0.92, C 0.775."""
    surveys = [[f"S{n}", "2021-01-06 08:00:00", "ivr", 5, 5 if n < 23 else 3, "A"] for n in range(25)]  # 23 of 25
    tickets = [[f"T{n}", "2021-01-04 09:30:00", "2021-01-08 10:00:00", "A"] for n in range(10)]
    tickets = [[*row, "2021-01-10 10:00:00" if n < 2 else ""] for n, row in enumerate(tickets)]  # 2 of 10 came back
    marks = [[f"E{n}", f"K{n:05}", "2021-01-07 12:00:00", 80 if n < 5 else 100, "A"] for n in range(10)]  # mean 90
    return {
        "calls": make_calls(folder / "calls.csv", calls(850), calls(150, "L", wait_seconds=21)),
        "surveys": make_csv(
            folder / "surveys.csv", ["survey_id,answered_at,channel,scale,score,team".split(","), *surveys]
        ),
        "complaints": make_complaints(folder / "complaints.csv", 9),
        "tickets": make_csv(
            folder / "tickets.csv", ["ticket_id,opened_at,closed_at,team,reactivated_at".split(","), *tickets]
        ),
        "evaluations": make_csv(
            folder / "evaluations.csv", ["evaluation_id,call_id,evaluated_at,score,team".split(","), *marks]
        ),
    }


def options(files: dict[str, Path], *kinds: str) -> list[str]:
    """Return the options of `csi score` for some of the files, all by default."""
    return [text for kind, path in files.items() if not kinds or kind in kinds for text in (f"--{kind}", str(path))]
