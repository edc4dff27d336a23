"""Weights, forms and mappings that a caller names: a file, or one by its name; and the check of such files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from csi_service.cli.language import words
from csi_service.core.forms import Form, parse_form
from csi_service.core.told import Told
from csi_service.core.weights import WeightSet, parse_weights
from csi_service.errors import DocumentError, FileRefusedError, MappingError, Problem
from csi_service.forms_folder import read_form_text
from csi_service.ingest.mapping import Mapping, parse_mapping
from csi_service.language import line_of, message_of
from csi_service.services import Services
from csi_service.weights_folder import read_text


def find_weights(services: Services, name: str) -> WeightSet:
    """Return the set of a name, or that of a file whose name ends in .toml."""
    return read_weights_file(Path(name)) if name.endswith(".toml") else services.weights.get(name)


def read_weights_file(path: Path) -> WeightSet:
    """Return the set of a file."""
    return parse_weights(read_text(_file(path)), path.stem)


def read_form_file(path: Path) -> Form:
    """Return the form of a file."""
    return parse_form(read_form_text(_file(path)), path.stem)


def check_files(files: Sequence[str], read: Callable[[Path], Any], told: Callable[[Any], str]) -> None:
    """Read each file and say what it is, or a line for each of its problems.

    Raises:
        FileRefusedError: one of them cannot be used.
    """
    faulty = 0
    for name in files:
        try:
            document = read(Path(name))
        except DocumentError as error:
            for problem in error.problems:
                click.echo(f"{name}: {words(line_of(problem))}", err=True)
            faulty += 1
        except FileRefusedError as error:
            click.echo(words(message_of(error)), err=True)
            faulty += 1
        else:
            click.echo(words("{name}: good, {document}", name=name, document=told(document)))
            tell_warnings(document)
    if faulty:
        raise FileRefusedError(Told("{faulty} of {count} files cannot be used", faulty=faulty, count=len(files)))


def tell_warnings(document: WeightSet | Form) -> None:
    """Say what is odd about a document that can be used."""
    for warning in document.warnings:
        click.echo(words("Note: {text}", text=words(warning)), err=True)


def read_mapping_file(path: Path) -> Mapping:
    """Return the mapping of a file."""
    return parse_mapping(read_mapping_text(path), path.name)


def read_mapping_text(path: Path) -> str:
    """Return the text of a mapping's file."""
    try:
        return _file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise MappingError(path.name, (Problem("", "is not UTF-8 text", code="encoding"),)) from error


def _file(path: Path) -> Path:
    if not path.is_file():
        raise FileRefusedError(Told("{path}: there is no such file", path=path))
    return path
