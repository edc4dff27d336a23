import copy
import datetime as dt
import tomllib

import pytest

from csi_service.core.forms import in_effect, parse_form, read_form
from csi_service.errors import FormError, NotFoundError
from tests.make import GONE, ROOT

FORMS = ROOT / "forms"
TEXT = """
title = "Small"
title_zh = "小"
effective = 2026-01-01
source = "hand"
[sections.calls]
title = "Calls"
[sections.calls.items]
hello = { kano = "basic", points = 4, text = "Says hello", text_zh = "问候" }
[sections.words]
title = "Words"
[sections.words.items]
truth = { kano = "expected", points = 6, text = "Tells the truth", critical = "customer", zeroes = "form" }
joy = { kano = "excitement", points = 2, text = "Delights", na_allowed = true }
"""


def document(changes=None):
    nested = copy.deepcopy(tomllib.loads(TEXT))
    for key, value in (changes or {}).items():
        *tables, last = key.split(".")
        table = nested
        for name in tables:
            table = table.setdefault(name, {})
        if value is GONE:
            del table[last]
        else:
            table[last] = value
    return nested


def refusal_of(changes):
    with pytest.raises(FormError) as refusal:
        read_form(document(changes), "small")
    return refusal.value


def dated(name):
    return parse_form(TEXT.replace("2026-01-01", "2000-01-01" if name in ("default", "chat") else name), name)


# --- what a form says


def test_a_form_is_read_as_it_stands():
    form = parse_form(TEXT, "small")
    assert (form.name, form.title, form.title_zh, form.effective) == ("small", "Small", "小", dt.date(2026, 1, 1))
    assert (form.author, form.source, form.warnings) == ("", "hand", ())
    assert [(part.name, part.title, part.title_zh, part.weight) for part in form.sections] == [
        ("calls", "Calls", "", None),
        ("words", "Words", "", None),
    ]
    assert list(form.items) == ["hello", "truth", "joy"]
    hello, truth, joy = form.items.values()
    assert (hello.section, hello.text, hello.text_zh, hello.kano, hello.points) == (
        "calls",
        "Says hello",
        "问候",
        "basic",
        4,
    )
    assert (hello.critical, hello.zeroes, hello.na_allowed) == (None, None, False)
    assert (truth.critical, truth.zeroes) == ("customer", "form")
    assert (joy.kano, joy.na_allowed) == ("excitement", True)


def test_the_parts_of_sections_become_shares_of_the_form():
    form = read_form(document({"total": 4, "sections.calls.parts": 1, "sections.words.parts": 3}), "small")
    assert [section.weight for section in form.sections] == [0.25, 0.75]


def test_the_digest_tells_contents_apart_and_nothing_else():
    again = TEXT.replace('title = "Small"\n', "", 1).replace("effective", 'title = "Small"\neffective', 1)
    assert parse_form(again, "other").digest == parse_form(TEXT, "small").digest
    assert (
        read_form(document({"sections.calls.items.hello.points": 5}), "small").digest
        != read_form(document(), "small").digest
    )


def test_the_shipped_form_has_the_three_sections_in_both_languages_and_100_points():
    form = parse_form((FORMS / "default.toml").read_text(encoding="utf-8"), "default")
    assert [(section.name, section.title_zh) for section in form.sections] == [
        ("traffic_efficiency", "话务效率"),
        ("business_ability", "业务能力"),
        ("communication", "沟通技巧"),
    ]
    items = form.items.values()
    assert sum(item.points for item in items) == 100
    assert all(item.text and item.text_zh for item in items)
    assert {item.kano for item in items} == {"basic", "expected", "excitement"}
    assert {item.critical for item in items} == {None, "customer", "business", "compliance"}
    assert {item.zeroes for item in items} == {None, "section", "form"}
    assert (form.warnings, form.title_zh) == ((), "默认质检表")


