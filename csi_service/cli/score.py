"""csi score: scores straight from record files."""

import glob
import sys
import zoneinfo
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from csi_service.cli.documents import find_weights, read_mapping_file
from csi_service.cli.language import named, say, spoken, words
from csi_service.cli.output import Progress, whole, write_whole
from csi_service.core.periods import parse_period
from csi_service.core.told import Told, chained
from csi_service.core.weights import in_effect
from csi_service.errors import FileRefusedError, InvalidInputError, Problem
from csi_service.facts.duck import workspace
from csi_service.file_facts import FileFacts
from csi_service.ingest.coerce import Zones
from csi_service.ingest.load import Importer
from csi_service.ingest.mapping import Mapping
from csi_service.ingest.outcome import Outcome, write_rejects
from csi_service.language import marked
from csi_service.report.columns import visible
from csi_service.rollup.places import Scope
from csi_service.scoring import Request, check_keys, score_facts
from csi_service.services import Services, build_services
from csi_service.settings import load_settings

_FILE_OPTIONS = ("calls", "surveys", "survey_invitations", "complaints", "tickets", "evaluations", "batches")
FORMATS = ("table", "json", "csv", "xlsx")  # those of report.files, which takes its time to load
_REASONS_SHOWN = 5


def _file_options(command: Any) -> Any:
    for kind in reversed(_FILE_OPTIONS):
        name = "--" + kind.removeprefix("survey_").replace("_", "-")
        text = f"File of {kind.replace('_', ' ')}, or a pattern in quotes; may be given several times."
        command = click.option(name, kind, multiple=True, metavar="FILE", help=text)(command)
    return command


@click.command(short_help="Score record files.", context_settings={"allow_extra_args": True})
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
@click.option("--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there instead of to the terminal."
)
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Write the rejected rows there, as CSV."
)
@click.option("--strict", is_flag=True, help="Any rejected row ends the run with exit code 2.")
@click.option(
    "--time-zone", metavar="ZONE", help="Zone in which days are cut; default: the mapping's, else CSI_TIME_ZONE."
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
    if extra := click.get_current_context().args:
        text = Told("{file}: each file needs its option before it, for instance --calls {file}", file=extra[0])
        raise click.UsageError(text)
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
    _check_targets([path for path in (output, rejects) if path], {path for found in paths.values() for path in found})
    keys = tuple(key.strip() for key in by.split(",")) if by else ()
    check_keys(keys)
    request = Request(
        period=None if period is None else parse_period(period),
        grain=grain,
        keys=keys,
        weights=None if weights is None else find_weights(services, weights),
    )
    described = Mapping() if mapping is None else read_mapping_file(Path(mapping))
    zones = _zones(services, described, time_zone)
    content, outcomes = _score(services, paths, described, zones, request, rejects, format_)
    if strict and any(outcome.rejected for outcome in outcomes):
        raise FileRefusedError("rows were rejected and --strict was given; nothing was scored")
    write_whole(content, output)


def _check_targets(targets: Sequence[Path], inputs: Iterable[Path]) -> None:
    """Refuse before the work begins what could not be written after it, or would take a record file's place."""
    taken = {path.resolve() for path in inputs}
    for target in targets:
        if not target.parent.is_dir():
            raise FileRefusedError(Told("{path}: there is no folder {folder}", path=target, folder=target.parent))
        if target.resolve() in taken:
            text = Told("{path}: is read or written already in this run; name another file", path=target)
            raise FileRefusedError(text)
        if not target.exists() or target.is_file():
            taken.add(target.resolve())


def _score(
    services: Services,
    paths: dict[str, list[Path]],
    mapping: Mapping,
    zones: Zones,
    request: Request,
    rejects: Path | None,
    format_: str,
) -> tuple[bytes, list[Outcome]]:
    """Return the scores in a format, and what became of the rows."""
    sets = [] if request.weights else services.weights.all()
    files = [path for each in paths.values() for path in each]
    with workspace(opens=files) as (connection, folder), Progress() as progress:
        facts = FileFacts(Importer(connection, folder, mapping, zones), paths, Scope(request.keys), progress.tell)
        try:
            with facts.reading_ahead(request.weights or in_effect(sets, services.today())):
                from csi_service.report.files import WRITERS
            scores = score_facts(facts, sets, request, services.today())
        except FileRefusedError:  # the rows, all rejected perhaps, are accounted for nevertheless
            progress.end()
            _account(facts.outcomes, rejects)
            raise
        progress.end()
        _account(facts.outcomes, rejects)
        return WRITERS[format_](scores, facts.outcomes, spoken()), facts.outcomes


def _expand(pattern: str) -> list[Path]:
    if Path(pattern).exists() or not glob.has_magic(pattern):
        return [Path(pattern)]
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - takes absolute patterns too
    if not found:
        raise FileRefusedError(Told("{pattern}: no file matches the pattern", pattern=pattern))
    return [Path(name) for name in found]


def _zones(services: Services, mapping: Mapping, option: str | None) -> Zones:
    centre = option or mapping.time_zone or str(services.settings.time_zone)
    if centre not in zoneinfo.available_timezones():
        text = Told("is {zone!r}; give an IANA name such as Asia/Shanghai", zone=centre)
        raise InvalidInputError(Problem("time-zone", text, centre))
    return Zones(mapping.time_zone or centre, centre)


def _account(outcomes: Sequence[Outcome], rejects: Path | None) -> None:
    """Say on standard error what became of the rows, and write the rejected ones."""
    if rejects is not None:
        with whole(rejects) as beside:
            write_rejects(beside, outcomes, words)
    for outcome in outcomes:
        parts = [Told("{count:,} counted", count=outcome.loaded), Told("{count:,} rejected", count=outcome.rejected)]
        if outcome.repeated:
            parts.append(Told("{count:,} replaced by a later row with the same number", count=outcome.repeated))
        several = words("{count} files", count=len(outcome.files))
        files = outcome.files[0] if len(outcome.files) == 1 else several
        told = chained(parts, "{first}, {second}")
        say("{kind}: {parts} ({files})", err=True, kind=named(outcome.kind), parts=told, files=files)
        for reason, number in outcome.reasons()[:_REASONS_SHOWN]:
            say("  {count:,} x {reason}", err=True, count=number, reason=words(reason))
        kept = sum(reject.lines for reject in outcome.rejects)
        if kept < outcome.rejected:
            where = "" if rejects is None else words("; {file} holds no more than these", file=rejects)
            pattern = marked("  reasons are known of the first {count:,} rejected rows only{where}")
            say(pattern, err=True, count=kept, where=where)
        if outcome.ignored_columns:
            say("  columns not used: {names}", err=True, names=", ".join(outcome.ignored_columns))
        for note in outcome.notes:
            click.echo(f"  {visible(words(note))}", err=True)
