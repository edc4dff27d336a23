import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.form_scores import score_answers
from csi_service.core.forms import read_form
from csi_service.errors import InvalidInputError
from tests.core.test_forms import FORMS, document, parse_form

SECTIONS = ("calls", "words")
PARTS = {"total": 4, "sections.calls.parts": 1, "sections.words.parts": 3}
MET = {"hello": True, "truth": True, "joy": True}
NA_ALLOWED = {f"sections.{path}.na_allowed": True for path in ("calls.items.hello", "words.items.truth")}
WHOLE = parse_form((FORMS / "default.toml").read_text(encoding="utf-8"), "default")


def scored(changes, answers):
    return score_answers(read_form(document(changes), "small"), answers)


def refusal_of(answers, changes=None):
    with pytest.raises(InvalidInputError) as refusal:
        scored(changes, answers)
    return refusal.value.problems


def test_the_score_is_earned_of_possible_points():
    # hello 3 of 4, truth 6 of 6, joy 0 of 2: 9 / 12
    found = scored({}, {"hello": 3, "truth": True, "joy": False})
    assert (found.score, found.earned, found.possible, found.reason) == (0.75, 9, 12, None)
    calls, words = found.sections
    assert (calls.score, calls.earned, calls.possible) == (0.75, 3, 4)
    assert (words.score, words.earned, words.possible) == (0.75, 6, 8)
    assert (calls.weight, words.weight) == (pytest.approx(1 / 3), pytest.approx(2 / 3))  # 4 and 8 of 12 points
    assert found.score_before_critical == 0.75
    assert (found.critical_failures, found.na_share) == ((), 0)


def test_na_leaves_earned_and_possible_points():
    found = scored({}, {"hello": 3, "truth": True, "joy": "na"})  # 9 / 10
    assert (found.score, found.earned, found.possible) == (0.9, 9, 10)
    assert [section.weight for section in found.sections] == [0.4, 0.6]
    assert found.na_share == pytest.approx(1 / 3)


def test_sections_weigh_as_the_form_says():
    # calls 3 / 4 with a quarter, words 6 / 8 -> 2 of 8 earned instead: 0.25 x 0.75 + 0.75 x 0.75 = 0.75; with joy met 1
    assert scored(PARTS, {"hello": 3, "truth": True, "joy": False}).score == 0.75
    found = scored(PARTS, {"hello": 2, "truth": True, "joy": True})  # 0.25 x 0.5 + 0.75 x 1
    assert (found.score, found.earned, found.possible) == (0.875, 10, 12)
    assert [section.weight for section in found.sections] == [0.25, 0.75]


def test_the_weight_of_a_section_that_does_not_apply_goes_to_the_others():
    found = scored({**PARTS, **NA_ALLOWED}, {"hello": "na", "truth": True, "joy": False})
    calls, words = found.sections
    assert (calls.score, calls.earned, calls.possible, calls.weight) == (None, 0, 0, 0)
    assert (words.score, words.weight, found.score) == (0.75, 1, 0.75)


@pytest.mark.parametrize("parts", [{}, PARTS])
def test_without_anything_that_applies_there_is_no_score(parts):
    found = scored({**parts, **NA_ALLOWED}, {"hello": "na", "truth": "na", "joy": "na"})
    assert (found.score, found.score_before_critical, found.reason) == (None, None, "not_applicable")
    assert (found.earned, found.possible, found.na_share, found.delight) == (0, 0, 1, None)
    assert [(section.score, section.weight) for section in found.sections] == [(None, 0), (None, 0)]


def test_a_critical_failure_takes_the_form_to_0():
    found = scored({}, {"hello": True, "truth": False, "joy": True})
    assert (found.score, found.earned, found.possible) == (0, 0, 12)
    assert [section.score for section in found.sections] == [0, 0]
    assert found.score_before_critical == 0.5  # 4 + 0 + 2 of 12
    assert [(item.name, item.critical, item.zeroes) for item in found.critical_failures] == [
        ("truth", "customer", "form")
    ]


def test_a_critical_failure_takes_its_section_to_0():
    answers = {"hello": True, "truth": 0, "joy": True}
    found = scored({"sections.words.items.truth.zeroes": "section"}, answers)  # 4 + 0 of 12
    assert (found.score, found.earned) == (pytest.approx(1 / 3), 4)
    assert [section.score for section in found.sections] == [1, 0]
    weighed = scored({"sections.words.items.truth.zeroes": "section", **PARTS}, answers)
    assert (weighed.score, weighed.score_before_critical) == (0.25, pytest.approx(0.25 + 0.75 * 2 / 8))


def test_a_critical_item_that_does_not_apply_has_not_failed():
    found = scored(NA_ALLOWED, {"hello": True, "truth": "na", "joy": False})
    assert (found.critical_failures, found.score) == ((), pytest.approx(4 / 6))


@pytest.mark.parametrize(
    ("joy", "delight"), [(True, True), (2, True), (2.0, True), (1, False), (False, False), ("na", None)]
)
def test_delight_is_an_excitement_need_met_with_all_its_points(joy, delight):
    assert scored({}, {**MET, "joy": joy}).delight is delight


