"""csi mapping: a first draft from a file's headers, and a check of a mapping."""

from pathlib import Path

import click

from csi_service.errors import FileRefusedError, MappingError
from csi_service.facts.duck import workspace
from csi_service.ingest.mapping import parse_mapping
from csi_service.ingest.suggest import suggest as draft


@click.group(short_help="Mappings: suggest, check.")
def mapping() -> None:
    """Draft and check mappings of other systems' exports."""


@mapping.command()
@click.argument("file", type=click.Path(path_type=Path))
def suggest(file: Path) -> None:
    """Draft a mapping from the headers and first rows of a CSV, XLSX or Parquet FILE; read it before you use it."""
    with workspace() as (connection, folder):
        click.echo(draft(connection, file, folder), nl=False)


@mapping.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check a mapping file; each problem is a line, and any makes exit code 2."""
    if not file.is_file():
        raise FileRefusedError(f"{file}: there is no such file")
    try:
        read = parse_mapping(file.read_text(encoding="utf-8"), file.name)
    except MappingError as error:
        for problem in error.problems:
            click.echo(f"{file}: {problem}", err=True)
        raise FileRefusedError(f"{file} cannot be used") from error
    click.echo(f"{file}: good, {', '.join(read.kinds) or 'no record kinds'}")
