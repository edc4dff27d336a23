"""The weights folder: its files as sets, read anew when a file changes."""

import importlib.resources
from pathlib import Path

from csi_service.core.told import Told
from csi_service.core.weights import WeightSet, parse_weights
from csi_service.errors import NotFoundError, Problem, WeightsError


def shipped_folder() -> Path:
    """Return the folder of the weights that come with the program: inside an installed package, beside a checkout."""
    package = Path(str(importlib.resources.files("csi_service")))
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


class WeightsFolder:
    """The sets of a folder by name; unreadable files are reported by name when they are asked for."""

    def __init__(self, folder: Path) -> None:
        """Point at a folder; nothing is read yet."""
        self.folder = folder
        self._read: dict[Path, tuple[int, WeightSet]] = {}

    def names(self) -> list[str]:
        """Return the names of the sets, sorted.

        Raises:
            NotFoundError: there is no such folder.
        """
        if not self.folder.is_dir():
            raise NotFoundError(Told("there is no weights folder {folder}", folder=self.folder))
        return sorted(path.stem for path in self.folder.glob("*.toml"))

    def get(self, name: str) -> WeightSet:
        """Return the set of a name.

        Raises:
            NotFoundError: no file of that name; the message lists the names.
            WeightsError: the file breaks its rules.
        """
        if name not in self.names():
            raise NotFoundError(
                Told(
                    "there are no weights {name!r}; there are {value}",
                    name=name,
                    value=", ".join(self.names()) or Told("none"),
                )
            )
        path = self.folder / f"{name}.toml"
        changed = path.stat().st_mtime_ns
        kept = self._read.get(path)
        if kept is None or kept[0] != changed:
            self._read[path] = kept = (changed, parse_weights(read_text(path), name))
        return kept[1]

    def all(self) -> list[WeightSet]:
        """Return all sets, by name."""
        return [self.get(name) for name in self.names()]


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file; WeightsError where it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise WeightsError(
            path.name,
            (
                Problem(
                    "",
                    Told("is not UTF-8 text ({reason} at byte {start})", reason=error.reason, start=error.start),
                    code="encoding",
                ),
            ),
        ) from error