@pytest.mark.parametrize("path", sorted(FORMS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_form_is_read_without_a_warning(path):
    assert parse_form(path.read_text(encoding="utf-8"), path.stem).warnings == ()


def test_a_form_without_excitement_and_a_critical_delight_are_warned_of():
    assert read_form(document({"sections.words.items.joy": GONE}), "small").warnings == (
        "sections: no item is an excitement need, so no evaluation by this form tells of delight",
    )
    (warning,) = read_form(
        document({"sections.words.items.joy.critical": "business", "sections.words.items.joy.zeroes": "section"}),
        "small",
    ).warnings
    assert warning.startswith("sections.words.items.joy: is an excitement need and critical")


# --- what is refused

JOY, HELLO = "sections.words.items.joy", "sections.calls.items.hello"


@pytest.mark.parametrize(
    ("changes", "where", "code", "words"),
    [
        ({"title": GONE}, "title", "missing", "give a text"),
        ({"source": GONE}, "source", "missing", "give a text"),
        ({"effective": "soon"}, "effective", "type", "2026-01-31"),
        ({"colour": "red"}, "colour", "unknown_key", "known are author, effective, sections"),
        ({"sections": GONE}, "sections", "missing", "give a table"),
        ({"sections": {}}, "sections", "missing", "at least one"),
        ({"sections": 3}, "sections", "type", "table"),
        ({"sections.calls.items": {}}, "sections.calls.items", "missing", "at least one"),
        ({"sections.calls.items": GONE}, "sections.calls.items", "missing", "give a table"),
        ({"sections.calls.title": " "}, "sections.calls.title", "type", "not blank"),
        ({"sections.calls.mood": 1}, "sections.calls.mood", "unknown_key", "known are items, parts, title"),
        ({"sections.Calls 2": {}}, "sections.Calls 2", "name", "small letters"),
        ({"sections.calls.items.a/b": {}}, "sections.calls.items.a/b", "name", "'a/b'"),
        ({HELLO: 5}, HELLO, "type", "table"),
        ({f"{HELLO}.points": 0}, f"{HELLO}.points", "range", "above 0"),
        ({f"{HELLO}.points": -1}, f"{HELLO}.points", "range", "above 0"),
        ({f"{HELLO}.points": 1e5}, f"{HELLO}.points", "range", "at most 10000"),
        ({f"{HELLO}.points": True}, f"{HELLO}.points", "type", "number"),
        ({f"{HELLO}.points": GONE}, f"{HELLO}.points", "missing", "above 0"),
        ({f"{HELLO}.text": GONE}, f"{HELLO}.text", "missing", "give a text"),
        ({f"{HELLO}.kano": "must"}, f"{HELLO}.kano", "method", "basic, expected, excitement"),
        ({f"{HELLO}.kano": GONE}, f"{HELLO}.kano", "missing", "basic, expected, excitement"),
        ({f"{HELLO}.na_allowed": "yes"}, f"{HELLO}.na_allowed", "type", "true or false, found 'yes'"),
        ({f"{HELLO}.critical": "customer"}, f"{HELLO}.zeroes", "missing", "section, form"),
        ({f"{HELLO}.zeroes": "form"}, f"{HELLO}.critical", "missing", "customer, business, compliance"),
        ({f"{HELLO}.critical": "boss", f"{HELLO}.zeroes": "form"}, f"{HELLO}.critical", "method", "'boss'"),
        ({f"{HELLO}.weight": 2}, f"{HELLO}.weight", "unknown_key", "known are critical, kano"),
        (
            {"sections.calls.items.joy": {"kano": "basic", "points": 1, "text": "Again"}},
            JOY,
            "duplicate",
            "section calls too",
        ),
        ({"total": 3, "sections.calls.parts": 1, "sections.words.parts": 1}, "sections", "weights_sum", "total 3"),
        ({"total": 1, "sections.calls.parts": 1}, "sections.words.parts", "missing", "above 0"),
        ({"sections.calls.parts": 1, "sections.words.parts": 1}, "total", "missing", "above 0"),
        ({"total": 1, "sections.calls.parts": 0, "sections.words.parts": 1}, "sections.calls.parts", "range", "above"),
    ],
)  # fmt: skip
def test_a_broken_form_is_refused_by_key(changes, where, code, words):
    error = refusal_of(changes)
    problem = next(problem for problem in error.problems if problem.where == where)
    assert problem.code == code
    assert words in problem.message
    assert str(error).startswith("small: ")


def test_every_fault_is_told_at_once():
    error = refusal_of({"title": GONE, f"{HELLO}.points": 0, f"{JOY}.kano": "wow"})
    assert [problem.where for problem in error.problems] == ["title", f"{HELLO}.points", f"{JOY}.kano"]


def test_text_that_is_not_toml_is_refused():
    with pytest.raises(FormError, match="broken: is not valid TOML"):
        parse_form("title = ", "broken")


# --- the form in effect


def test_a_dated_form_is_named_after_its_first_day():
    assert parse_form(TEXT, "2026-01-01").effective == dt.date(2026, 1, 1)
    with pytest.raises(FormError, match=r"effective: is 2026-01-01; a dated form .* 2026-01-02\.toml"):
        parse_form(TEXT, "2026-01-02")


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2025-12-31", "default"),
        ("2026-01-01", "2026-01-01"),
        ("2026-06-30", "2026-01-01"),
        ("2027-01-01", "2026-07-01"),
    ],
)
def test_the_latest_form_that_has_begun_is_in_effect(day, name):
    forms = [dated(each) for each in ("2026-07-01", "default", "chat", "2026-01-01")]
    assert in_effect(forms, dt.date.fromisoformat(day)).name == name


def test_before_the_first_form_none_is_in_effect():
    with pytest.raises(NotFoundError, match="no forms are in effect on 2025-12-31: the first one is valid from 2026-"):
        in_effect([dated("2026-01-01")], dt.date(2025, 12, 31))
    with pytest.raises(NotFoundError, match="neither a dated form nor a default one"):
        in_effect([dated("chat")], dt.date(2026, 1, 1))
