"""API keys: made, listed, revoked and found by what a caller sends; kept as hashes only."""

import datetime as dt
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from csi_service.access import ROLES, Caller
from csi_service.core.told import Told
from csi_service.errors import ConflictError, InvalidInputError, NotFoundError, Problem, StoreBusyError, StoreFullError
from csi_service.records.database import Database, next_revision
from csi_service.records.tables import KEYS
from csi_service.store.audit import note

TRUSTED = dt.timedelta(milliseconds=50)  # so long a revocation may go unnoticed; asking at each request costs a tenth
LAST_USED_SECONDS = 60  # a key's last use is written at most this often
_PREFIX = "csi_[0-9a-f]{10}"  # no secret: lists and logs show it
_TEXT = re.compile(rf"({_PREFIX})_[A-Za-z0-9_-]{{43}}")  # 43 characters of base64 hold 256 bits
_MOST_CHARACTERS = 64
_MADE_AND_REVOKED = "SELECT count(*), max(id), count(revoked_at) FROM keys"
_NOBODY = "0" * 64  # a hash that no key has


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret; instants are in UTC, `teams` are the only ones that its holder sees (None: all)."""

    id: int
    name: str
    prefix: str
    role: str
    teams: tuple[str, ...] | None
    agent: str | None
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None

    def state(self, now: dt.datetime) -> str:
        """Return what it is worth: valid, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


def create_key(
    database: Database,
    name: str,
    role: str,
    actor: str,
    now: dt.datetime,
    teams: Iterable[str] = (),
    agent: str | None = None,
    expires_at: dt.datetime | None = None,
) -> tuple[Key, str]:
    """Make a key and return it with its text, which is kept nowhere; without teams its holder sees all of them.

    Raises:
        InvalidInputError: a name, team or agent that cannot be one, no such role, or an end that has passed.
        ConflictError: a valid key has this name.
    """
    named = tuple(sorted(set(teams))) or None
    _check(name, role, (*(named or ()), *([] if agent is None else [agent])), expires_at, now)
    prefix = f"csi_{secrets.token_hex(5)}"
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = {
        "name": name,
        "prefix": prefix,
        "role": role,
        "teams": None if named is None else list(named),
        "agent": agent,
        "created_at": now,
        "expires_at": expires_at,
    }
    with database.writing() as connection:
        revision = next_revision(connection)
        if [key for key in _read(connection, KEYS.c.name == name) if key.state(now) == "valid"]:
            raise ConflictError(
                Told("a valid key has the name {name!r}; revoke it first, or give another name", name=name)
            )
        connection.execute(sa.insert(KEYS).values(row | {"hash": _hash(text)}))
        note(connection, now, actor, "create", "key", name, after=row, revision=revision)
        (key,) = _read(connection, KEYS.c.prefix == prefix)
    return key, text


