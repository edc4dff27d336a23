import logging
import re
import uuid

import pytest
from werkzeug.exceptions import ServiceUnavailable

from csi_service import errors
from csi_service.api.auth import requires
from csi_service.api.examples import RECORDS as EXAMPLES
from csi_service.api.problems import STATUS
from csi_service.app import create_app
from csi_service.core.told import Told
from csi_service.errors import CsiError, Problem
from csi_service.language import tell, translator
from csi_service.services import build_services
from csi_service.settings import load_settings
from tests.api.ask import PROBLEM, inline
from tests.keys import keyed, new_key
from tests.postgresql import fresh_database


@pytest.fixture
def postgresql_services(postgresql_server, tmp_path):
    """Services whose records lie in PostgreSQL."""
    settings = {"CSI_DATA": str(tmp_path / "data"), "CSI_DATABASE_URL": fresh_database(postgresql_server)}
    made = build_services(load_settings(settings))
    yield made
    made.store().database.close()


def every_class(kind=CsiError):
    return {kind}.union(*(every_class(below) for below in kind.__subclasses__()))


def test_every_error_of_the_house_has_a_status():
    assert set(STATUS) == {kind for kind in every_class() if kind.__module__ == "csi_service.errors"}
    assert all(issubclass(kind, errors.UserError) == (400 <= status < 500) for kind, status in STATUS.items())


@pytest.fixture
def raising(app, client):
    """Return a function that answers a request whose view raises an error."""

    def ask(error):
        @app.get("/raise")
        @requires("calculate")
        def view():
            raise error

        return client.get("/raise")

    return ask


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (errors.NotFoundError("no such set"), 404, "no such set"),
        (errors.InvalidInputError(Problem("/a", "is odd", 1)), 422, "/a: is odd"),
        (errors.UserError("not so"), 400, "not so"),
        (errors.SettingsError("CSI_PORT is odd"), 503, "CSI_PORT is odd"),
        (errors.WeightsError("default", (Problem("csi", "is odd"),)), 503, "default: csi: is odd"),
    ],
)
def test_an_error_of_the_house_is_answered_with_its_status(raising, error, status, text):
    answer = raising(error)
    assert (answer.status_code, answer.content_type) == (status, PROBLEM)
    assert text in answer.json["detail"]


def test_a_new_class_takes_the_status_of_its_parent(raising):
    class OddError(errors.NotFoundError):
        pass

    assert raising(OddError("x")).status_code == 404


def test_what_nobody_expected_has_an_id_and_tells_nothing_else(raising, caplog):
    with caplog.at_level(logging.ERROR):
        answer = raising(ZeroDivisionError("secret of the inside"))
    assert (answer.status_code, answer.content_type) == (500, PROBLEM)
    assert "secret" not in answer.text
    fault = answer.json["instance"].removeprefix("urn:uuid:")
    assert uuid.UUID(fault)
    assert fault in answer.json["detail"]
    assert fault in caplog.text
    assert "ZeroDivisionError: secret of the inside" in caplog.text


def test_no_body_is_logged(app, client, caplog):
    @app.post("/broken")
    @requires("calculate")
    def view():
        raise RuntimeError("broken")

    with caplog.at_level(logging.DEBUG):
        client.post("/broken", json={"phone": "13800138000"})
        client.post("/api/v1/calculate/internal", json={"phone": "13800138000"})
    assert "broken" in caplog.text
    assert "13800138000" not in caplog.text


def test_a_route_that_is_not_there(client):
    answer = client.get("/api/v2/x")
    assert (answer.status_code, answer.content_type) == (404, PROBLEM)
    assert "/openapi.json" in answer.json["detail"]


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_a_method_that_is_not_allowed_tells_the_allowed_ones(client, method):
    answer = getattr(client, method)("/api/v1/calculate/internal")
    assert (answer.status_code, answer.content_type) == (405, PROBLEM)
    assert answer.headers["Allow"].split(", ").count("POST") == 1
    assert "POST" in answer.json["detail"]


def test_when_to_try_again_is_kept(raising):
    answer = raising(ServiceUnavailable("busy", retry_after=7))
    assert (answer.status_code, answer.headers["Retry-After"], answer.json["detail"]) == (503, "7", "busy")


CHINESE = {"Accept-Language": "fr, zh-CN;q=0.9, en;q=0.5"}


@pytest.mark.parametrize(
    ("method", "url", "options", "status", "title", "detail"),
    [
        ("get", "/nowhere", {}, 404, "未找到", "/nowhere 处没有内容；可用的路径见 /openapi.json。"),
        ("get", "/api/v1/calculate/internal", {}, 405, "方法不允许", "不允许 GET；允许的有"),
        (
            "post",
            "/api/v1/calculate/internal",
            {"data": b"x" * 2_000_000},
            413,
            "正文过大",
            "设置项 CSI_MAX_BODY_BYTES",
        ),
        ("post", "/api/v1/calculate/internal", {"json": {"sla": "x"}}, 422, "内容无法处理", "须为对象，实为文本"),
        ("post", "/api/v1/calculate/internal", {"json": {}, "headers": {"Authorization": ""}}, 401, "未认证", "密钥"),
    ],
)
def test_a_problem_is_told_in_chinese_to_who_asks_for_it(client, method, url, options, status, title, detail):
    options = {"content_type": "application/json"} | options if "data" in options else options
    answers = {}
    for language, headers in (("zh", CHINESE), ("en", {})):
        sent = {**options, "headers": {**options.get("headers", {}), **headers}}
        answers[language] = getattr(client, method)(url, **sent)
        assert answers[language].status_code == status
        assert answers[language].headers["Content-Language"] == language
        assert "Accept-Language" in answers[language].vary
    chinese, english = answers["zh"].json, answers["en"].json
    assert chinese["title"] == title
    assert detail in chinese["detail"]
    assert english["detail"].isascii()
    codes = [[(entry["pointer"], entry["code"]) for entry in body.get("errors", [])] for body in (chinese, english)]
    assert codes[0] == codes[1]