def test_delight_stands_beside_a_critical_failure():
    assert scored({}, {**MET, "truth": False}).delight is True


def test_items_keep_what_they_earned():
    found = scored({}, {"hello": 1, "truth": True, "joy": "na"})
    assert [(score.item.name, score.earned, score.share, score.met) for score in found.items] == [
        ("hello", 1, 0.25, False),
        ("truth", 6, 1, True),
        ("joy", None, None, False),
    ]


def test_the_answer_names_the_form_and_its_version():
    form = read_form(document(), "small")
    found = score_answers(form, MET)
    assert (found.form, found.digest) == ("small", form.digest)


# --- what is refused


@pytest.mark.parametrize(
    ("answers", "where", "code", "words"),
    [
        ({"hello": True, "truth": True}, "/answers/joy", "missing", 'true, false, 0 to 2 points or "na"'),
        ({**MET, "wit": True}, "/answers/wit", "unknown_item", "hello, truth, joy"),
        ({**MET, "a/b~c": 1}, "/answers/a~1b~0c", "unknown_item", "not an item of the form small"),
        ({**MET, "hello": 4.5}, "/answers/hello", "range", "is 4.5; give true, false or 0 to 4 points"),
        ({**MET, "hello": -1}, "/answers/hello", "range", "0 to 4 points"),
        ({**MET, "hello": math.nan}, "/answers/hello", "non_finite", "is nan"),
        ({**MET, "hello": math.inf}, "/answers/hello", "non_finite", "is inf"),
        ({**MET, "hello": "na"}, "/answers/hello", "type", "true, false or 0 to 4 points, found 'na'"),
        ({**MET, "joy": "N/A"}, "/answers/joy", "type", '"na", found \'N/A\''),
        ({**MET, "hello": "3"}, "/answers/hello", "type", "found '3'"),
        ({**MET, "hello": None}, "/answers/hello", "type", "found None"),
        ({**MET, "hello": [1]}, "/answers/hello", "type", "found [1]"),
        ({**MET, "truth": 3}, "/answers/truth", "range", "true, false or 0 or 6 points"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_refused_by_its_pointer(answers, where, code, words):
    (problem,) = refusal_of(answers)
    assert (problem.where, problem.code) == (where, code)
    assert words in problem.message


def test_each_wrong_item_has_a_problem_of_its_own():
    problems = refusal_of({"hello": 9, "joy": "no", "wit": 1})
    assert [(problem.where, problem.code) for problem in problems] == [
        ("/answers/hello", "range"),
        ("/answers/truth", "missing"),
        ("/answers/joy", "type"),
        ("/answers/wit", "unknown_item"),
    ]


# --- an oracle in fractions, over the shipped form


def by_hand(form, answers):
    """Return score, score before critical items, delight: a loop over the items in exact fractions."""
    earned, possible = dict.fromkeys(form, Fraction(0)), dict.fromkeys(form, Fraction(0))
    zeroed, delights = set(), []
    for section, items in form.items():
        for item in items:
            answer = answers[item.name]
            if answer == "na":
                continue
            points = Fraction(item.points) * answer if isinstance(answer, bool) else Fraction(answer)
            earned[section] += points
            possible[section] += Fraction(item.points)
            if item.critical and points == 0:
                zeroed |= {section} if item.zeroes == "section" else set(form)
            if item.kano == "excitement":
                delights.append(points == item.points)
    total = sum(possible.values())
    if not total:
        return None, None, None
    kept = sum(value for section, value in earned.items() if section not in zeroed)
    return kept / total, sum(earned.values()) / total, any(delights) if delights else None


def answers_to(form):
    def answer(item):
        choices = [st.booleans(), st.sampled_from([0, item.points])]
        if not item.critical:
            choices.append(st.floats(0, item.points))
        return st.one_of(*choices, *([st.just("na")] if item.na_allowed else []))

    return st.fixed_dictionaries({item.name: answer(item) for item in form.items.values()})


@given(answers_to(WHOLE))
def test_the_shipped_form_scores_as_a_loop_by_hand(answers):
    found = score_answers(WHOLE, answers)
    score, before, delight = by_hand({section.name: section.items for section in WHOLE.sections}, answers)
    assert found.score == pytest.approx(float(score), abs=1e-12)
    assert found.score_before_critical == pytest.approx(float(before), abs=1e-12)
    assert found.delight is delight
    assert 0 <= found.score <= found.score_before_critical <= 1
    assert found.earned / found.possible == pytest.approx(found.score, abs=1e-12)
    assert sum(section.weight for section in found.sections) == pytest.approx(1, abs=1e-12)
    assert found.na_share == pytest.approx(list(answers.values()).count("na") / 12)


@given(answers_to(WHOLE), st.data())
def test_a_better_answer_never_lowers_the_score(answers, data):
    name = data.draw(st.sampled_from([name for name, answer in answers.items() if answer != "na"]))
    assert score_answers(WHOLE, {**answers, name: True}).score >= score_answers(WHOLE, answers).score - 1e-12
