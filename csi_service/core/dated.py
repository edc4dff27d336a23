"""Dated documents (weights, forms): the one in effect on a day, the name that a dated one has, the digest."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from csi_service.core.told import Told
from csi_service.errors import NotFoundError, Problem

DEFAULT = "default"
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Document(Protocol):
    """A document that has a name and is valid from a day on."""

    @property
    def name(self) -> str:
        """The file's name without its ending."""

    @property
    def effective(self) -> dt.date:
        """The first day of validity."""


Some = TypeVar("Some", bound=Document)


def name_problem(name: str, effective: dt.date, kind: str) -> Problem | None:
    """Return what is wrong with the name of a dated document: it must be the first day; None where nothing is."""
    if _DATED.fullmatch(name) is None or name == effective.isoformat():
        return None
    text = Told(
        "is {effective}; a dated {kind} is named after its first day, this file is {name}.toml",
        effective=effective,
        kind=kind,
        name=name,
    )
    return Problem("effective", text, effective.isoformat(), "date")


def in_effect(documents: Iterable[Some], day: dt.date, what: str, kind: str) -> Some:
    """Return the document valid on a day: of the dated ones and the default, the latest that has begun by then.

    `what` and `kind` are the words for them in messages: no `what` are in effect, there is no dated `kind`.

    Raises:
        NotFoundError: none is valid yet on that day; the message names the first day of the first one.
    """
    dated = [document for document in documents if document.name == DEFAULT or _DATED.fullmatch(document.name)]
    valid = [document for document in dated if document.effective <= day]
    if not valid:
        first = min((document.effective for document in dated), default=None)
        hint = (
            Told("the first one is valid from {first}", first=first)
            if first
            else Told("there is neither a dated {kind} nor a default one", kind=kind)
        )
        raise NotFoundError(Told("no {what} are in effect on {day}: {hint}", what=what, day=day, hint=hint))
    return max(valid, key=lambda document: (document.effective, document.name != DEFAULT))


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document's content, the same for every order and layout of its keys."""
    content = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()
