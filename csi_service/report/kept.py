"""Reports from the store: made when they are asked for, once for all who ask the same; published ones as they were."""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa

from csi_service import __version__
from csi_service.core.periods import Period, spanning
from csi_service.core.told import Told
from csi_service.core.weights import WeightSet
from csi_service.errors import ConflictError, InvalidInputError, Problem
from csi_service.ingest.outcome import Outcome
from csi_service.language import LANGUAGES
from csi_service.records.tables import DAYS, IMPORTS, RECORDS, REPLACED_PARTS
from csi_service.report.collect import COMPARED, Asked, report_of, trailing
from csi_service.report.monthly import ReportModel, Restatement
from csi_service.report.writers import WRITERS, write_report
from csi_service.schema.scores import weights_body
from csi_service.store.facts import nothing_in, open_facts, revision_of
from csi_service.store.folder import Store
from csi_service.store.import_books import DONE, RUNNING
from csi_service.store.published import Published, find_published, keep_published

REPORT_LOCK = "report.lock"
KEPT_FILES = 60  # of reports that were made; the oldest go
_LEAST_REASON, _MOST_REASON = 5, 500
_TRIES = 3  # the first may itself put calls into files that were sent one by one


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A report that is wanted: what it tells, today's local day, and the teams that its reader sees (None: all)."""

    asked: Asked
    today: dt.date
    teams: tuple[str, ...] | None = None


def live_report(store: Store, sets: Sequence[WeightSet], wanted: Wanted) -> ReportModel:
    """Return the report of the data as they are now.

    Raises:
        InvalidInputError: unknown keys or comparison.
        NotFoundError: no weights are in effect on the period's last day.
        DamagedError: a file of calls that is needed cannot be read.
    """
    asked = wanted.asked
    facts = open_facts(store, _needed(asked), asked.keys, teams=wanted.teams)
    outcomes = _outcomes(store, asked.period) if wanted.teams is None else ()  # files hold the rows of all teams
    model = report_of(facts, sets, asked, wanted.today, outcomes)
    return dataclasses.replace(model, importing=_importing(store), teams=wanted.teams)


def _needed(asked: Asked) -> Period:
    """All days that a report tells of: its period, the trend, the compared period."""
    compare = COMPARED.get(asked.compare)
    compared = compare(asked.period) if compare is not None else None
    first = min(period.first for period in (*trailing(asked.period), compared) if period is not None)
    return spanning(first, asked.period.last)


def made_report(store: Store, sets: Sequence[WeightSet], wanted: Wanted, format_: str, language: str) -> bytes:
    """Return the document of the data as they are now; of several who ask for the same at once, one makes it.

    Raises:
        InvalidInputError: unknown format, language, keys or comparison.
    """
    if format_ not in WRITERS or language not in LANGUAGES:
        text = Told(
            "is {format_}, {language}; formats are {formats}, languages {languages}",
            format_=format_,
            language=language,
            formats=", ".join(WRITERS),
            languages=", ".join(LANGUAGES),
        )
        raise InvalidInputError(Problem("format", text, format_, "format"))
    folder = store.folder / "reports"
    folder.mkdir(exist_ok=True)
    kept = folder / f"{_digest(store, sets, wanted, language)}.{format_}"
    if not kept.exists():
        with store.lock(REPORT_LOCK):
            if not kept.exists():
                _put(kept, write_report(live_report(store, sets, wanted), format_, language))
    return kept.read_bytes()


