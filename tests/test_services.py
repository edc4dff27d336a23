import datetime as dt

import pytest

from csi_service.errors import WeightsError
from csi_service.services import LOOK_AGAIN_SECONDS, build_services, recent
from csi_service.settings import load_settings
from tests.make import WEIGHTS


def test_today_is_the_day_in_the_centres_zone():
    ahead, behind = (
        build_services(load_settings({"CSI_TIME_ZONE": zone})).today() for zone in ("Etc/GMT-14", "Etc/GMT+12")
    )
    assert ahead - behind >= dt.timedelta(days=1)  # 26 hours apart


def test_files_are_asked_for_once_a_second():
    reads, now = [], [0.0]

    def read():
        reads.append(now[0])
        return []

    ask = recent(read, lambda: now[0])
    for now[0] in (0.0, 0.5, LOOK_AGAIN_SECONDS - 0.01, LOOK_AGAIN_SECONDS, LOOK_AGAIN_SECONDS + 0.5):
        ask()
    assert reads == [0.0, LOOK_AGAIN_SECONDS]


def test_a_failure_is_not_kept():
    outcomes = [WeightsError("x", ()), []]

    def read():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    ask = recent(read, lambda: 0.0)
    with pytest.raises(WeightsError):
        ask()
    assert ask() == []


def test_a_broken_set_that_is_in_effect_on_no_day_disturbs_nobody(tmp_path):
    (tmp_path / "default.toml").write_bytes((WEIGHTS / "default.toml").read_bytes())
    (tmp_path / "draft.toml").write_text("[csi", encoding="utf-8")
    services = build_services(load_settings({"CSI_WEIGHTS": str(tmp_path)}))
    assert [weights.name for weights in services.dated_weights()] == ["default"]
