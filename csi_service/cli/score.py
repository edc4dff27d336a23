"""csi score: scores straight from record files."""

import glob
import sys
import zoneinfo
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from csi_service.cli.output import Progress, write_whole
from csi_service.core.periods import parse_period
from csi_service.core.weights import WeightSet, parse_weights
from csi_service.errors import FileRefusedError, InvalidInputError, Problem
from csi_service.facts.duck import workspace
from csi_service.file_facts import FileFacts
from csi_service.ingest.coerce import Zones
from csi_service.ingest.load import Importer
from csi_service.ingest.mapping import Mapping, parse_mapping
from csi_service.ingest.outcome import Outcome, write_rejects
from csi_service.report.files import WRITERS
from csi_service.rollup.places import Scope
from csi_service.scoring import Request, Scores, check_keys, score_facts
from csi_service.services import Services, build_services
from csi_service.settings import load_settings
from csi_service.weights_folder import read_text

_FILE_OPTIONS = ("calls", "surveys", "survey_invitations", "complaints", "tickets", "evaluations", "batches")
_REASONS_SHOWN = 5


def _file_options(command: Any) -> Any:
    for kind in reversed(_FILE_OPTIONS):
        name = "--" + kind.removeprefix("survey_").replace("_", "-")
        text = f"File of {kind.replace('_', ' ')}, or a pattern in quotes; may be given several times."
        command = click.option(name, kind, multiple=True, metavar="FILE", help=text)(command)
    return command


@click.command(short_help="Score record files.")
@_file_options
@click.option("--mapping", metavar="FILE", help="How the files' columns are named (csi mapping suggest drafts one).")
@click.option(
    "--weights", metavar="NAME|FILE", help="Weights to score with; default: the set valid on a period's last day."
)
@click.option("--period", help="2021-01, 2021-W05, 2021-Q1, 2021, a day or 2021-01-04..2021-01-31; default: all days.")
@click.option("--grain", type=click.Choice(["day", "week", "month"]), help="Cut the period into days, weeks or months.")
@click.option(
    "--by", metavar="KEYS", help="Group by dimensions: site, team, agent, queue, channel, topic; with commas."
)
@click.option("--format", "format_", type=click.Choice(list(WRITERS)), default="table", show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there instead of to the terminal."
)
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Write the rejected rows there, as CSV."
)
@click.option("--strict", is_flag=True, help="Any rejected row ends the run with exit code 2.")
@click.option(
    "--time-zone", metavar="ZONE", help="Zone in which days are cut; default: CSI_TIME_ZONE, else the mapping's."
)
def score(
    mapping: str | None,
    weights: str | None,
    period: str | None,
    grain: str | None,
    by: str | None,
    format_: str,
    output: Path | None,
    rejects: Path | None,
    strict: bool,
    time_zone: str | None,
    **files: Sequence[str],
) -> None:
    """Score calls, surveys, complaints, tickets and evaluations straight from CSV, XLSX or Parquet files.

    Rows that break their rules are left out and named; the others count. Nothing is stored.
    """
    services = build_services(load_settings())
    paths = {
        kind: [path for pattern in patterns for path in _expand(pattern)]
        for kind, patterns in files.items()
        if patterns
    }
    if not paths:
        raise click.UsageError("give at least one file, for instance --calls calls.csv")
    if format_ == "xlsx" and output is None and sys.stdout.isatty():
        raise click.UsageError("--format xlsx needs --output FILE")
    keys = tuple(key.strip() for key in by.split(",")) if by else ()
    check_keys(keys)
    request = Request(
        period=parse_period(period) if period else None,
        grain=grain,
        keys=keys,
        weights=_weights(services, weights) if weights else None,
    )
    described = _mapping(mapping) if mapping else Mapping()
    scores, outcomes = _score(services, paths, described, _zones(services, described, time_zone), request)
    _summarise(outcomes, scores)
    if rejects is not None:
        write_rejects(rejects, outcomes)
    if strict and any(outcome.rejected for outcome in outcomes):
        raise FileRefusedError("rows were rejected and --strict was given; nothing was scored")
    write_whole(WRITERS[format_](scores, outcomes), output)


def _score(
    services: Services, paths: dict[str, list[Path]], mapping: Mapping, zones: Zones, request: Request
) -> tuple[Scores, list[Outcome]]:
    with workspace() as (connection, folder), Progress() as progress:
        facts = FileFacts(Importer(connection, folder, mapping, zones), paths, Scope(request.keys), progress.tell)
        return score_facts(facts, services.weights.all(), request, services.today()), facts.outcomes


def _expand(pattern: str) -> list[Path]:
    if Path(pattern).exists() or not glob.has_magic(pattern):
        return [Path(pattern)]
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - takes absolute patterns too
    if not found:
        raise FileRefusedError(f"{pattern}: no file matches the pattern")
    return [Path(name) for name in found]


def _mapping(name: str) -> Mapping:
    path = Path(name)
    if not path.is_file():
        raise FileRefusedError(f"{name}: there is no such mapping file")
    return parse_mapping(path.read_text(encoding="utf-8"), path.name)


def _weights(services: Services, name: str) -> WeightSet:
    path = Path(name)
    if path.suffix != ".toml":
        return services.weights.get(name)
    if not path.is_file():
        raise FileRefusedError(f"{name}: there is no such weights file")
    return parse_weights(read_text(path), path.stem)


def _zones(services: Services, mapping: Mapping, option: str | None) -> Zones:
    centre = option or mapping.time_zone or str(services.settings.time_zone)
    if centre not in zoneinfo.available_timezones():
        raise InvalidInputError(Problem("time-zone", f"is {centre!r}; give an IANA name such as Asia/Shanghai", centre))
    return Zones(mapping.time_zone or centre, centre)


def _summarise(outcomes: Sequence[Outcome], scores: Scores) -> None:
    for outcome in outcomes:
        parts = [f"{outcome.loaded:,} counted", f"{outcome.rejected:,} rejected"]
        if outcome.repeated:
            parts.append(f"{outcome.repeated:,} replaced by a later row with the same number")
        files = outcome.files[0] if len(outcome.files) == 1 else f"{len(outcome.files)} files"
        click.echo(f"{outcome.kind}: {', '.join(parts)} ({files})", err=True)
        for reason, number in outcome.reasons()[:_REASONS_SHOWN]:
            click.echo(f"  {number:,} x {reason}", err=True)
        if outcome.ignored_columns:
            click.echo(f"  columns not used: {', '.join(outcome.ignored_columns)}", err=True)
