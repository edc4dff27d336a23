"""csi sample, csi calibration and csi appeals."""

import datetime as dt

import pytest

from csi_service.access import Caller
from csi_service.store.appeals import Decision, decide_appeal, file_appeal
from csi_service.store.folder import open_store
from tests.cli.terminal import complaint, csi
from tests.store.kept import at, call, make, put

NOW = dt.datetime(2026, 2, 2, 8, tzinfo=dt.UTC)


@pytest.fixture
def data(tmp_path):
    """A folder with 40 calls of team A and 10 of team B in January 2026, one of each abandoned."""
    store = open_store(tmp_path / "data", "Asia/Shanghai")
    put(store, "calls", *(
        call(f"C{n:03}", "2026-01-10T09:00", team="A" if n < 40 else "B", answered=n not in (0, 49)) for n in range(50)
    ))  # fmt: skip
    store.database.close()
    return tmp_path / "data"


@pytest.fixture
def store(data):
    made = open_store(data, "Asia/Shanghai")
    yield made
    made.database.close()


def plan(data, *options, batch="P", period="2026-01", raters=("ann=2", "ben")):
    who = [text for rater in raters for text in ("--rater", rater)]
    return csi("sample", "plan", "--data", data, "--batch", batch, "--period", period, *who, *options)


def table(ran):
    return [line.split() for line in ran.out.splitlines() if line]


def test_a_plan_tells_its_strata_and_what_it_buys(data):
    ran = plan(data, "--by", "team", "--size", 12, "--seed", 5, "--due", "2026-02-10")
    assert ran.code == 0, ran.err
    lines = table(ran)
    assert lines[0] == ["batch", "team", "calls", "evaluated", "population", "sample"]
    # 39 and 9 answered calls; 12 in proportion: 9.75 and 2.25
    assert lines[2:4] == [["P/1", "A", "39", "0", "39", "10"], ["P/2", "B", "9", "0", "9", "2"]]
    assert "+-5 points take 43 calls, +-3 points 46." in ran.out  # 384.1 / (1 + 383.1 / 48), 1067.1 / (1 + 1066.1 / 48)
    assert ran.err == "Seed 5. csi sample draw P draws it.\n"


def test_a_plan_is_drawn_listed_and_worked_off(data, store):
    plan(data, "--size", 9, "--due", "2020-01-01")
    assert table(csi("sample", "list", "--data", data))[2] == [
        "P", "2026-01", "random", "planned", "2020-01-01", "48", "9", "0", "0",
    ]  # fmt: skip
    ran = csi("sample", "draw", "--data", data, "P")
    assert ran.code == 0, ran.err
    assert table(ran)[-2:] == [["ann", "6", "0", "6"], ["ben", "3", "0", "3"]]
    assert "P was drawn by cli:" in complaint(csi("sample", "draw", "--data", data, "P")).replace("'", "")
    ran = csi("sample", "worklist", "--data", data, "P", "ben", "--limit", "2")
    rows = table(ran)
    assert (rows[0], len(rows)) == (["call", "batch", "started", "team", "agent"], 4)
    assert rows[2][1:] == ["P", "2026-01-10", "09:00", rows[2][4], "A1"]
    assert ran.err == "0 of 3 done, 3 left; overdue since 2020-01-01.\n"
    put(store, "evaluations", make("evaluations", evaluation_id="E", call_id=rows[2][0], rater="ben", batch="P",
                                   rating=3, evaluated_at=at("2026-01-20T10:00")))  # fmt: skip
    assert csi("sample", "worklist", "--data", data, "P", "ben").err.startswith("1 of 3 done, 2 left")
    assert table(csi("sample", "list", "--data", data))[2][3:] == ["overdue", "2020-01-01", "48", "9", "1", "8"]
    assert table(csi("sample", "away", "--data", data, "P", "ann"))[2:] == [
        ["ann", "away", "0", "0", "0"], ["ben", "9", "1", "8"],
    ]  # fmt: skip
    assert table(csi("sample", "away", "--data", data, "P", "ann", "--back"))[2] == ["ann", "0", "0", "0"]


