import contextlib
import io
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.api.body import MalformedError, read_json
from tests.api.ask import PROBLEM, refuse

URL = "/api/v1/calculate/internal"
ROUTES = [URL, "/api/v1/calculate/composite", "/api/v1/calculate/ratings", "/api/v1/weights/check"]


@pytest.mark.parametrize("url", ROUTES)
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "line 1, column 2"),
        (b"{'a': 1}", "is not JSON"),
        (b"{} {}", "is not JSON"),
        (b'{"a": 01}', "is not JSON"),
        (b"\xff{}", "not UTF-8"),
        ('{"a": "满意"}'.encode("gb18030"), "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        ("\ufeff{}".encode(), "BOM"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" * 33 + b"]" * 33, "nested too deeply"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused(client, url, body, text):
    refuse(client, url, body, 400)
    assert text in client.post(url, data=body, content_type="application/json").json["detail"]


@pytest.mark.parametrize("url", ROUTES)
@pytest.mark.parametrize("body", [b"[]", b"[{}]", b"1", b'"x"', b"null", b"true", b"NaN"])
def test_what_is_no_object_is_refused(client, url, body):
    assert refuse(client, url, body) == [("", "type")]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"a": 1, "a": 1}', "/a"),
        (b'{"sla": {"value": 0.1, "value": 0.2}}', "/sla/value"),
        (b'{"x": [1, {"b": 1, "c": {}, "b": 2}]}', "/x/1/b"),
        (b'{"a": {"\\u0062": 1, "b": 2}, "a": 1}', "/a/b"),
    ],
)
def test_a_key_twice_is_refused_at_its_place(client, body, pointer):
    assert refuse(client, URL, body, 400) == [(pointer, "duplicate_key")]


def test_a_key_twice_far_down_is_no_fault_of_ours(client):
    refuse(client, URL, b'{"a":' * 900 + b'{"b":1,"b":2}' + b"}" * 900, 400)


def test_many_keys_take_no_time(client):
    keys = b",".join(b'"k%d":0' % number for number in range(70_000))
    start = time.perf_counter()
    refuse(client, URL, b"{" + keys + b',"k0":0}', 400)
    problem = client.post(URL, data=b"{" + keys + b"}", content_type="application/json").json
    assert time.perf_counter() - start < 5
    assert (problem["status"], len(problem["errors"])) == (422, 100)
    assert problem["detail"].startswith("70000 values cannot be used")


@pytest.mark.parametrize("url", ROUTES)
@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=gb2312",
        "text/json",
    ],
)
def test_another_content_type_is_refused(client, url, kind):
    answer = client.post(url, data=b"{}", content_type=kind)
    assert (answer.status_code, answer.content_type) == (415, PROBLEM)
    assert "application/json" in answer.json["detail"] or "UTF-8" in answer.json["detail"]


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_may_be_announced_in_these_ways(client, kind):
    assert client.post(URL, data=b"{}", content_type=kind).status_code == 200


@pytest.mark.parametrize("url", ROUTES)
def test_a_body_above_the_limit_is_refused(client, url):
    answer = client.post(url, data=b" " * 10_000_000, content_type="application/json")
    assert (answer.status_code, answer.content_type) == (413, PROBLEM)
    assert "1048576 bytes" in answer.json["detail"]


def test_a_body_of_unknown_length_above_the_limit_is_refused(client):
    stream = io.BytesIO(b" " * 2_000_000)
    answer = client.post(
        URL, input_stream=stream, content_type="application/json", environ_overrides={"wsgi.input_terminated": True}
    )
    assert (answer.status_code, answer.content_type) == (413, PROBLEM)


def test_an_answer_is_utf8_and_not_escaped(client):
    answer = client.post("/api/v1/calculate/ratings", json={"batches": [{"batch": "一月"}]})
    assert "一月".encode() in answer.data
    assert refuse(client, URL, b'{"\\ud800": 1}') == [("/\ud800", "unknown_key")]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        st.lists,
        max_leaves=20,
    )
)
def test_what_json_writes_is_read_back(value):
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(MalformedError):
        read_json(content)


@pytest.mark.parametrize(
    "content",
    [b"[", b"{a: 1}", b'{"a" 1}', b"[1 2]", b'{"a": "x', b'{"a": "x\n"}', rb'{"a": "\x"}', rb'{"a": "\u12"}', b"{} x",
     b"[1,]", b'{"a": 1,}'],
)  # fmt: skip
def test_what_is_wrong_with_a_body_that_is_no_json_is_told_in_chinese(client, content):
    answer = client.post(URL, data=content, content_type="application/json", headers={"Accept-Language": "zh"})
    assert answer.status_code == 400
    assert re.fullmatch(r"正文不是 JSON：第 \d+ 行第 \d+ 列，[^a-z]*(\\uXXXX)?[^a-z]+。", answer.json["detail"])
