"""Text in columns for a terminal."""

import pytest

from csi_service.report.columns import in_columns, ordered, visible, width


@pytest.mark.parametrize(
    ("text", "places"), [("", 0), ("csi", 3), ("华东一组", 8), ("Ａ", 2), ("é", 1), ("e\u0301", 1), ("a组", 3)]
)
def test_a_chinese_character_takes_two_places_and_an_accent_none(text, places):
    assert width(text) == places


@pytest.mark.parametrize(
    "names",
    [
        ["T1", "T2", "T10", "T10a", "T11", "U1"],
        ["华东一组", "华东二组", "华东三组", "华东九组", "华东十组", "华东十一组", "华东二十组", "华东二十二组"],
        ["", "1" * 5000, "a"],
    ],
)
def test_names_stand_in_the_order_of_the_numbers_in_them(names):
    assert sorted(reversed(names), key=lambda name: ordered([name])) == names


@pytest.mark.parametrize("sign", ["\x1b", "\n", "\r", "\t", "\x00", "\u202e", "\u200b", "\ud800"])
def test_signs_that_steer_a_terminal_are_not_passed_on(sign):
    assert visible(f"华a{sign}b") == "华a?b"


def test_columns_align_by_the_places_that_texts_take():
    rows = [("team", "CSI", "note"), ("华东一组", "9 %", "x"), ("A", "100 %", "")]
    assert list(in_columns(rows, left=(0, 2))) == [
        "team        CSI  note",
        "---------------------",
        "华东一组    9 %  x",
        "A         100 %",
    ]
