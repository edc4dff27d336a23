"""The report's writers: one a format, one line in WRITERS."""

from collections.abc import Callable, Mapping

from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.report.html import as_html
from csi_service.report.layout import document_of
from csi_service.report.monthly import ReportModel
from csi_service.report.pdf import as_pdf
from csi_service.report.words import Words, words_of
from csi_service.report.xlsx import as_xlsx

Writer = Callable[[ReportModel, Words], bytes]

WRITERS: Mapping[str, Writer] = {
    "html": lambda model, words: as_html(document_of(model, words)),
    "pdf": lambda model, words: as_pdf(document_of(model, words)),
    "xlsx": as_xlsx,
}


def write_report(model: ReportModel, format_: str, language: str) -> bytes:
    """Return a report in a format and a language.

    Raises:
        InvalidInputError: no such format or language.
    """
    if format_ not in WRITERS:
        text = Told(
            "{format_!r} is no format of a report; accepted are {formats}", format_=format_, formats=", ".join(WRITERS)
        )
        raise InvalidInputError(Problem("format", text, format_, "format"))
    return WRITERS[format_](model, words_of(language))
