"""API keys on both databases: what is kept of them, who is found by them, how soon a revocation counts."""

import base64
import datetime as dt
import hashlib
import re
import threading
import time

import pytest
import sqlalchemy as sa

from csi_service.errors import ConflictError, InvalidInputError, NotFoundError
from csi_service.records.database import Database, next_revision
from csi_service.records.tables import KEYS
from csi_service.store.audit import AuditFilter, read_audit
from csi_service.store.keys import TRUSTED, KeyRing, create_key, list_keys, revoke_key

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


@pytest.fixture
def database(store):
    return store.database


@pytest.fixture
def other(database):
    """The same database as another process has it open."""
    made = Database(database.url.render_as_string(hide_password=False))
    yield made
    made.close()


def create(database, name="anna", role="rater", now=NOON, **given):
    return create_key(database, name, role, "cli:root", now, **given)


def find(database, text, now=NOON):
    return KeyRing(database).caller(text, now)


def trail(database):
    with database.reading() as connection:
        return read_audit(connection, AuditFilter())[0]


def test_a_key_is_a_visible_prefix_and_256_random_bits(database):
    made = [create(database, name=f"n{number}") for number in range(50)]
    for key, text in made:
        prefix, secret = re.fullmatch(r"(csi_[0-9a-f]{10})_([A-Za-z0-9_-]{43})", text).groups()
        assert prefix == key.prefix
        assert len(base64.urlsafe_b64decode(f"{secret}=")) * 8 == 256
        assert secret not in repr(key)
    assert len({text for _, text in made}) == len({key.prefix for key, _ in made}) == 50


def test_only_the_hash_of_a_key_is_kept(database):
    key, text = create(database)
    with database.reading() as connection:
        (row,) = connection.execute(sa.select(KEYS)).mappings()
        assert row["hash"] == hashlib.sha256(text.encode()).hexdigest()
        everything = repr(dict(row)) + repr(trail(database))
    assert text.removeprefix(key.prefix) not in everything
    assert row["hash"] not in repr(trail(database))


def test_its_holder_is_found_with_all_that_was_given(database):
    key, text = create(database, teams=("B", "A", "B"), agent="17", expires_at=NOON + HOUR)
    caller = find(database, text)
    assert (caller.name, caller.role, caller.key_id, caller.prefix) == ("anna", "rater", key.id, key.prefix)
    assert (caller.teams, caller.agent, caller.expires_at) == (("A", "B"), "17", NOON + HOUR)


def test_a_key_without_teams_sees_all(database):
    assert find(database, create(database)[1]).teams is None
    with database.reading() as connection:
        assert connection.execute(sa.select(KEYS.c.id).where(KEYS.c.teams.is_(None))).all() != []


def test_what_is_no_valid_key_finds_nobody(database):
    key, text = create(database)
    last = "A" if text[-1] != "A" else "B"
    wrong = ["", " ", key.prefix, text[:-1], text[:-1] + last, text + "A", text.upper(), f" {text}", f"{text}\n",
             f"{key.prefix}_{'A' * 43}", f"csi_{'0' * 10}_{text[-43:]}", "\x00", "ÿ" * 58, "x" * 100_000]  # fmt: skip
    assert [find(database, each) for each in wrong] == [None] * len(wrong)


def test_a_key_ends_at_its_instant_also_for_a_process_that_knows_it(database):
    _, text = create(database, expires_at=NOON + HOUR)
    ring = KeyRing(database)
    assert ring.caller(text, NOON + HOUR - dt.timedelta(microseconds=1))
    assert ring.caller(text, NOON + HOUR) is None
    assert list_keys(database)[0].state(NOON + HOUR) == "expired"


def test_a_key_revoked_in_one_process_is_refused_within_a_twentieth_of_a_second_in_another(database, other):
    _, text = create(database)
    _, kept = create(database, name="ben")
    ring = KeyRing(database)
    assert [ring.caller(each, NOON).name for each in (text, kept)] == ["anna", "ben"]
    revoke_key(other, "anna", "cli:root", NOON)
    soon = NOON + dt.timedelta(milliseconds=50)
    assert ring.caller(text, soon) is None
    assert ring.caller(kept, soon).name == "ben"
    assert [each.state(NOON) for each in list_keys(database)] == ["revoked", "valid"]


def test_a_key_made_in_one_process_is_known_at_once_in_another(database, other):
    ring = KeyRing(other)
    assert ring.caller("", NOON) is None
    assert ring.caller(create(database)[1], NOON).name == "anna"


def test_a_known_key_is_not_looked_up_again_until_a_key_is_made_or_revoked(database, other):
    _, text = create(database)
    ring, asked = KeyRing(database), []
    ring.caller(text, NOON)
    sa.event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for _ in range(5):
        ring.caller(text, NOON)
    assert [statement for statement in asked if "keys" in statement] == []
    with other.writing() as connection:
        next_revision(connection)
    ring.caller(text, NOON + TRUSTED)
    assert [statement for statement in asked if "hash" in statement] == []
    create(other, name="ben")
    ring.caller(text, NOON + 2 * TRUSTED)
    assert [statement for statement in asked if "hash" in statement] != []


def test_many_threads_find_their_own_holder_while_keys_come_and_go(database, other):
    texts = {name: create(database, name=name)[1] for name in "abcd"}
    ring, wrong = KeyRing(database), []

    def ask(name):
        for turn in range(50):
            caller = ring.caller(texts[name], NOON + turn * TRUSTED)  # late enough to look whether keys have changed
            if caller is None or caller.name != name:
                wrong.append((name, caller))

    threads = [threading.Thread(target=ask, args=(name,)) for name in texts]
    for thread in threads:
        thread.start()
    for number in range(5):
        create(other, name=f"n{number}")
        revoke_key(other, f"n{number}", "cli:root", NOON)
    for thread in threads:
        thread.join()
    assert wrong == []


