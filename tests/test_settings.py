from pathlib import Path

import pytest

from csi_service.errors import SettingsError
from csi_service.settings import SETTINGS, environment, load_settings


def test_nothing_set_gives_the_defaults():
    found = load_settings({})
    assert (found.weights, str(found.time_zone), found.max_body_bytes) == (None, "Asia/Shanghai", 1_048_576)
    assert (found.host, found.port, found.workers, found.threads) == ("127.0.0.1", 8000, 2, 16)


def test_an_empty_variable_means_its_default():
    assert load_settings({"CSI_PORT": " ", "CSI_WEIGHTS": ""}) == load_settings({})


def test_what_is_set_is_read(tmp_path):
    found = load_settings(
        {"CSI_WEIGHTS": str(tmp_path), "CSI_TIME_ZONE": "Europe/Berlin", "CSI_PORT": "9", "CSI_HOST": "::1"}
    )
    assert (found.weights, str(found.time_zone), found.port, found.host) == (tmp_path, "Europe/Berlin", 9, "::1")


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("CSI_WEIGHTS", "/there/is/none", "a folder that exists"),
        ("CSI_TIME_ZONE", "Beijing", "an IANA name"),
        ("CSI_TIME_ZONE", "../etc/passwd", "an IANA name"),
        ("CSI_PORT", "0", "from 1 to 65535"),
        ("CSI_PORT", "65536", "from 1 to 65535"),
        ("CSI_PORT", "８０００", "a whole number"),
        ("CSI_WORKERS", "two", "a whole number"),
        ("CSI_WORKERS", "-1", "a whole number"),
        ("CSI_THREADS", "4.0", "a whole number"),
        ("CSI_MAX_BODY_BYTES", "1" * 5000, "a whole number"),
        ("CSI_HOST", "a b", "a host name"),
        ("CSI_HOST", "x --reload", "a host name"),
        ("CSI_LOG_FORMAT", "xml", "json or text"),
        ("CSI_LOG_LEVEL", "debug", "info, warning or error"),
    ],
)
def test_a_bad_value_is_refused_by_name(name, text, accepted):
    with pytest.raises(SettingsError) as caught:
        load_settings({name: text})
    assert name in str(caught.value)
    assert repr(text) in str(caught.value)
    assert accepted in str(caught.value)


def test_a_process_started_with_the_settings_has_them(tmp_path):
    found = load_settings({"CSI_WEIGHTS": str(tmp_path), "CSI_TIME_ZONE": "UTC", "CSI_WORKERS": "3"})
    assert load_settings(environment(found)) == found
    assert load_settings(environment(load_settings({}))) == load_settings({})


def test_each_setting_is_documented_and_its_default_is_valid():
    for setting in SETTINGS:
        assert setting.help
        setting.parse(setting.default)


# --- secrets

ADDRESS = "postgresql://csi:s3cret@db.example/csi"


def shown(address):
    row = next(setting for setting in SETTINGS if setting.name == "CSI_DATABASE_URL")
    return row.shown(load_settings({"CSI_DATABASE_URL": address}))


def test_the_data_folder_and_the_database_are_read():
    found = load_settings({"CSI_DATA": "/srv/csi", "CSI_DATABASE_URL": ADDRESS})
    assert (found.data, found.database_url) == (Path("/srv/csi"), ADDRESS)
    assert (load_settings({}).data, load_settings({}).database_url) == (Path("csi-data"), "")


def test_a_secret_may_stand_in_a_file(tmp_path):
    (tmp_path / "url").write_text(f"{ADDRESS}\n", encoding="utf-8")
    assert load_settings({"CSI_DATABASE_URL_FILE": str(tmp_path / "url")}).database_url == ADDRESS


def test_a_secret_given_twice_or_in_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="both given"):
        load_settings({"CSI_DATABASE_URL_FILE": str(tmp_path / "url"), "CSI_DATABASE_URL": ADDRESS})
    with pytest.raises(SettingsError, match=r"CSI_DATABASE_URL_FILE names .* cannot be read"):
        load_settings({"CSI_DATABASE_URL_FILE": str(tmp_path / "url")})


def test_only_secrets_are_read_from_files(tmp_path):
    (tmp_path / "port").write_text("9", encoding="utf-8")
    assert load_settings({"CSI_PORT_FILE": str(tmp_path / "port")}).port == 8000


def test_a_refusal_does_not_tell_the_secret():
    with pytest.raises(SettingsError) as caught:
        load_settings({"CSI_DATABASE_URL": ADDRESS.replace("postgresql", "mysql")})
    assert "s3cret" not in str(caught.value)
    assert "postgresql://user:password@host/database" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("", ""),
        (ADDRESS, "postgresql://csi:***@db.example/csi"),
        ("postgresql://csi@db.example/csi", "postgresql://csi@db.example/csi"),
        ("postgresql:///csi?host=/run/pg", "postgresql:///csi?host=/run/pg"),
        ("postgresql://csi:s3c:/@ret@[::1]:5432/csi", "postgresql://csi:***@[::1]:5432/csi"),
        ("postgresql://db/csi?user=csi&password=s3cret&sslmode=require",
         "postgresql://db/csi?user=csi&password=***&sslmode=require"),
    ],
)  # fmt: skip
def test_a_secret_is_shown_without_its_password(address, safe):
    assert shown(address) == safe


def test_a_process_started_with_a_secret_out_of_a_file_has_it(tmp_path, monkeypatch):
    (tmp_path / "url").write_text(ADDRESS, encoding="utf-8")
    monkeypatch.setenv("CSI_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert load_settings(environment(load_settings())).database_url == ADDRESS
