import pytest

from csi_service.errors import SettingsError
from csi_service.settings import SETTINGS, environment, load_settings


def test_nothing_set_gives_the_defaults():
    found = load_settings({})
    assert (found.weights, str(found.time_zone), found.max_body_bytes) == (None, "Asia/Shanghai", 1_048_576)
    assert (found.host, found.port, found.workers, found.threads) == ("127.0.0.1", 8000, 2, 2)


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
