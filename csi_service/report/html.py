"""The report as one HTML file: no script, nothing fetched from elsewhere, good on paper and on a telephone."""

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from csi_service.report.document import Document

LANGUAGE_TAGS = {"en": "en", "zh": "zh-Hans"}


def as_html(document: Document) -> bytes:
    """Return the document as HTML; every text from data is escaped."""
    return _template().render(document=document, tag=LANGUAGE_TAGS[document.language]).encode()


@functools.cache
def _template() -> Template:
    loader = PackageLoader("csi_service.report")
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters["drawn"] = Markup  # our own charts, whose texts are escaped already
    return environment.get_template("report.html")