# --- the last use


def test_the_last_use_is_written_at_most_once_a_minute(database, other):
    _, text = create(database)
    rings = KeyRing(database), KeyRing(other)

    def used(ring, at):
        ring.caller(text, at)
        return list_keys(database)[0].last_used_at

    assert list_keys(database)[0].last_used_at is None
    assert used(rings[0], NOON) == NOON
    assert used(rings[0], NOON + MINUTE / 2) == NOON
    assert used(rings[1], NOON + MINUTE / 2) == NOON  # another process has not seen it before
    assert used(rings[0], NOON + MINUTE) == NOON + MINUTE


def test_the_last_use_makes_nobody_s_cache_stale(database, other):
    _, text = create(database)
    before = database.pulse(), other.pulse()
    KeyRing(database).caller(text, NOON)
    assert list_keys(other)[0].last_used_at == NOON
    assert (database.pulse(), other.pulse()) == before
    with other.writing() as connection:
        next_revision(connection)
    assert database.pulse() != before[0]
    assert other.pulse() != before[1]


def test_a_refused_key_leaves_no_last_use(database):
    _, text = create(database, expires_at=NOON + HOUR)
    assert find(database, text, NOON + HOUR) is None
    assert list_keys(database)[0].last_used_at is None


def test_a_long_write_of_others_holds_up_nobody(database, other):
    _, text = create(database)
    with other.writing() as connection:
        next_revision(connection)
        start = time.monotonic()
        assert KeyRing(database).caller(text, NOON).name == "anna"
        assert time.monotonic() - start < 5  # a writer would be waited for 10 s
    KeyRing(database).caller(text, NOON + MINUTE)
    assert list_keys(database)[0].last_used_at == NOON + MINUTE
    create(database, name="ben")  # and writes are as patient as before


# --- names, and what is refused


def test_creation_and_revocation_are_in_the_audit_trail(database):
    key, _ = create(database, teams=("A",), agent="17", expires_at=NOON + HOUR)
    revoke_key(database, key.prefix, "cli:eva", NOON + MINUTE)
    revoked, created = trail(database)
    assert (created.at, created.actor, created.action, created.kind, created.subject) == (
        NOON, "cli:root", "create", "key", "anna",
    )  # fmt: skip
    assert created.before is None
    assert created.after["teams"] == ["A"]
    assert (created.after["role"], created.after["agent"], created.after["prefix"]) == ("rater", "17", key.prefix)
    assert (revoked.at, revoked.actor, revoked.action) == (NOON + MINUTE, "cli:eva", "revoke")
    assert revoked.before == {"prefix": key.prefix, "revoked_at": None}
    assert revoked.after["revoked_at"].startswith("2026-11-24T12:01")
    assert (created.revision, revoked.revision) == (1, 2)


def test_a_name_has_one_valid_key_at_a_time(database):
    create(database)
    with pytest.raises(ConflictError, match="anna"):
        create(database, role="lead")
    revoke_key(database, "anna", "cli:root", NOON)
    _, text = create(database, role="lead", expires_at=NOON + HOUR)
    assert find(database, text).role == "lead"
    _, later = create(database, now=NOON + HOUR)  # the one before has expired
    assert find(database, later, NOON + HOUR).role == "rater"
    revoke_key(database, "anna", "cli:root", NOON + HOUR)
    assert {key.state(NOON) for key in list_keys(database)} == {"revoked"}


def test_of_two_who_ask_for_a_name_at_once_one_gets_it(database, other):
    results = []

    def ask(asked):
        try:
            results.append(create(asked)[0].name)
        except ConflictError:
            results.append("conflict")

    threads = [threading.Thread(target=ask, args=(each,)) for each in (database, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["anna", "conflict"]


def test_a_revoked_key_cannot_be_revoked_and_an_unknown_one_neither(database):
    key, _ = create(database)
    revoke_key(database, "anna", "cli:root", NOON)
    for which in ("anna", key.prefix):
        with pytest.raises(ConflictError, match="revoked already"):
            revoke_key(database, which, "cli:root", NOON)
    with pytest.raises(NotFoundError, match="'nobody'"):
        revoke_key(database, "nobody", "cli:root", NOON)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": " anna"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "an\x1b[31mna"}, "name"),
        ({"name": "an\u202ena"}, "name"),
        ({"name": "an\x00na"}, "name"),
        ({"name": "cli:root"}, "name"),  # how the audit trail shows a command
        ({"name": "csi_0123456789"}, "name"),  # how it shows a key
        ({"role": "root"}, "role"),
        ({"role": ""}, "role"),
        ({"teams": ("A", "")}, "team or agent"),
        ({"agent": "x" * 65}, "team or agent"),
        ({"expires_at": NOON}, "expires"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(database, given, where):
    with pytest.raises(InvalidInputError) as refused:
        create(database, **given)
    assert refused.value.problems[0].where == where
    assert (list_keys(database), trail(database)) == ([], [])


@pytest.mark.parametrize("name", ["李娜", "Zoë Müller 🙂", "<b>x</b>", "=1+1", "a'b\"c", "x" * 64])
def test_people_have_all_kinds_of_names(database, name):
    assert find(database, create(database, name=name)[1]).name == name