def _check(name: str, role: str, others: Iterable[str], expires_at: dt.datetime | None, now: dt.datetime) -> None:
    for where, text in (("name", name), *(("team or agent", text) for text in others)):
        hidden = text != text.strip() or any(unicodedata.category(sign)[0] == "C" for sign in text)
        if hidden or not 1 <= len(text) <= _MOST_CHARACTERS:
            right = Told(
                "give 1 to {most} characters that can be seen, without spaces around them", most=_MOST_CHARACTERS
            )
            raise InvalidInputError(
                Problem(where, Told("{text!r} cannot be used; {right}", text=text, right=right), text)
            )
    if ":" in name or re.fullmatch(_PREFIX, name):
        raise InvalidInputError(
            Problem("name", Told("{name!r} looks like something else; leave out ':' and 'csi_'", name=name), name)
        )
    if role not in ROLES:
        raise InvalidInputError(
            Problem("role", Told("{role!r} is no role; give one of {names}", role=role, names=", ".join(ROLES)), role)
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidInputError(Problem("expires", "has passed; give a day from today on", expires_at.isoformat()))


def list_keys(database: Database) -> list[Key]:
    """Return all keys in the order in which they were made, revoked ones too."""
    with database.reading() as connection:
        return _read(connection, sa.true())


def revoke_key(database: Database, which: str, actor: str, now: dt.datetime) -> Key:
    """Make a key worthless within `TRUSTED`, named by its holder's name or by its prefix, and return it.

    Raises:
        NotFoundError: there is no such key.
        ConflictError: it is revoked already.
    """
    with database.writing() as connection:
        revision = next_revision(connection)
        found = _read(connection, sa.or_(KEYS.c.name == which, KEYS.c.prefix == which))
        if not found:
            raise NotFoundError(
                Told("there is no key of the name or prefix {which!r}; csi key list shows all", which=which)
            )
        open_keys = [key for key in found if key.revoked_at is None]
        if not open_keys:
            raise ConflictError(
                Told(
                    "{which!r} is revoked already, since {revoked_at:%Y-%m-%d %H:%M} UTC",
                    which=which,
                    revoked_at=found[-1].revoked_at,
                )
            )
        for key in open_keys:  # an expired one may have the name as well
            connection.execute(sa.update(KEYS).where(KEYS.c.id == key.id).values(revoked_at=now))
            before, after = {"prefix": key.prefix, "revoked_at": None}, {"prefix": key.prefix, "revoked_at": now}
            note(connection, now, actor, "revoke", "key", key.name, before, after, revision)
        (key,) = _read(connection, KEYS.c.id == open_keys[-1].id)
    return key


def _read(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Key]:
    columns = [column for column in KEYS.c if column.name != "hash"]
    rows = connection.execute(sa.select(*columns).where(condition).order_by(KEYS.c.id)).mappings()
    return [Key(**{name: _whole(value) for name, value in row.items()}) for row in rows]


def _whole(value: object) -> Any:
    """A column's value as it is outside the database."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC)
    return tuple(value) if isinstance(value, list) else value


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class KeyRing:
    """The callers whose keys this process has seen; forgotten within `TRUSTED` when a key is revoked anywhere."""

    def __init__(self, database: Database) -> None:
        """Start without any."""
        self._database = database
        self._held: tuple[object, dict[str, Caller]] = (None, {})
        self._pulse: object = None
        self._asked_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._used: dict[int, dt.datetime] = {}

    def caller(self, text: str, now: dt.datetime) -> Caller | None:
        """Return who holds a key; None where it is malformed, unknown, expired or revoked, each after the same work."""
        found = self._callers(now)
        proof = _hash(text)
        caller = found.get(proof)
        if caller is None or (caller.expires_at is not None and caller.expires_at <= now):
            caller = self._look_up(text, proof, now)
            if caller is None:
                return None
            found[proof] = caller
        self._note_use(caller.key_id, now)
        return caller

    def _callers(self, now: dt.datetime) -> dict[str, Caller]:
        """The callers by their keys' hashes; a key, once made, changes by its revocation only."""
        if dt.timedelta(0) <= now - self._asked_at < TRUSTED:
            return self._held[1]
        self._asked_at = now
        pulse = self._database.pulse()
        if pulse != self._pulse:
            made = self._database.glance(_MADE_AND_REVOKED)
            if made != self._held[0]:
                self._held = (made, {})
            self._pulse = pulse
        return self._held[1]

    def _look_up(self, text: str, proof: str, now: dt.datetime) -> Caller | None:
        shape = _TEXT.fullmatch(text)
        named = KEYS.c.prefix == (shape[1] if shape else "")
        with self._database.reading() as connection:
            held = _read(connection, named)
            kept = connection.execute(sa.select(KEYS.c.hash).where(named)).scalar_one_or_none()
        fits = hmac.compare_digest(kept or _NOBODY, proof)
        if not fits or held[0].state(now) != "valid":
            return None
        key = held[0]
        return Caller(key.name, key.role, key.id, key.prefix, key.teams, key.agent, key.expires_at)

    def _note_use(self, key_id: int, now: dt.datetime) -> None:
        """Write a key's last use now and then; dropped where the database is taken, as it holds up a request."""
        past = now - dt.timedelta(seconds=LAST_USED_SECONDS)
        if key_id in self._used and self._used[key_id] > past:
            return
        self._used[key_id] = now
        unwritten = sa.or_(KEYS.c.last_used_at.is_(None), KEYS.c.last_used_at <= past)
        with suppress(StoreBusyError, StoreFullError), self._database.jotting() as connection:
            connection.execute(sa.update(KEYS).where(KEYS.c.id == key_id, unwritten).values(last_used_at=now))
