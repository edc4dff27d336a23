"""csi key and csi audit."""

import re

import pytest

from tests.cli.terminal import complaint, csi

KEY = re.compile(r"csi_[0-9a-f]{10}_[A-Za-z0-9_-]{43}\n")


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def create(data, *options):
    return csi("key", "create", "--data", data, *options)


def test_the_key_stands_alone_on_standard_output(data):
    ran = create(data, "--name", "anna", "--role", "rater", "--team", "B", "--team", "A", "--expires", "2199-01-31")
    assert ran.code == 0
    assert KEY.fullmatch(ran.out)
    assert ran.out.strip() not in ran.err
    assert "anna: rater, A, B, valid until the end of 2199-01-31 (Asia/Shanghai)" in ran.err


def test_keys_are_listed_without_their_secrets(data):
    made = create(data, "--name", "李娜", "--role", "rater", "--team", "A", "--agent", "17", "--expires", "2199-01-31")
    text = made.out.strip()
    create(data, "--name", "board", "--role", "viewer")
    csi("key", "revoke", "board", "--data", data)
    listed = csi("key", "list", "--data", data)
    assert (listed.code, listed.err) == (0, "")
    assert text[15:] not in listed.out
    _, _, first, second = listed.out.splitlines()
    assert first.split()[:6] == [text[:14], "李娜", "rater", "A", "17", "valid"]
    assert first.endswith("2199-02-01 00:00")  # the first instant after its last day, in Shanghai
    assert second.split()[1:5] == ["board", "viewer", "all", "revoked"]


def test_a_key_is_revoked_by_name_or_prefix(data):
    prefix = create(data, "--name", "anna", "--role", "lead").out[:14]
    create(data, "--name", "ben", "--role", "lead")
    assert f"Revoked {prefix} of anna." in csi("key", "revoke", prefix, "--data", data).err
    assert csi("key", "revoke", "ben", "--data", data).code == 0
    assert "revoked already" in complaint(csi("key", "revoke", "ben", "--data", data))
    assert "no key of the name or prefix 'eva'" in complaint(csi("key", "revoke", "eva", "--data", data))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--role", "viewer"], "--name"),
        (["--name", "x"], "--role"),
        (["--name", "x", "--role", "root"], "viewer"),
        (["--name", "", "--role", "viewer"], "1 to 64 characters"),
        (["--name", "x", "--role", "viewer", "--expires", "2026-02-30"], "2026-02-30"),
        (["--name", "x", "--role", "viewer", "--expires", "tomorrow"], "write 2027-01-31"),
        (["--name", "x", "--role", "viewer", "--expires", "9999-12-31"], "write 2027-01-31"),
        (["--name", "x", "--role", "viewer", "--expires", "2020-01-01"], "has passed"),
        (["--name", "x", "--role", "viewer", "--team", ""], "1 to 64 characters"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(data, options, text):
    assert text in complaint(create(data, *options))


def test_a_name_that_is_taken_is_refused(data):
    create(data, "--name", "anna", "--role", "rater")
    assert "a valid key has the name 'anna'" in complaint(create(data, "--name", "anna", "--role", "lead"))


def test_a_data_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "/file' is a file" in complaint(create(tmp_path / "file", "--name", "x", "--role", "viewer"))


def test_the_environment_names_the_folder_where_no_option_does(tmp_path):
    csi("key", "create", "--name", "anna", "--role", "rater", CSI_DATA=str(tmp_path / "a"))
    assert "anna" in csi("key", "list", "--data", tmp_path / "a", CSI_DATA=str(tmp_path / "b")).out
    assert "anna" not in csi("key", "list", CSI_DATA=str(tmp_path / "b")).out


# --- csi audit


@pytest.fixture
def busy(data):
    for name in ("anna", "ben"):
        create(data, "--name", name, "--role", "rater")
    csi("key", "revoke", "anna", "--data", data)
    return data


def test_the_latest_changes_are_told_with_what_differs(busy):
    ran = csi("audit", "--data", busy)
    revoked, ben, anna = ran.out.splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  cli:\S+  revoke key anna  revoked_at: null -> \"", revoked)
    assert "create key ben" in ben
    assert 'name: "anna"; ' in anna
    assert 'role: "rater"' in anna
    assert ran.err == ""


def test_changes_are_chosen_by_filters(busy):
    assert len(csi("audit", "--data", busy, "--action", "create").out.splitlines()) == 2
    assert len(csi("audit", "--data", busy, "--subject", "anna", "--kind", "key").out.splitlines()) == 2
    assert csi("audit", "--data", busy, "--actor", "nobody").out == ""
    assert csi("audit", "--data", busy, "--period", "2021-01").out == ""
    assert "2021-13" in complaint(csi("audit", "--data", busy, "--period", "2021-13"))


def test_older_changes_are_told_of(busy):
    ran = csi("audit", "--data", busy, "--limit", 1)
    assert len(ran.out.splitlines()) == 1
    assert "older entries" in ran.err
