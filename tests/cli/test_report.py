"""csi report: make, publish, list."""

from pathlib import Path

import pytest

from csi_service.store.folder import open_store
from tests.cli.terminal import csi
from tests.store.kept import call, put, survey


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with a few records of March 2026."""
    store = open_store(tmp_path / "data", "Asia/Shanghai")
    put(store, "calls", call("C1", "2026-03-02 09:00"))
    put(store, "surveys", survey("S1", "2026-03-03 09:00", 5))
    store.database.close()
    return tmp_path / "data"


def test_the_output_s_ending_chooses_the_format(folder, tmp_path):
    for name, start in (("r.pdf", b"%PDF"), ("r.xlsx", b"PK"), ("r.html", b"<!")):
        ran = csi("report", "2026-03", "--lang", "zh", "--output", tmp_path / name, "--data", folder)
        assert ran.code == 0, ran.err
        assert (tmp_path / name).read_bytes().startswith(start)
    assert csi("report", "2026-03", "--by", "team", "--data", folder).out.startswith("<!")


def test_publish_restate_list(folder, tmp_path):
    assert "published as version 1" in csi("report", "publish", "2026-03", "--data", folder).out
    store = open_store(folder, "Asia/Shanghai")
    put(store, "surveys", survey("S2", "2026-03-03 09:00", 1))
    store.database.close()
    again = csi("report", "publish", "2026-03", "--data", folder).out
    assert "csi.external: published 1.000000, now 0.500000" in again
    assert "--restate --reason" in again
    ran = csi("report", "publish", "2026-03", "--restate", "--reason", "a late survey", "--data", folder)
    assert "published as version 2" in ran.out
    listed = csi("report", "list", "--data", folder).out.splitlines()
    assert [line.split()[2] for line in listed] == ["2", "1"]
    assert listed[0].endswith(": a late survey")
    made = csi("report", "2026-03", "--output", tmp_path / "r.html", "--data", folder)
    assert "Version 2" in made.err
    assert "a late survey" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "a late survey" not in csi("report", "2026-03", "--live", "--data", folder).out


def test_a_report_of_a_month_without_records_says_where_they_lie(folder, tmp_path):
    told = "Note: there is no record in 2025-03; all records lie between 2026-03-02 and 2026-03-03."
    ran = csi("report", "2025-03", "--output", tmp_path / "r.html", "--data", folder)
    assert (ran.code, ran.err.splitlines()[-1:]) == (0, [told])
    assert "Note:" not in csi("report", "2026-03", "--output", tmp_path / "r.html", "--data", folder).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2026-13",), "2026-13"),
        (("2026-03", "--by", "colour"), "'colour' is no dimension; there are site"),
        (("2026-03", "--output", "r.docx"), "accepted are html, pdf, xlsx"),
        (("2026-03", "--output", "r.html", "--format", "pdf"), "ends in 'html', and --format is pdf"),
        (("publish", "2026-03", "--restate"), "belong together"),
        (("publish", "2026-03", "--restate", "--reason", "a long story"), "nothing to restate"),
        (("publish", "2999-03"), "has not ended"),
        (("publish", "2025-03"), "nothing to publish: there is no record in 2025-03; all records lie between"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(folder, arguments, said):
    ran = csi("report", *arguments, "--data", folder)
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
