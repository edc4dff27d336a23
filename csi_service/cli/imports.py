"""csi import and csi imports: files of records into the store; what was imported, and how to undo it."""

import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from csi_service import logs
from csi_service.cli.documents import read_mapping_text
from csi_service.cli.language import heads, named, say, spoken, words
from csi_service.cli.output import Progress, whole, write_whole
from csi_service.cli.store_option import actor, data_option, services_for
from csi_service.core.told import Told
from csi_service.errors import FileRefusedError, InvalidInputError, Problem
from csi_service.facts.kinds import KINDS
from csi_service.ingest.outcome import Outcome, write_rejects
from csi_service.language import marked, translator
from csi_service.report.columns import in_columns, visible
from csi_service.store import import_books as books
from csi_service.store.import_books import Import, find_import, list_imports, rejects_of, request_cancel
from csi_service.store.import_progress import Steps
from csi_service.store.import_queue import work_off
from csi_service.store.import_told import told_notes, told_outcomes
from csi_service.store.imports import Described, import_files
from csi_service.store.undo import undo_import

_REASONS_SHOWN = 5
_STATUSES = {
    books.WAITING: marked("waiting"),
    books.RUNNING: marked("running"),
    books.DONE: marked("done"),
    books.UNCHANGED: marked("unchanged"),
    books.FAILED: marked("failed"),
    books.CANCELLED: marked("cancelled"),
    books.UNDOING: marked("undoing"),
    books.UNDONE: marked("undone"),
}


@click.command("import", short_help="Import record files.")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--mapping", metavar="FILE", help="How the files' columns are named (csi mapping suggest drafts one).")
@click.option(
    "--time-zone", metavar="ZONE", help="Zone of the files' local times; default: the mapping's, else CSI_TIME_ZONE."
)
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Write the rejected rows there, as CSV."
)
@click.option("--strict", is_flag=True, help="Any rejected row ends the run with exit code 2; nothing is imported.")
@data_option
def import_(
    kind: str,
    files: Sequence[Path],
    mapping: str | None,
    time_zone: str | None,
    rejects: Path | None,
    strict: bool,
    data: Path | None,
) -> None:
    """Import CSV, XLSX or Parquet files of one record kind into the data folder.

    Rows that break their rules are left out and named; the others are put in together. A row with a number that is
    kept already replaces it. The same files again change nothing. csi imports undo takes an import back.
    """
    if time_zone is not None and time_zone not in zoneinfo.available_timezones():
        text = Told("is {zone!r}; give an IANA name such as Asia/Shanghai", zone=time_zone)
        raise InvalidInputError(Problem("--time-zone", text, time_zone))
    services = services_for(data)
    if rejects is not None and not rejects.parent.is_dir():
        raise FileRefusedError(Told("{path}: there is no folder {folder}", path=rejects, folder=rejects.parent))

    def account(outcomes: Sequence[Outcome]) -> None:
        if rejects is not None:
            with whole(rejects) as beside:
                write_rejects(beside, outcomes, words)
        if strict:  # refused for them; the import has no account of its own then
            for reason, number in [each for outcome in outcomes for each in outcome.reasons()][:_REASONS_SHOWN]:
                say("  {count:,} x {reason}", err=True, count=number, reason=words(reason))

    described = None if mapping is None else Described(read_mapping_text(Path(mapping)), Path(mapping).name)
    with Progress() as progress:
        steps = Steps(progress.tell, account)
        made = import_files(
            services.store(), kind, files, actor(), services.now, described, time_zone, strict=strict, steps=steps
        )
    _tell(made, services.store().time_zone)
    if rejects is None and made.status == books.DONE and any(outcome["rejected"] for outcome in made.outcomes):
        say("csi imports rejects {number} gives the rejected rows.", err=True, number=made.id)
    if made.status == books.UNCHANGED and rejects is not None:
        pattern = marked("{path} was not written; csi imports rejects {number} gives the rows rejected then.")
        say(pattern, err=True, path=rejects, number=made.same_as)


def _tell(made: Import, days_zone: str) -> None:
    """Say on standard error what became of an import into a folder whose days are cut in a zone."""
    if made.status == books.UNCHANGED:
        pattern = marked("Import {number}: the same as import {other}, which still counts; nothing to do.")
        say(pattern, err=True, number=made.id, other=made.same_as)
        return
    pattern = marked("Import {number} is {status}. csi imports undo {number} takes it back.")
    say(pattern, err=True, number=made.id, status=words(_STATUSES[made.status]))
    for line in _account_of(made, days_zone):
        click.echo(visible(line), err=True)


def _account_of(made: Import, days_zone: str) -> Iterator[str]:
    """What became of the records of each kind, and what else is to be told of an import."""
    translate = translator(spoken())
    for outcome in told_outcomes(made, translate):
        yield from _account_of_kind(outcome)
    yield from told_notes(made, days_zone, translate)