def test_calls_are_picked_by_rule_or_from_a_file(data, tmp_path):
    ran = plan(data, "--selection", "targeted", "--abandoned")
    assert table(ran)[2] == ["P", "all", "2", "0", "2", "2"]
    assert "+-" not in ran.out  # no estimate
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("C001\n\nC002 \n", encoding="utf-8")
    assert table(plan(data, "--selection", "calibration", "--calls", numbers, batch="Q"))[2][-1] == "2"
    numbers.write_text("C001\nC999\n", encoding="utf-8")
    refused = complaint(plan(data, "--selection", "targeted", "--calls", numbers, batch="R"))
    assert refused == "--calls (2): is no call of 2026-01 that is known here"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", 49], "--size: is 49, but there are 48 calls to draw from"),
        ([], "--size: is missing; give --size, --min-per or both"),
        (["--size", 3, "--rater", "eve=x"], "--rater: 'eve=x' is no NAME=SHARE"),
        (["--size", 3, "--due", "soon"], "--due: must be a day"),
        (["--size", 3, "--min-per", 0], "--min-per: is 0; give a number from 1"),
        (["--size", 3, "--by", "team", "--by", "team"], "--by (2): stands twice"),
        (["--size", 3, "--period", "2026-13"], "--period: '2026-13' is not a period"),
        (["--size", 3, "--period", "2026-01-31..2026-01-01"], "--period: '2026-01-31..2026-01-01' ends before it"),
        (["--size", 3, "--transfers-from", 2, "--abandoned"], "--abandoned, --transfers-from: cannot be given with"),
        (["--selection", "targeted", "--handle-from", -1], "--handle-from: "),
        (["--size", 3, "--period", "2025-12"], "finds no call of 2025-12 to draw"),
        (["--size", 3, "--calls", "/nowhere"], "/nowhere: cannot be read"),
        (["--size", 3, "--selection", "most"], "Invalid value for '--selection'"),
    ],
)
def test_a_plan_that_cannot_be_ends_with_a_line(data, options, words):
    assert complaint(plan(data, *options)).startswith(words)
    assert len(table(csi("sample", "list", "--data", data))) == 2  # the head alone


def test_what_is_not_there_ends_with_a_line(data):
    assert complaint(csi("sample", "draw", "--data", data, "X")) == "there is no plan 'X'"
    plan(data, "--size", 4)
    assert "not drawn yet" in complaint(csi("sample", "worklist", "--data", data, "P", "ann"))
    assert "'eve' is no rater" in complaint(csi("sample", "away", "--data", data, "P", "eve"))


def test_plain_batches_are_listed_too(data, store):
    put(store, "batches", make("batches", batch="old", period="2026-01", population=4800.0))
    assert table(csi("sample", "list", "--data", data))[2] == ["old", "2026-01", "random", "sent", "4,800"]


def test_agreement_is_printed_with_its_reading(data, store):
    levels = {"ann": [1, 2, 3, 3], "ben": [1, 2, 3, 2]}
    put(store, "evaluations", *(
        make("evaluations", evaluation_id=f"{rater}{n}", call_id=f"C00{n}", rater=rater, rating=level,
             evaluated_at=at("2026-01-12T10:00"))
        for rater, given in levels.items()
        for n, level in enumerate(given)
    ))  # fmt: skip
    ran = csi("calibration", "--data", data, "--period", "2026-01")
    assert ran.code == 0, ran.err
    assert "Krippendorff's alpha: 0.790 (tentative)" in ran.out  # by hand in tests/core/test_agreement.py
    assert "4 calls rated by several, 8 ratings, 2 raters" in ran.out
    assert ["ann", "ben", "4", "0.800", "75.00", "%", "+0.25"] in table(ran)
    assert ["ben", "4", "-0.25", "0.391"] in table(ran)
    assert ["dissatisfied", "0", "2", "1", "0", "0"] in table(ran)
    nothing = csi("calibration", "--data", data, "--period", "2025")
    assert nothing.out.splitlines()[0] == "Krippendorff's alpha: none, no call was rated by several people"
    assert complaint(csi("calibration", "--data", data)) == "give --period or --batch, or both"
    assert complaint(csi("calibration", "--data", data, "--batch", "X")) == "there is no batch 'X'"


def test_appeals_are_listed(data, store):
    put(store, "evaluations", make("evaluations", evaluation_id="E1", call_id="C001", rater="ann", score=60.0,
                                   evaluated_at=at("2026-01-12T10:00")))  # fmt: skip
    filed = file_appeal(store, "E1", "told\x1b[31m", Caller("tia", "lead", 1, ""), NOW)
    ran = csi("appeals", "list", "--data", data, "--status", "open")
    assert table(ran)[2] == [
        str(filed.id), "open", "E1", "A", "ann", "tia", "2026-02-02", "16:00", "told?[31m",
    ]  # fmt: skip
    assert len(table(csi("appeals", "list", "--data", data, "--team", "B"))) == 2
    assert len(table(csi("appeals", "list", "--data", data, "--period", "2026-02"))) == 3
    decide_appeal(store, filed.id, Decision(False, "heard again", {}), Caller("uwe", "lead", 2, ""), NOW)
    ran = csi("appeals", "list", "--data", data, "--lang", "zh")
    assert table(ran)[2][1] == "驳回"  # of an appeal; a row is 拒绝
