"""csi calibration: whether raters judge alike."""

from collections.abc import Iterator
from pathlib import Path

import click

from csi_service.cli.language import heads, spoken, words
from csi_service.cli.store_option import caller, data_option, services_for
from csi_service.core.levels import CHINESE, LEVELS
from csi_service.core.periods import parse_period
from csi_service.errors import InvalidInputError, Problem
from csi_service.language import ENGLISH, marked
from csi_service.report.columns import in_columns, visible
from csi_service.report.numbers import percent
from csi_service.store.calibration import Calibration, calibrate

_READINGS = {
    "good": marked("good"),
    "tentative": marked("tentative"),
    "poor": marked("poor: do not publish levels"),
}
_REASONS = {
    "no_data": marked("no call was rated by several people"),
    "no_variation": marked("everybody always gave the same level"),
}


@click.command(short_help="Whether raters judge alike.")
@click.option("--period", help="In any form of a period: 2026-01, 2026-W05 ...")
@click.option("--batch", help="A batch, or a plan with all its strata.")
@data_option
def calibration(period: str | None, batch: str | None, data: Path | None) -> None:
    """Tell how alike the ratings of calls are that several people rated: of a period, a batch, or both."""
    if period is None and batch is None:
        raise InvalidInputError(Problem("", "give --period or --batch, or both"))
    services = services_for(data)
    found = calibrate(services.store(), None if period is None else parse_period(period), batch, caller())
    for line in _lines(found):
        click.echo(line)


def _lines(found: Calibration) -> Iterator[str]:
    alpha = found.alpha
    if alpha.value is None:
        yield words("Krippendorff's alpha: none, {reason}", reason=words(_REASONS[str(alpha.reason)]))
    else:
        reading = words(_READINGS[str(alpha.reading)])
        yield words("Krippendorff's alpha: {value:.3f} ({reading})", value=alpha.value, reading=reading)
    counts = {"calls": alpha.calls, "ratings": alpha.ratings, "raters": found.raters}
    yield words("{calls:,} calls rated by several, {ratings:,} ratings, {raters} raters", **counts)
    for table in (_pairs(found), _severity(found), _items(found)):
        if table:
            yield ""
            yield from table


def _pairs(found: Calibration) -> list[str]:
    rows = [
        (
            visible(row["a"]),
            visible(row["b"]),
            f"{row['calls']:,}",
            _number(row["kappa"]),
            percent(row["same_share"]),
            f"{row['difference']:+.2f}",
        )
        for row in found.pairs
    ]
    head = heads("rater", "and", "calls", "kappa", "same level", "difference")
    return list(in_columns([head, *rows], range(2))) if rows else []


def _severity(found: Calibration) -> list[str]:
    """Who judges higher or lower than the others, and which levels met."""
    if not found.severity:
        return []
    rows = [
        (
            visible(row["rater"]),
            f"{row['calls']:,}",
            f"{row['severity']:+.2f}",
            _number(row["p_adjusted"]),
            words("talk it over") if row["flagged"] else "",
        )
        for row in found.severity
    ]
    levels = LEVELS if spoken() == ENGLISH else CHINESE
    met = [(name, *(f"{value:g}" for value in line)) for name, line in zip(levels, found.confusion, strict=True)]
    severe = in_columns([(*heads("rater", "calls", "above others", "adjusted p"), ""), *rows], (0, 4))
    head = (words("levels that met"), *map(str, range(1, len(LEVELS) + 1)))
    return [*severe, "", *in_columns([head, *met], (0,))]


def _items(found: Calibration) -> list[str]:
    rows = [
        (visible(row["form"]), visible(row["item"]), f"{row['pairs']:,}", percent(row["differing_share"]))
        for row in found.items
    ]
    return list(in_columns([heads("form", "item", "pairs", "differ"), *rows], range(2))) if rows else []


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
