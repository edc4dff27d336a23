"""The monthly report as PDF (about 8 pages) and as XLSX (1,000 agents), beside Typst and XlsxWriter alone.

Ours goes from the scores to the bytes. The references do the last part only, with everything prepared: Typst sets the
same pages from the same data, XlsxWriter gets the same calls with the same values, read from a list. What ours takes
more is the time outside of them (goal: at most one half of ours, a ratio of 2.0 or less).

    python -m benchmarks.report_documents [--agents 1000] [--rounds 9]
"""

import argparse
import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pypdfium2
import xlsxwriter

from benchmarks.timing import inside, machine, median_ratio, print_table, side_by_side
from csi_service.core.composite import Known, score
from csi_service.core.periods import containing
from csi_service.core.weights import WeightSet
from csi_service.report import sheets
from csi_service.report.layout import document_of
from csi_service.report.monthly import Compared, ReportModel, build_report
from csi_service.report.pdf import compiled, typst_data
from csi_service.report.quality import Counts, DataQuality
from csi_service.report.words import words_of
from csi_service.report.writers import write_report
from csi_service.scoring import PeriodScores
from csi_service.weights_folder import WeightsFolder, shipped_folder

MONTH = containing(dt.date(2026, 10, 1), "month")
Call = tuple[int, str, tuple[Any, ...], dict[str, Any]]  # which object, its method, with what
PDF_AGENTS = 270  # fill about eight pages


def measures_of(groups: int) -> Known:
    """Return measures of agents of a usual month."""
    random = np.random.default_rng(20)
    answered = random.integers(300, 900, groups).astype(float)
    part = {
        "contacts_answered": answered,
        "contacts_abandoned": (answered * 0.06).round(),
        "answered_timed": answered,
        "answered_within_threshold": random.binomial(answered.astype(int), 0.88).astype(float),
        "handled_contacts": answered,
        "handle_seconds": answered * random.uniform(240, 420, groups),
        "tickets_closed": (answered * 0.2).round(),
        "tickets_reactivated": (answered * 0.02).round(),
        "tickets_mature": (answered * 0.2).round(),
        "evaluations": np.full(groups, 25.0),
        "evaluation_scores": random.uniform(19, 24, groups),
        "complaints_received": random.poisson(answered * 0.005).astype(float),
    }
    for channel, share in (("ivr", 0.06), ("sms", 0.03)):
        part[f"responses.{channel}"] = (answered * share).round()
        part[f"satisfied_responses.{channel}"] = random.binomial(part[f"responses.{channel}"].astype(int), 0.85) * 1.0
    return Known(part, groups)


def scored(measures: Known, weights: WeightSet, names: list[str] | None) -> PeriodScores:
    groups = pd.DataFrame({"agent": names}) if names else pd.DataFrame(index=[0])
    return PeriodScores(MONTH, False, weights, groups, (score(measures, len(groups), weights),))


def parts_of(agents: int) -> tuple[PeriodScores, PeriodScores]:
    """Return the scores of the agents, and of all together."""
    weights = WeightsFolder(shipped_folder()).get("default")
    measures = measures_of(agents)
    total = Known({name: np.array([values.sum()]) for name, values in measures.items()}, 1)
    names = [f"坐席 A{number:04d}" for number in range(agents)]
    return scored(measures, weights, names), scored(total, weights, None)


def report(groups: PeriodScores, total: PeriodScores) -> ReportModel:
    compared = Compared("previous", MONTH, total.weights)
    trend = [(MONTH, total)] * 13
    return build_report(groups, total, compared, total, trend, Counts(), DataQuality(31, 0, 1000, 1, 0.0))


class Recorder:
    """Stands for an object of XlsxWriter: passes calls on and notes them for another run."""

    def __init__(self, real: Any, calls: list[Call], known: list[Any]) -> None:
        self._real, self._calls, self._known = real, calls, known
        self._place = len(known)
        known.append(self)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            self._calls.append((self._place, name, args, options))
            result = found(*(plain(arg) for arg in args), **options)
            return Recorder(result, self._calls, self._known) if name.startswith("add_") and result else result

        return call


def plain(value: Any) -> Any:
    return value._real if isinstance(value, Recorder) else value


def replayed(recorded: Callable[[], bytes]) -> Callable[[], bytes]:
    """Return a function that makes the same workbook from a list of the calls that made it."""
    calls: list[Call] = []
    known: list[Any] = []
    usual = xlsxwriter.Workbook
    try:
        xlsxwriter.Workbook = lambda *args: Recorder(usual(*args), calls, known)
        recorded()
    finally:
        xlsxwriter.Workbook = usual
    steps = [
        (place, name, tuple((arg._place,) if isinstance(arg, Recorder) else arg for arg in args), options)
        for place, name, args, options in calls
    ]

    def again() -> bytes:
        stream = io.BytesIO()
        objects: list[Any] = [usual(stream, sheets.OPTIONS)]
        for place, name, args, options in steps:
            found = [objects[arg[0]] if type(arg) is tuple else arg for arg in args]
            result = getattr(objects[place], name)(*found, **options)
            if name.startswith("add_") and result:
                objects.append(result)
        return stream.getvalue()

    return again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=1000, help="agents of the workbook")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    few, many = parts_of(PDF_AGENTS), parts_of(options.agents)
    data = typst_data(document_of(report(*few), words_of("zh")))
    bare = replayed(lambda: write_report(report(*many), "xlsx", "zh"))
    pdf, book = write_report(report(*few), "pdf", "zh"), write_report(report(*many), "xlsx", "zh")
    print(f"monthly report; {machine()}")
    with pypdfium2.PdfDocument(pdf) as document:
        print(f"PDF of {len(document)} pages, the same from Typst alone: {compiled(data) == pdf}")
    print(f"XLSX of {options.agents:,} agents, the same from XlsxWriter alone: {bare() == book}")
    works = {
        "Typst": lambda: inside(lambda: compiled(data)),
        "PDF": lambda: inside(lambda: write_report(report(*few), "pdf", "zh")),
        "XlsxWriter": lambda: inside(bare),
        "XLSX": lambda: inside(lambda: write_report(report(*many), "xlsx", "zh")),
    }
    runs = side_by_side(works, options.rounds)
    for mine, reference in (("PDF", "Typst"), ("XLSX", "XlsxWriter")):
        print_table({name: runs[name] for name in (reference, mine)}, reference)
        print(f"{mine}: {1 - 1 / median_ratio(runs[mine], runs[reference]):.0%} of the time outside {reference}")
    print("Goal: at most 50 % outside")


if __name__ == "__main__":
    main()
