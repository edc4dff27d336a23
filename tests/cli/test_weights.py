"""csi weights: list, show, check, diff."""

import json
from pathlib import Path

import pytest

from csi_service.core.weights import parse_weights
from tests.cli.terminal import complaint, csi
from tests.make import WEIGHTS

DEFAULT = (WEIGHTS / "default.toml").read_text(encoding="utf-8")


def write(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    text = DEFAULT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_list_marks_the_set_that_is_valid_today(tmp_path):
    for day in ("2001-01-01", "2002-01-01", "2199-01-01"):
        write(tmp_path, f"{day}.toml", ("2000-01-01", day))
    write(tmp_path, "bank.toml", ("2000-01-01", "2003-01-01"))
    ran = csi("weights", "list", CSI_WEIGHTS=str(tmp_path))
    marked = {line[2:12]: line[0] for line in ran.out.splitlines()}
    assert marked == {"2001-01-01": " ", "2002-01-01": "*", "2199-01-01": " ", "bank      ": " "}
    assert all("valid from 20" in line or "valid from 2199" in line for line in ran.out.splitlines())


def test_list_shows_sets_of_which_none_is_valid_yet(tmp_path):
    write(tmp_path, "2199-01-01.toml", ("2000-01-01", "2199-01-01"))
    assert csi("weights", "list", CSI_WEIGHTS=str(tmp_path)).out.startswith("  2199-01-01")


def test_show_prints_every_value_of_a_name_or_a_file(tmp_path):
    ran = csi("weights", "show", "default")
    for line in ('title_zh = "默认"', "csi.total = 3", "internal.sla.range = [20, 30]", 'effective = "2000-01-01"'):
        assert line in ran.out.splitlines()
    assert csi("weights", "show", WEIGHTS / "default.toml").out == ran.out
    odd = write(tmp_path, "odd.toml", ("total = 100", "total = 90"), ("qa  = { parts = 60", "qa  = { parts = 50"))
    ran = csi("weights", "show", odd)
    assert "Note: internal.qa.parts: 50 of 90 lies outside the sensible range" in ran.err


def test_show_as_json_is_the_document_with_its_digest():
    body = json.loads(csi("weights", "show", "bank", "--format", "json").out)
    weights = parse_weights((WEIGHTS / "bank.toml").read_text(encoding="utf-8"), "bank")
    assert (body["name"], body["digest"]) == ("bank", weights.digest)
    assert body["document"]["effective"] == "2000-01-01"
    assert body["document"]["complaint"]["multiplier"] == 30


def test_check_says_good_with_the_digest():
    ran = csi("weights", "check", *sorted(WEIGHTS.glob("*.toml")))
    assert (ran.code, ran.err) == (0, "")
    assert [line.split(": ")[1].split(",")[0] for line in ran.out.splitlines()] == ["good"] * 3


def test_check_names_every_problem_of_every_file(tmp_path):
    sum_ = write(tmp_path, "sum.toml", ("qa  = { parts = 60", "qa  = { parts = 57"))
    two = write(tmp_path, "two.toml", ("multiplier = 25", "multiplier = nan"), ('count = "received"', 'count = "all"'))
    dated = write(tmp_path, "2027-01-01.toml")
    ran = csi("weights", "check", sum_, tmp_path / "gone.toml", two, dated, WEIGHTS / "bank.toml")
    assert ran.code == 2
    assert len(ran.out.splitlines()) == 1  # the good one
    lines = ran.err.splitlines()
    assert lines[0].startswith(f"{sum_}: internal")
    assert "97" in lines[0]
    assert lines[1] == f"{tmp_path / 'gone.toml'}: there is no such file"
    assert sorted(line.split(": ")[1] for line in lines[2:4]) == ["complaint.count", "complaint.multiplier"]
    assert lines[4].startswith(f"{dated}: effective: ")
    assert lines[5] == "csi: 4 of 5 files cannot be used"


def test_diff_shows_what_differs_and_nothing_else(tmp_path):
    changes = (("multiplier = 25 ", "multiplier = 40 "), ("floor = 0.80, ", ""), ("window_days = 7", "window_days = 9"))
    changed = write(tmp_path, "new.toml", *changes)
    assert csi("weights", "diff", "default", changed).out.splitlines() == [
        "internal.sla.floor: 0.8 -> (not set)",
        "internal.first_contact_resolution.window_days: 7 -> 9",
        "complaint.multiplier: 25 -> 40",
    ]
    assert csi("weights", "diff", "default", "default").out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "mine"), "there are no weights 'mine'; there are bank, default, telecom"),
        (("diff", "default", "mine"), "there are no weights 'mine'; there are bank, default, telecom"),
        (("show", "mine.toml"), "mine.toml: there is no such file"),
        (("check", "mine.toml"), "1 of 1 files cannot be used"),
    ],
)
def test_weights_that_are_not_there_are_refused(arguments, said):
    assert complaint(csi("weights", *arguments)) == said
