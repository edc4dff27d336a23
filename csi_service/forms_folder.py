"""The QA forms (质检规则): those of the data folder over the shipped ones, read anew when a file changes."""

import importlib.resources
from pathlib import Path

from csi_service.core.forms import Form, parse_form
from csi_service.core.told import Told
from csi_service.errors import FormError, NotFoundError, Problem


def shipped_forms() -> Path:
    """Return the folder of the forms that come with the program: inside an installed package, beside a checkout."""
    package = Path(str(importlib.resources.files("csi_service")))
    inside = package / "forms"
    return inside if inside.is_dir() else package.parent / "forms"


class FormsFolder:
    """The forms of two folders by name; one of the first folder takes the place of one of the second."""

    def __init__(self, own: Path, shipped: Path) -> None:
        """Point at the folders; nothing is read yet, and the first one need not be there."""
        self._folders = (own, shipped)
        self._read: dict[Path, tuple[int, Form]] = {}

    def names(self) -> list[str]:
        """Return the names of the forms, sorted."""
        return sorted({path.stem for folder in self._folders for path in folder.glob("*.toml")})

    def get(self, name: str) -> Form:
        """Return the form of a name.

        Raises:
            NotFoundError: no file of that name; the message lists the names.
            FormError: the file breaks its rules.
        """
        names = self.names()
        if name not in names:
            raise NotFoundError(
                Told("there is no form {name!r}; there are {value}", name=name, value=", ".join(names) or Told("none"))
            )
        path = next(found for folder in self._folders if (found := folder / f"{name}.toml").is_file())
        changed = path.stat().st_mtime_ns
        kept = self._read.get(path)
        if kept is None or kept[0] != changed:
            self._read[path] = kept = (changed, parse_form(read_form_text(path), name))
        return kept[1]

    def all(self) -> list[Form]:
        """Return all forms, by name."""
        return [self.get(name) for name in self.names()]


def read_form_text(path: Path) -> str:
    """Return the text of a form's file.

    Raises:
        FormError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        text = Told("is not UTF-8 text ({reason} at byte {start})", reason=error.reason, start=error.start)
        raise FormError(path.name, (Problem("", text, code="encoding"),)) from error