def _digest(store: Store, sets: Sequence[WeightSet], wanted: Wanted, language: str) -> str:
    with store.database.reading() as connection:
        revision = revision_of(connection)
    asked = wanted.asked
    weights = [each.digest for each in sets] + [asked.weights.digest if asked.weights else ""]
    told = [
        __version__, revision, _importing(store), weights, asked.period.label, asked.keys, asked.compare, language,
        wanted.today.isoformat(), wanted.teams,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _put(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    beside.replace(path)
    others = sorted(path.parent.iterdir(), key=lambda other: other.stat().st_mtime, reverse=True)
    for old in others[KEPT_FILES:]:
        old.unlink(missing_ok=True)


def _importing(store: Store) -> bool:
    with store.database.reading() as connection:
        running = sa.select(IMPORTS.c.id).where(IMPORTS.c.status == RUNNING).limit(1)
        return connection.execute(running).first() is not None


def _outcomes(store: Store, period: Period) -> list[Outcome]:
    """What became of the rows of the imports that brought records of the period."""
    with store.database.reading() as connection:
        days = REPLACED_PARTS.c.day.between(period.first, period.last)
        found = set(connection.execute(sa.select(REPLACED_PARTS.c.import_id).distinct().where(days)).scalars())
        for name, table in RECORDS.items():
            if name != "calls":
                within = sa.and_(table.c.day.between(period.first, period.last), table.c.import_id.is_not(None))
                found |= set(connection.execute(sa.select(table.c.import_id).distinct().where(within)).scalars())
        query = sa.select(IMPORTS.c.outcomes).where(IMPORTS.c.id.in_(found), IMPORTS.c.status == DONE)
        outcomes = [each for row in connection.execute(query).scalars() for each in row or ()]
    return [Outcome(each["kind"], loaded=each["loaded"], rejected=each["rejected"]) for each in outcomes]


def _check_published(wanted: Wanted, reason: str | None, published: bool) -> None:
    """Refuse what cannot be published or restated."""
    if reason is not None and not _LEAST_REASON <= len(reason.strip()) <= _MOST_REASON:
        bounds = {"least": _LEAST_REASON, "most": _MOST_REASON}
        text = Told("must have {least} to {most} characters; say what changed and why", **bounds)
        raise InvalidInputError(Problem("reason", text, reason, "length"))
    period = wanted.asked.period
    if reason is not None and not published:
        text = Told("{period} was not published, so there is nothing to restate; publish it", period=period.label)
        raise ConflictError(text)
    if period.last >= wanted.today:
        text = Told("{period} has not ended; it can be published from {day}", period=period.label, day=_after(period))
        raise ConflictError(text)


def publish(
    store: Store, sets: Sequence[WeightSet], wanted: Wanted, now: dt.datetime, actor: str, reason: str | None = None
) -> Published:
    """Freeze a period's report in every format and language; published already, it stays as it is.

    With a `reason` it is restated: a further version that shows the published figures beside the present ones.

    Raises:
        ConflictError: the period has not ended or has no records, data are coming in, or there is nothing to restate.
        InvalidInputError: a reason of less than 5 or more than 500 characters.
    """
    asked = wanted.asked
    versions = find_published(store, asked.period.label, asked.keys)
    if versions and reason is None:
        return versions[0]
    _check_published(wanted, reason, bool(versions))
    model, revision = _steady_report(store, sets, wanted)
    if model.empty:
        text = note_of_nothing(store, asked.period) or Told("no record counts there")
        raise ConflictError(Told("there is nothing to publish: {text}", text=text))
    if model.importing:
        raise ConflictError("data are being imported; publish when that has ended")
    if reason is not None:
        before = versions[0]
        restated = Restatement(before.figures, before.published_at.date(), reason.strip())
        model = dataclasses.replace(model, restatement=restated)
    files = {(name, lang): write_report(model, name, lang) for name in WRITERS for lang in LANGUAGES}
    made = Published(
        period=asked.period.label,
        keys=asked.keys,
        version=versions[0].version + 1 if versions else 1,
        compare=asked.compare,
        weights=weights_body(model.weights),
        data_revision=revision,
        code_version=__version__,
        figures={figure.key: figure.value for figure in model.figures},
        reason=reason.strip() if reason is not None else None,
        published_at=now,
        published_by=actor,
    )
    keep_published(store, made, files)
    return made


def _steady_report(store: Store, sets: Sequence[WeightSet], wanted: Wanted) -> tuple[ReportModel, int]:
    """The report of the data as they are now, and the number of the last write; its days changed in no later one.

    Raises:
        ConflictError: they changed all the while.
    """
    for _ in range(_TRIES):
        before, revision = _last_change(store, _needed(wanted.asked))
        model = live_report(store, sets, wanted)
        if _last_change(store, _needed(wanted.asked))[0] == before:
            return model, revision
    label = wanted.asked.period.label
    raise ConflictError(Told("records came in while the report of {period} was made; publish again", period=label))


def note_of_nothing(store: Store, period: Period) -> str | None:
    """Tell that a period has no record at all, and where the records lie; None where it has one."""
    if _last_change(store, period)[0] is not None:
        return None
    with store.database.reading() as connection:
        return nothing_in(connection, period)


def _last_change(store: Store, days: Period) -> tuple[int | None, int]:
    """The number of the last write that touched a record of some days, and of the last write at all."""
    query = sa.select(sa.func.max(DAYS.c.revision)).where(DAYS.c.day.between(days.first, days.last))
    with store.database.reading() as connection:
        return connection.execute(query).scalar_one(), revision_of(connection)


def _after(period: Period) -> str:
    return (period.last + dt.timedelta(days=1)).isoformat()


def changes_since(published: Published, model: ReportModel) -> Mapping[str, tuple[float | None, float | None]]:
    """Return the figures that are no longer what was published, by node: as published, as they are now."""
    now = {figure.key: figure.value for figure in model.figures}
    return {
        key: (published.figures.get(key), now.get(key))
        for key in dict.fromkeys((*published.figures, *now))
        if not _same(published.figures.get(key), now.get(key))
    }


def _same(left: float | None, right: float | None) -> bool:
    return left == right if left is None or right is None else abs(left - right) <= 1e-12
