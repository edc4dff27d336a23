"""Files and mappings made to read what is not theirs, to run SQL or to fill the machine: refused, or read as text."""

import gzip
import json
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from csi_service.errors import FileRefusedError
from csi_service.facts.duck import file_literal, literal, workspace
from csi_service.records.tables import IMPORTS
from csi_service.store.folder import open_store
from csi_service.store.import_books import find_import, stored_name
from csi_service.store.import_queue import accept, incoming, work_off
from tests.files import make_csv, make_xlsx
from tests.store.bring import bring, kept_calls, now

SECRET = "nobody-may-read-this"
AT = "2026-03-02 09:00:00"
NAMES = ("call_id", "started_at", "answered")


@pytest.fixture
def store(tmp_path):
    """Return a store on SQLite; what is tested lies before the database."""
    made = open_store(tmp_path / "store", "Asia/Shanghai")
    yield made
    made.database.close()


@pytest.fixture
def secret(tmp_path, monkeypatch):
    """Return a file of the current folder that no import names, with a row that could be a call."""
    monkeypatch.chdir(tmp_path)
    return make_csv(tmp_path / "secret.csv", [[*NAMES, "team"], [SECRET, AT, "Y", SECRET]])


def sent(store, path, mapping=None, kind="calls"):
    """Import a file as the service does what is sent to it; return how it ended and the calls that count."""
    with incoming(store) as folder:
        shutil.copy(path, folder / stored_name(0))
        number = accept(store, folder, kind, [path.name], mapping, "Asia/Shanghai", "tester", now).id
    work_off(store, now)
    return find_import(store, number), kept_calls(store)


def all_told(store):
    """Return everything that the store tells of its imports and calls, as one text."""
    with store.database.reading() as connection:
        book = [str(dict(row)) for row in connection.execute(IMPORTS.select()).mappings()]
    files = [path.read_text(encoding="utf-8") for path in store.uploads.rglob("*") if path.is_file()]
    return "\n".join([*book, *files, str(kept_calls(store))])


# What would read the file where a text gets out of its quotation marks, or is run as it stands.
READ = "(SELECT content FROM read_text('secret.csv'))"
READING = [f"' || {READ} || '", f'c0" || {READ} || "', "x'); SELECT * FROM 'secret.csv'; --", READ]


# --- the engine


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv({other})",
        "SELECT * FROM read_csv({pattern})",
        "SELECT * FROM read_csv({around})",
        "SELECT * FROM read_text({other})",
        "SELECT * FROM glob({pattern})",
        "COPY (SELECT 1) TO {new}",
        "ATTACH {new}",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "RESET allowed_directories",
    ],
)
def test_an_engine_for_files_from_elsewhere_touches_nothing_else(tmp_path, secret, query):
    own = tmp_path / "own"
    own.mkdir()
    paths = {"other": secret, "pattern": tmp_path / "*.csv", "around": own / ".." / secret.name, "new": tmp_path / "x"}
    with workspace(opens=[own]) as (duck, _), pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
        duck.execute(query.format(**{name: literal(str(path)) for name, path in paths.items()}))
    assert not (tmp_path / "x").exists()


def test_it_opens_what_it_is_told_of_and_its_own_folder(tmp_path, secret):
    link = tmp_path / "link.csv"
    link.symlink_to(secret)
    for named in (secret, link, Path(secret.name)):
        with workspace(opens=[named]) as (duck, folder):
            made = literal(str(folder / "made.csv"))
            duck.execute(f"COPY (FROM read_csv({file_literal(named)})) TO {made}")
            assert duck.execute(f"FROM read_csv({made})").fetchall()[0][3] == SECRET


@pytest.mark.parametrize(
    "name", ["a*.csv", "a?.csv", "a[bc].csv", "**.csv", "it's.csv", 'a".csv', "a\\b.csv", "a{b,c}.csv"]
)
def test_a_name_that_looks_like_a_pattern_is_that_file_only(store, tmp_path, name):
    for other in ("ab.csv", "ac.csv"):
        make_csv(tmp_path / other, [NAMES, [SECRET, AT, "Y"], [SECRET]])
    made = bring(store, "calls", make_csv(tmp_path / name, [NAMES, ["C1", AT, "Y"], ["C2"]]))
    assert (made.status, made.outcomes[0]["rejected"]) == ("done", 1)
    assert [call["call_id"] for call in kept_calls(store)] == ["C1"]
    assert SECRET not in all_told(store)


