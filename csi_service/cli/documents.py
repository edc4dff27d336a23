"""Weights and mappings that a caller names: a file, or weights by their name."""

from pathlib import Path

from csi_service.core.weights import WeightSet, parse_weights
from csi_service.errors import FileRefusedError, MappingError, Problem
from csi_service.ingest.mapping import Mapping, parse_mapping
from csi_service.services import Services
from csi_service.weights_folder import read_text


def find_weights(services: Services, name: str) -> WeightSet:
    """Return the set of a name, or that of a file whose name ends in .toml."""
    return read_weights_file(Path(name)) if name.endswith(".toml") else services.weights.get(name)


def read_weights_file(path: Path) -> WeightSet:
    """Return the set of a file."""
    return parse_weights(read_text(_file(path)), path.stem)


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
        raise FileRefusedError(f"{path}: there is no such file")
    return path
