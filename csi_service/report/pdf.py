"""The report as PDF, set by Typst in the embedded font; the same document gives the same bytes."""

import dataclasses
import functools
import json
import re
from importlib.resources import files
from typing import Any

import typst

from csi_service.report.document import Document
from csi_service.report.font import drawable, font_folder

_LONG_WORD = re.compile(r"[^\s\u2e80-\uffef\u200b]{20}")  # Chinese breaks by itself


def as_pdf(document: Document) -> bytes:
    """Return the document as PDF.

    Raises:
        RuntimeError: the typesetter warned, for instance of a font that is not there; a page would look wrong.
    """
    return compiled(typst_data(document))


def compiled(data: str) -> bytes:
    """Return the PDF of a document as `typst_data` gives it; RuntimeError where the typesetter warned."""
    template, fonts = _prepared()
    compiler = typst.Compiler(template, font_paths=fonts)
    pdf, warnings = compiler.compile_with_warnings(format="pdf", sys_inputs={"document": data})
    if warnings or not isinstance(pdf, bytes):
        raise RuntimeError(f"the report could not be set: {'; '.join(warning.message for warning in warnings)}")
    return pdf


def typst_data(document: Document) -> str:
    """Return the document as the template reads it: JSON, every text drawable and breakable."""
    return json.dumps(_plain(document), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return drawable(value) if value.startswith("<svg ") else _LONG_WORD.sub(_breakable, drawable(value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def _breakable(word: re.Match[str]) -> str:
    return word[0] + "\u200b"  # a place to break that is not seen


@functools.cache
def _prepared() -> tuple[bytes, typst.Fonts]:
    template = files("csi_service.report") / "templates" / "report.typ"
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[font_folder()])
    return template.read_bytes(), fonts
