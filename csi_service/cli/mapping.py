"""csi mapping: a first draft from a file's headers, and a check of a mapping."""

from pathlib import Path

import click

from csi_service.cli.documents import read_mapping_file
from csi_service.cli.language import named, words
from csi_service.core.told import Told
from csi_service.errors import FileRefusedError, MappingError
from csi_service.facts.duck import workspace
from csi_service.ingest.suggest import suggest as draft
from csi_service.language import line_of
from csi_service.settings import load_settings


@click.group(short_help="Mappings: suggest, check.")
def mapping() -> None:
    """Draft and check mappings of other systems' exports."""


@mapping.command()
@click.argument("file", type=click.Path(path_type=Path))
def suggest(file: Path) -> None:
    """Draft a mapping from the headers and first rows of a CSV, XLSX or Parquet FILE; read it before you use it."""
    zone = str(load_settings().time_zone)
    with workspace(opens=[file]) as (connection, folder):
        click.echo(draft(connection, file, folder, zone, words), nl=False)


@mapping.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check a mapping file; each problem is a line, and any makes exit code 2."""
    try:
        read = read_mapping_file(file)
    except MappingError as error:
        for problem in error.problems:
            click.echo(f"{file}: {words(line_of(problem))}", err=True)
        raise FileRefusedError(Told("{file} cannot be used", file=file)) from error
    kinds = words(", ").join(map(named, read.kinds)) or words("no record kinds")
    click.echo(words("{name}: good, {document}", name=file, document=kinds))