def test_a_data_folder_that_looks_like_a_pattern_is_that_folder_only(tmp_path):
    for folder, call in (("a[b]", "C1"), ("ab", SECRET)):
        store = open_store(tmp_path / folder, "Asia/Shanghai")
        sent(store, make_csv(tmp_path / "calls.csv", [NAMES, [call, AT, "Y"]]))
        made, calls = sent(store, make_csv(tmp_path / "calls.csv", [NAMES, [call, AT, "N"]]))
        store.database.close()
        assert (made.status, [each["call_id"] for each in calls]) == ("done", [call])


# --- texts that want to be SQL


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("write", ["csv", "xlsx", "parquet"])
def test_headers_and_cells_are_texts(store, tmp_path, write):
    hostile = [*READING, "=1+1", "'; DROP TABLE calls; --", "secret.csv", "file:secret.csv"]
    header, rows = [*NAMES, "team", *hostile], [[f"C{n}", AT, "Y", text, *hostile] for n, text in enumerate(hostile)]
    path = tmp_path / f"calls.{write}"
    if write == "csv":
        make_csv(path, [header, *rows])
    elif write == "xlsx":
        make_xlsx(path, [[*header], *rows])
    else:
        columns = zip(*rows, strict=True)
        pq.write_table(pa.table({name: list(column) for name, column in zip(header, columns, strict=True)}), path)
    made, calls = sent(store, path)
    assert (made.status, made.error) == ("done", None)
    # a workbook's formula counts as its value, which this one has none of
    expected = [None if write == "xlsx" and text.startswith("=") else text for text in hostile]
    assert [call["team"] for call in calls] == expected
    assert SECRET not in all_told(store)


def mapped(place, text):
    """Return a mapping with a text in one place, and the column, the cell and the team that it makes of them."""
    told = json.dumps(text)
    plain = "[calls]\n" + "".join(f"{name} = '{name}'\n" for name in NAMES)
    return {
        "column": (f"{plain}team = {told}", text, "x", "x"),
        "value": (f"{plain}team = {{ column = 'who', values = {{ x = {told} }} }}", "who", "x", text),
        "source text": (f"{plain}team = {{ column = 'who', values = {{ {told} = 'T1' }} }}", "who", text, "T1"),
        "constant": (f"{plain}team = {{ constant = {told} }}", "who", "x", text),
        "blanks": (f"blanks = [{told}]\n{plain}team = 'who'", "who", text, None),
        "rows": (f"{plain}rows = [{{ column = 'who', is = [{told}] }}]", "who", text, None),
        "blank": (f"{plain}team = {{ column = 'who', blank = {told} }}", "who", "", text),
    }[place]


@pytest.mark.parametrize("place", ["column", "value", "source text", "constant", "blanks", "rows", "blank"])
@pytest.mark.parametrize("text", READING)
@pytest.mark.usefixtures("secret")
def test_texts_of_a_mapping_are_texts(store, tmp_path, place, text):
    mapping, column, cell, team = mapped(place, text)
    made, calls = sent(store, make_csv(tmp_path / "a.csv", [[*NAMES, column], ["C1", AT, "Y", cell]]), mapping)
    assert (made.status, made.error) == ("done", None)
    assert [call["team"] for call in calls] == [team]
    assert SECRET not in all_told(store)


def test_a_quotation_mark_can_be_the_delimiter(store, tmp_path):
    path = make_csv(tmp_path / "a.csv", [NAMES, ["C1", AT, "Y"]], delimiter="'")
    made, calls = sent(store, path, 'delimiter = "\'"')
    assert (made.status, [call["call_id"] for call in calls]) == ("done", ["C1"])


@pytest.mark.parametrize("key", ["time_zone", "encoding", "decimal", "sheet"])
@pytest.mark.usefixtures("secret")
def test_what_a_mapping_sets_for_the_file_is_one_of_a_few_or_in_it(store, tmp_path, key):
    path = make_xlsx(tmp_path / "a.xlsx", [NAMES, ["C1", AT, "Y"]])
    made, calls = sent(store, path, f"{key} = {json.dumps(READING[0])}")
    assert (made.status, calls) == ("failed", [])
    assert "fault of the program" not in str(made.error)
    assert SECRET not in all_told(store)


# --- files that want the machine


def test_a_gzipped_file_that_unpacks_to_far_more_is_refused_before_it_is_read(store, tmp_path):
    path = tmp_path / "calls.csv.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(b"call_id,started_at,answered\n")
        for _ in range(300):
            stream.write(f"C1,{AT},Y\n".encode() * 2**15)
    with pytest.raises(FileRefusedError, match=r"calls\.csv\.gz: unpacks to more than \d+ MiB"):
        bring(store, "calls", path)
    made, calls = sent(store, path)
    assert (made.status, calls) == ("failed", [])
    assert made.error.startswith("calls.csv.gz: unpacks to more than ")
