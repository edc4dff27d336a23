"""The query of a URL: strict, like a body."""

from collections.abc import Container
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError

from csi_service.errors import InvalidInputError, Problem
from csi_service.schema.problem import problems_of


def read_query(schema: Schema, lists: Container[str] = ()) -> dict[str, Any]:
    """Return the loaded query of the request at hand; the names of `lists` may be repeated and are read as a list.

    Raises:
        InvalidInputError: a name that is not known or stands twice, or a value that breaks its rules.
    """
    given = request.args.to_dict(flat=False)
    if repeated := [name for name, texts in given.items() if len(texts) > 1 and name not in lists]:
        raise InvalidInputError(
            *(Problem(f"/{name}", "stands twice in the query; give it once", code="duplicate_key") for name in repeated)
        )
    texts = {name: texts if name in lists else texts[0] for name, texts in given.items()}
    try:
        return dict(schema.load(texts))
    except ValidationError as error:
        raise InvalidInputError(*problems_of(error, texts)) from error