def _account_of_kind(outcome: Mapping[str, Any]) -> Iterator[str]:
    yield words(
        "{kind}: {loaded:,} imported ({created:,} created, {replaced:,} replaced, {unchanged:,} unchanged), "
        "{rejected:,} rejected",
        kind=named(outcome["kind"]),
        **{name: outcome[name] for name in ("loaded", "created", "replaced", "unchanged", "rejected")},
    )
    if outcome["repeated"]:
        yield "  " + words("{count:,} replaced by a later row with the same number", count=outcome["repeated"])
    for reason in outcome["reasons"][:_REASONS_SHOWN]:
        yield words("  {count:,} x {reason}", count=reason["rows"], reason=reason["reason"])
    if outcome["ignored_columns"]:
        yield words("  columns not used: {names}", names=", ".join(outcome["ignored_columns"]))


@click.group(short_help="What was imported.")
def imports() -> None:
    """List imports, show one, undo one."""


@imports.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, the newest first."
)
@data_option
def list_(limit: int, data: Path | None) -> None:
    """List the imports, the newest first."""
    services = services_for(data)
    found, _ = list_imports(services.store(), limit=limit)
    head = heads("number", "status", "kind", "files", "made", "by", "loaded", "rejected rows")
    rows = [_row(each, services.settings.time_zone) for each in found]
    for line in in_columns([head, *rows], range(1, 6)):
        click.echo(line)


def _row(found: Import, zone: zoneinfo.ZoneInfo) -> tuple[str, ...]:
    sums = [f"{sum(outcome[name] for outcome in found.outcomes):,}" for name in ("loaded", "rejected")]
    made = found.created_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    files, more = found.files[0], len(found.files) - 1
    if more:
        files = f"{files} +{more}"
    status, kind = words(_STATUSES[found.status]), named(found.kind)
    return (str(found.id), status, kind, visible(files), made, visible(found.created_by), *sums)


@imports.command()
@click.argument("number", type=int)
@data_option
def show(number: int, data: Path | None) -> None:
    """Show an import: how far it has come, what became of it."""
    services = services_for(data)
    found, zone = find_import(services.store(), number), services.settings.time_zone
    files, status = ", ".join(found.files), words(_STATUSES[found.status])
    pattern = marked("Import {number} of {kind} from {files}: {status}")
    say(pattern, number=found.id, kind=named(found.kind), files=files, status=status)
    made, begun, ended = (
        None if at is None else at.astimezone(zone) for at in (found.created_at, found.started_at, found.finished_at)
    )
    if made is not None:
        say("  made {at:%Y-%m-%d %H:%M:%S}", at=made)
    if begun is not None:
        say("  begun {at:%Y-%m-%d %H:%M:%S}", at=begun)
    if ended is not None:
        say("  ended {at:%Y-%m-%d %H:%M:%S}", at=ended)
    say("  by {name}", name=found.created_by)
    if found.status == books.RUNNING:
        say("  {share:.0%} done, about {count:,} rows read", share=found.share_done, count=found.rows_read)
    if found.same_as is not None:
        say("  the same as import {number}", number=found.same_as)
    if found.error is not None:
        click.echo(f"  {visible(words(found.error))}")
    for line in _account_of(found, services.store().time_zone):
        click.echo(visible(line))


@imports.command()
@click.argument("number", type=int)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there instead of to the terminal."
)
@data_option
def rejects(number: int, output: Path | None, data: Path | None) -> None:
    """Print the rejected rows of an import as CSV; mended, the file can be imported."""
    store = services_for(data).store()
    write_whole(rejects_of(store, find_import(store, number), spoken()).read_bytes(), output)


@imports.command()
@click.argument("number", type=int)
@data_option
def cancel(number: int, data: Path | None) -> None:
    """Stop an import that waits or is running; nothing of it remains."""
    services = services_for(data)
    found = request_cancel(services.store(), number, actor(), services.now())
    status = words("stopping") if found.status in books.OPEN else words(_STATUSES[found.status])
    say("Import {number} is {status}.", err=True, number=number, status=status)


@imports.command()
@click.argument("number", type=int)
@data_option
def undo(number: int, data: Path | None) -> None:
    """Take an import back: what came with it goes, what it replaced comes back unless something newer stands there."""
    services = services_for(data)
    undo_import(services.store(), number, actor(), services.now)
    say("Import {number} is undone.", err=True, number=number)


@imports.command(hidden=True)
@data_option
def work(data: Path | None) -> None:
    """Work off what was sent to the service; it starts this by itself."""
    services = services_for(data)
    logs.configure(services.settings.log_format, services.settings.log_level)
    work_off(services.store(), services.now)
