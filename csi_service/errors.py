"""Every error the service raises on purpose. Imports nothing; HTTP statuses and exit codes live at the edges."""

from dataclasses import dataclass


class CsiError(Exception):
    """Base of all errors raised on purpose; anything else is a bug."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    `where` is the key or JSON pointer of the offending value, `found` the value itself (None where nothing was found),
    `code` a short stable word for programs, `message` what would be right, for people.
    """

    where: str
    message: str
    found: object = None
    code: str = "invalid"

    def __str__(self) -> str:
        """Return the problem as one line: where, what is wrong."""
        return f"{self.where}: {self.message}" if self.where else self.message


class UserError(CsiError):
    """The caller sent something that cannot be used; the message says what would be right."""


class InvalidInputError(UserError):
    """Values that break their rules; carries one `Problem` for each."""

    def __init__(self, *problems: Problem) -> None:
        """Keep the problems and join them into the message."""
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems

    @property
    def code(self) -> str:
        """The first problem's code."""
        return self.problems[0].code


class NotFoundError(UserError):
    """A thing that was asked for by name is not there."""


class FileRefusedError(UserError):
    """A file that cannot be read as a whole: wrong format, missing columns, too large."""


class NotAllowedError(UserError):
    """The caller is known, but may not do this."""


class ConflictError(UserError):
    """What was asked for contradicts what is kept by now."""


class OutdatedError(UserError):
    """A change of something that somebody else has changed since it was read."""


class StoreBusyError(CsiError):
    """The store is at work for others and did not get round to this in time; the same again later may succeed."""


class StoreFullError(CsiError):
    """There is no room left on the disk; nothing was changed."""


class DamagedError(CsiError):
    """Kept data that cannot be read; carries the file's name for `csi doctor` and the log."""


class OperatorError(CsiError):
    """Something the operator of the service has to mend."""


class DocumentError(OperatorError):
    """A configuration document (weights, mapping) that breaks its rules; carries one `Problem` for each."""

    def __init__(self, document: str, problems: tuple[Problem, ...]) -> None:
        """Keep the document's name and its problems and join them into the message."""
        super().__init__(f"{document}: " + "; ".join(str(problem) for problem in problems))
        self.document = document
        self.problems = problems


class WeightsError(DocumentError):
    """A weights document that breaks its rules."""


class FormError(DocumentError):
    """A QA form (质检规则) that breaks its rules."""


class MappingError(DocumentError):
    """A mapping document that breaks its rules."""


class SettingsError(OperatorError):
    """A setting that cannot be used."""
