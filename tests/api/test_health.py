import contextlib

from csi_service.app import create_app
from csi_service.services import build_services
from csi_service.settings import load_settings
from tests.api.ask import PROBLEM
from tests.make import WEIGHTS


def ready(folder):
    services = build_services(load_settings({"CSI_WEIGHTS": str(folder), "CSI_DATA": str(folder / "data")}))
    with contextlib.closing(services.store().database):
        return create_app(services).test_client().get("/readyz")


def test_the_process_answers(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_it_is_ready_with_weights(client):
    assert (client.get("/readyz").status_code, client.get("/readyz").json) == (200, {"status": "ready"})


def test_it_is_not_ready_without_weights(tmp_path):
    answer = ready(tmp_path)
    assert (answer.status_code, answer.content_type) == (503, PROBLEM)
    assert "no weights are in effect" in answer.json["detail"]


def test_it_is_not_ready_with_broken_weights(tmp_path):
    (tmp_path / "default.toml").write_text("[csi", encoding="utf-8")
    answer = ready(tmp_path)
    assert answer.status_code == 503
    assert "not valid TOML" in answer.json["detail"]


def test_a_broken_set_beside_disturbs_nobody(tmp_path):
    (tmp_path / "default.toml").write_bytes((WEIGHTS / "default.toml").read_bytes())
    (tmp_path / "draft.toml").write_text("[csi", encoding="utf-8")
    assert ready(tmp_path).status_code == 200
