"""Published reports as they were: what they were made from, their figures, their documents byte for byte."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from csi_service.core.told import Told
from csi_service.errors import ConflictError
from csi_service.records.database import next_revision
from csi_service.records.tables import PUBLISHED, PUBLISHED_FILES
from csi_service.store.audit import note
from csi_service.store.folder import Store


@dataclass(frozen=True, slots=True)
class Published:
    """A published report; version 1 is the first publication, each later one restates it and gives its reason.

    `weights` tells the set (name, title, first day, digest), `figures` the value of each node of all groups together.
    """

    period: str
    keys: tuple[str, ...]
    version: int
    compare: str
    weights: Mapping[str, Any]
    data_revision: int
    code_version: str
    figures: Mapping[str, float | None]
    reason: str | None
    published_at: dt.datetime
    published_by: str


def find_published(store: Store, period: str, keys: tuple[str, ...]) -> list[Published]:
    """Return the versions of a period's published report, the newest first; none where it was never published."""
    with store.database.reading() as connection:
        return _versions(connection, period, keys)


def list_published(store: Store) -> list[Published]:
    """Return every published report, the newest first."""
    with store.database.reading() as connection:
        return [_published(row) for row in connection.execute(sa.select(PUBLISHED).order_by(PUBLISHED.c.id.desc()))]


def read_file(store: Store, found: Published, format_: str, language: str) -> bytes | None:
    """Return a document of a published report; None where it was not made in that format and language."""
    query = (
        sa.select(PUBLISHED_FILES.c.content)
        .join(PUBLISHED, PUBLISHED.c.id == PUBLISHED_FILES.c.published_id)
        .where(*_same(found.period, found.keys), PUBLISHED.c.version == found.version)
        .where(PUBLISHED_FILES.c.format == format_, PUBLISHED_FILES.c.language == language)
    )
    with store.database.reading() as connection:
        content: bytes | None = connection.execute(query).scalar_one_or_none()
    return content


def keep_published(store: Store, report: Published, files: Mapping[tuple[str, str], bytes]) -> None:
    """Keep a report and its documents (by format and language) for good.

    Raises:
        ConflictError: this version was published meanwhile.
    """
    row = {
        "period": report.period, "grouping": ",".join(report.keys), "version": report.version,
        "compare": report.compare, "weights": dict(report.weights), "data_revision": report.data_revision,
        "code_version": report.code_version, "figures": dict(report.figures), "reason": report.reason,
        "published_at": report.published_at, "published_by": report.published_by,
    }  # fmt: skip
    with store.database.writing() as connection:
        revision = next_revision(connection)
        versions = _versions(connection, report.period, report.keys)
        if versions and versions[0].version >= report.version:
            raise ConflictError(
                Told(
                    "{period} was published by {published_by} at the same time",
                    period=report.period,
                    published_by=versions[0].published_by,
                )
            )
        number = connection.execute(sa.insert(PUBLISHED).values(row).returning(PUBLISHED.c.id)).scalar_one()
        connection.execute(
            sa.insert(PUBLISHED_FILES),
            [
                {"published_id": number, "format": format_, "language": language, "content": content}
                for (format_, language), content in files.items()
            ],
        )
        action, subject = "publish" if report.version == 1 else "restate", f"{report.period} {row['grouping']}".strip()
        before = dict(versions[0].figures) if versions else None
        after = {"figures": dict(report.figures), "reason": report.reason, "version": report.version}
        note(connection, report.published_at, report.published_by, action, "report", subject, before, after, revision)


def _versions(connection: sa.Connection, period: str, keys: tuple[str, ...]) -> list[Published]:
    query = sa.select(PUBLISHED).where(*_same(period, keys)).order_by(PUBLISHED.c.version.desc())
    return [_published(row) for row in connection.execute(query)]


def _same(period: str, keys: tuple[str, ...]) -> tuple[sa.ColumnElement[bool], ...]:
    return (PUBLISHED.c.period == period, PUBLISHED.c.grouping == ",".join(keys))


def _published(row: Any) -> Published:
    return Published(
        row.period,
        tuple(name for name in row.grouping.split(",") if name),
        row.version,
        row.compare,
        row.weights,
        row.data_revision,
        row.code_version,
        row.figures,
        row.reason,
        row.published_at,
        row.published_by,
    )
