"""Forms with files: read part by part, the files straight into a folder, under names of our own."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from flask import request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import get_input_stream

from csi_service.api.body import MalformedError
from csi_service.core.told import Told
from csi_service.errors import StoreFullError

_MOST_FIELD_BYTES = 1024 * 1024
_MOST_PARTS = 100


class FormTooLargeError(HTTPException):
    """A form above its own limit, which is another one than that of other bodies."""

    code = 413


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its text fields by name, and of each file the field's name, the sender's name of it, where it lies."""

    fields: Mapping[str, list[str]]
    files: list[tuple[str, str, Path]]


def read_form(folder: Path, most_bytes: int) -> Form:
    """Return the form of the request at hand; its files are written below the folder.

    Raises:
        UnsupportedMediaType: not sent as multipart/form-data.
        FormTooLargeError: larger than `most_bytes`, or a text field above 1 MiB.
        MalformedError: no proper form.
        StoreFullError: no room is left for the files.
    """
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Send a form with files as multipart/form-data.")
    opened: list[IO[bytes]] = []

    def write_to(*_: Any, **__: Any) -> IO[bytes]:
        stream = (folder / f"part-{len(opened):04}").open("w+b")
        opened.append(stream)
        return stream

    parser = FormDataParser(
        stream_factory=write_to,
        max_form_memory_size=_MOST_FIELD_BYTES,
        max_content_length=most_bytes,
        max_form_parts=_MOST_PARTS,
        silent=False,
    )
    try:
        fields, files = _parsed(parser, most_bytes)
        for one in opened:
            one.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise StoreFullError("there is no room left for the files on the data folder's disk") from error
    finally:
        for one in opened:
            one.close()
    found = [
        (name, each.filename or "", Path(str(each.stream.name))) for name, parts in files.lists() for each in parts
    ]
    return Form(dict(fields.lists()), found)


def _parsed(parser: FormDataParser, most_bytes: int) -> tuple[Any, Any]:
    """The fields and files of the request's form."""
    try:
        stream = get_input_stream(request.environ, max_content_length=most_bytes)
        _, fields, files = parser.parse(stream, request.mimetype, request.content_length, request.mimetype_params)
    except RequestEntityTooLarge as error:
        raise FormTooLargeError(
            Told(
                "The form is larger than {most_bytes} bytes (setting CSI_MAX_UPLOAD_BYTES), or a "
                "text field of it than {most_field_bytes}.",
                most_bytes=most_bytes,
                most_field_bytes=_MOST_FIELD_BYTES,
            )
        ) from error
    except ValueError as error:
        raise MalformedError(Told("The body is no proper form: {error}.", error=error)) from error
    return fields, files