def test_a_key_that_may_not_is_told_so_in_chinese(app, services):
    answer = keyed(app, new_key(services, "viewer")).get("/api/v1/audit", headers=CHINESE)
    assert (answer.status_code, answer.json["title"]) == (403, "无权限")
    assert "角色 viewer 的密钥无权执行此操作" in answer.json["detail"]


def test_what_became_of_a_list_of_records_is_told_in_chinese(app, services):
    client = keyed(app, new_key(services, "operator"))
    told = {}
    for language, headers in (("zh", CHINESE), ("en", {})):
        call = {"call_id": "Z1", "started_at": "2026-03-02T09:00:00+08:00", "answered": True}
        sent = [call, call | {"call_id": "Z2", "started_at": "2026-03-02 09:00"}]
        answer = client.post("/api/v1/calls", json=sent, headers=headers)
        assert answer.status_code == 200
        told[language] = [error for result in answer.json["results"][1:] for error in result["errors"]]
    assert "缺少时区偏移；请写作 2026-01-31T09:12:58+08:00" in told["zh"][0]["message"]
    assert told["en"][0]["message"].startswith("has no offset; write 2026-01-31T09:12:58+08:00")
    codes = [[(error["pointer"], error["code"]) for error in errors] for errors in told.values()]
    assert codes[0] == codes[1]


def test_the_problems_of_a_weights_document_are_told_in_chinese(client):
    body = {"document": {"title": "X", "csi": {"total": 2, "internal": 1, "external": "x"}}}
    answer = client.post("/api/v1/weights/check", json=body, headers=CHINESE).json
    messages = {problem["pointer"]: problem["message"] for problem in answer["problems"]}
    assert messages["/document/source"] == "缺失；请给出文本"
    assert messages["/document/csi/external"] == "须为数字，而不是文本 'x'；请给出数字：至少 0"


def test_the_warnings_of_a_weights_document_are_told_in_chinese(client):
    odd = inline({"internal.sla.parts": 55, "internal.qa.parts": 30})
    answer = client.post("/api/v1/weights/check", json={"document": odd}, headers=CHINESE).json
    assert answer["valid"]
    assert answer["warnings"][0] == "internal.sla.parts：100 中的 55 超出合理范围 20 至 30"


@pytest.mark.parametrize(
    ("url", "options", "detail"),
    [
        ("/api/v1/scores?period=May", {}, "不是期间；请写作 2021-01（月）、2021-W05（ISO 周）"),
        ("/api/v1/scores?period=2026-03", {"headers": {"Accept": "text/html"}}, "答复以 application/json 或 text/csv"),
        ("/api/v1/scores?period=1999", {}, "1999-12-31 没有生效的权重：最早的自 2000-01-01 起生效"),
        ("/api/v1/calculate/internal", {"data": b"{}", "content_type": "text/plain"}, "而不是 text/plain"),
    ],
)  # fmt: skip
def test_a_refusal_of_a_query_a_header_or_a_body_is_told_in_chinese(app, services, url, options, detail):
    client = keyed(app, new_key(services))
    send = client.post if "data" in options else client.get
    answer = send(url, **options | {"headers": {**CHINESE, **options.get("headers", {})}})
    assert answer.status_code >= 400
    assert detail in answer.json["detail"]


def test_a_name_that_is_also_a_text_of_the_catalogue_stays():
    text = Told("there is no plan {batch!r}", batch="Team")
    assert tell(text, translator("zh")) == "没有计划 'Team'"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "ratings/a%00b"),
        ("delete", "evaluations/a%00b"),
        ("post", "evaluations/a%00b/appeal"),
        ("get", "batches/a%00b"),
        ("get", "batches/a%00b/worklist"),
        ("post", "batches/a%00b/draw"),
    ],
)
def test_a_path_with_a_sign_that_no_text_has_leads_nowhere(postgresql_services, method, path):
    client = keyed(create_app(postgresql_services), new_key(postgresql_services, "lead"))
    body = {"json": {"reason": "it was not so"}} if method == "post" else {"headers": {"If-Match": "*"}}
    answer = getattr(client, method)(f"/api/v1/{path}", **body)
    assert (answer.status_code, answer.content_type) == (404, PROBLEM)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_refusal_of_a_record_is_told_in_chinese(app, services, kind):
    client = keyed(app, new_key(services, "admin"))
    url, example = f"/api/v1/{kind.replace('_', '-')}", EXAMPLES[kind]
    bodies = [example | {name: value} for name in (*example, "other") for value in (None, "", "?", -1, [], "x" * 5000)]
    bodies += [{key: value for key, value in example.items() if key != name} for name in example]
    refused = [answer for body in bodies if (answer := client.post(url, json=body, headers=CHINESE)).status_code == 422]
    messages = {error["message"] for answer in refused for error in answer.json["errors"]}
    assert len(messages) > 5
    assert [text for text in messages if re.search("[a-z]{2,} [a-z]{2,} [a-z]{2,}", text)] == []
