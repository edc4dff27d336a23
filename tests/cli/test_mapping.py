"""csi mapping: suggest, check."""

import pytest

from tests.cli.terminal import complaint, csi
from tests.files import make_csv
from tests.make import ROOT

TABLE = '[calls]\ncall_id = "id"\nstarted_at = "at"\nanswered = "yes"\n'


def test_a_draft_scores_the_file_it_was_made_from(tmp_path):
    path = make_csv(tmp_path / "export.csv", "Call ID,Start Time,Answered,Talk Time\nK1,04.01.2021 09:00,Y,00:05:00\n")
    draft = tmp_path / "draft.toml"
    ran = csi("mapping", "suggest", path)
    assert (ran.code, ran.err) == (0, "")
    draft.write_text(ran.out, encoding="utf-8")
    assert csi("mapping", "check", draft).out == f"{draft}: good, calls\n"
    ran = csi("score", "--calls", path, "--mapping", draft, "--format", "csv")
    assert [row["raw"] for row in ran.rows if row["node"] == "csi.internal.aht"] == ["300.0"]


def test_a_draft_takes_the_time_zone_of_the_settings(tmp_path):
    path = make_csv(tmp_path / "export.csv", "call_id,started_at,answered\nK1,2021-01-04 09:00:00,Y\n")
    assert 'time_zone = "Europe/Zurich"' in csi("mapping", "suggest", path, CSI_TIME_ZONE="Europe/Zurich").out


def test_a_file_that_is_not_there_or_empty_has_no_draft(tmp_path):
    assert complaint(csi("mapping", "suggest", tmp_path / "gone.csv")).endswith("there is no such file")
    assert "empty" in complaint(csi("mapping", "suggest", make_csv(tmp_path / "empty.csv", "")))


def test_the_shipped_mapping_is_good():
    path = ROOT / "examples/mappings/pwc_call_centre.toml"
    assert csi("mapping", "check", path).out == f"{path}: good, calls, surveys\n"


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(TABLE, encoding="utf-8-sig")
    assert csi("mapping", "check", path).code == 0


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("x = [", ["is not valid TOML"]),
        ('time_zone = "Mars"\n' + TABLE, ["time_zone: is 'Mars'"]),
        (TABLE + "mood = 1\n", ["calls.mood"]),
        ('[calls]\ncall_id = "id"\n', ["calls: names no column for started_at, answered"]),
        ('decimal = ";"\n' + TABLE + 'rows = [{ column = "x" }]\n', ["decimal", "calls.rows[0]"]),
    ],
)
def test_every_problem_of_a_mapping_is_a_line(tmp_path, content, problems):
    path = tmp_path / "m.toml"
    path.write_text(content, encoding="utf-8")
    ran = csi("mapping", "check", path)
    assert complaint(ran) == f"{path} cannot be used"
    *lines, _ = ran.err.splitlines()
    assert len(lines) == len(problems)
    for line, problem in zip(lines, problems, strict=True):
        assert line.startswith(f"{path}: {problem}")
