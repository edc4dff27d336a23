"""Answers made of kept data: one of the media asked for, kept in this process while the data stay as they are.

An answer is found again by the caller's teams, language and, where it matters, name, and by the request's own bytes,
before anything of it is read. It is valid as long as nobody wrote, the day is the same and so are the weights.
"""

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Response, g, request
from werkzeug.exceptions import NotAcceptable

from csi_service import __version__
from csi_service.api.body import best_language
from csi_service.core.told import Told
from csi_service.errors import NotFoundError
from csi_service.services import Services

JSON, CSV = "application/json", "text/csv"
MOST_BYTES = 32 << 20  # kept answers of a process
_LEAST_GZIP_BYTES = 1024
_ENTRY_BYTES = 2048  # what an entry takes besides its body and the texts of its request, about


@dataclass(frozen=True, slots=True)
class Made:
    """A finished body, the write that it is as new as, and headers of its own."""

    body: bytes
    revision: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kept:
    state: tuple[object, ...]
    body: bytes
    tag: str
    headers: tuple[tuple[str, str], ...]


class KeptAnswers:
    """Finished answers by request, the longest unused ones dropped first."""

    def __init__(self, services: Services, most_bytes: int = MOST_BYTES) -> None:
        """Start without any."""
        self._services = services
        self._most = most_bytes
        self._size = 0
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, make: Callable[[str], Made], reader: str = "") -> Response:
        """Answer the request at hand: as kept, or as `make` makes it for a medium (JSON or CSV).

        `reader` is who alone may be answered so; where all who see the same teams are answered alike, nobody.

        Raises:
            NotAcceptable: neither medium is accepted.
        """
        environ = request.environ
        key = (
            g.caller.teams,
            reader,
            environ["PATH_INFO"],
            environ.get("QUERY_STRING", ""),
            environ.get("HTTP_ACCEPT", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
            best_language(),
        )
        weights = self._weights()
        state = (self._services.store().database.pulse(), *weights)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.state == state:
                self._kept.move_to_end(key)
        if kept is None or kept.state != state:
            kept = _finish(make, weights)
            self._keep(key, kept)
        return _respond(kept)

    def _weights(self) -> tuple[object, ...]:
        """The day, and the digests of the sets that can count: the dated ones, and the one that is named."""
        digests = [weights.digest for weights in self._services.dated_weights()]
        query = request.environ.get("QUERY_STRING", "")
        told = "weights=" in query or "%" in query  # its name may be written so that it is not to be seen at once
        if told and (name := request.args.get("weights")):
            try:
                digests.append(self._services.weights.get(name).digest)
            except NotFoundError:
                digests.append("")  # refused once the query is read
        return (self._services.today(), *digests)

    def _keep(self, key: tuple[object, ...], kept: _Kept) -> None:
        with self._lock:
            old = self._kept.pop(key, None)
            self._size += _size(key, kept) - (0 if old is None else _size(key, old))
            self._kept[key] = kept
            while self._size > self._most:
                self._size -= _size(*self._kept.popitem(last=False))


def _size(key: tuple[object, ...], kept: _Kept) -> int:
    return len(kept.body) + sum(len(text) for text in key if isinstance(text, str)) + _ENTRY_BYTES


def _finish(make: Callable[[str], Made], weights: tuple[object, ...]) -> _Kept:
    media = _medium()
    made = make(media)
    body, own = made.body, {"Content-Type": f"{CSV}; charset=utf-8" if media == CSV else JSON, **made.headers}
    if len(body) > _LEAST_GZIP_BYTES and request.accept_encodings["gzip"] > 0:
        body = gzip.compress(body, 2, mtime=0)
        own["Content-Encoding"] = "gzip"
    told = "\n".join([__version__, *(f"{name}: {text}" for name, text in own.items()), ""]).encode()
    tag = f'"{hashlib.sha256(told + body).hexdigest()[:32]}"'
    shared = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Accept-Encoding, Accept-Language, Authorization",
    }
    return _Kept((made.revision, *weights), body, tag, (*own.items(), *shared.items()))


def _medium() -> str:
    if not request.environ.get("HTTP_ACCEPT"):
        return JSON
    media = request.accept_mimetypes.best_match([JSON, CSV])
    if media is None:
        raise NotAcceptable(Told("The answer comes as {json} or {csv}; accept one of them.", json=JSON, csv=CSV))
    return media


def _respond(kept: _Kept) -> Response:
    asked = request.environ.get("HTTP_IF_NONE_MATCH")
    if asked and request.if_none_match.contains_weak(kept.tag.strip('"')):
        return Response(
            status=304, headers=[pair for pair in kept.headers if pair[0] not in ("Content-Type", "Content-Encoding")]
        )
    return Response(kept.body, 200, kept.headers)
