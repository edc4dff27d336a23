"""Mapping documents: what they make of other systems' columns, and what in them is refused."""

import pytest

from csi_service.errors import FileRefusedError, MappingError
from csi_service.ingest.mapping import parse_mapping
from tests.files import make_csv, make_xlsx, measures_of, opened, outcome_of, totals_of
from tests.make import make_weights

CALLS = 'call_id = "id"\nstarted_at = "at"\nanswered = "ok"\n'


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("x = ", "", "is not valid TOML"),
        ("a = " + "[" * 3000, "", "is not valid TOML"),
        ('zone = "UTC"', "zone", "is not a known key here"),
        ('time_zone = "Mars/Olympus"', "time_zone", "give an IANA name"),
        ('encoding = "latin-1"', "encoding", "accepted is one of utf-8, gb18030, utf-16"),
        ('delimiter = "::"', "delimiter", "must be one sign"),
        ('delimiter = "\\""', "delimiter", "must be one sign"),
        ("delimiter = 5", "delimiter", "must be one sign"),
        ("header_row = 1.5", "header_row", "give a whole row number"),
        ("header_row = 0", "header_row", "give a number at least 1"),
        ('decimal = ";"', "decimal", "accepted is one of"),
        ("blanks = [1]", "blanks", "must be a text or a list of texts"),
        ('[calls]\ncall_id = "id"', "calls", "names no column for started_at, answered"),
        (f'[calls]\n{CALLS}wait = "w"', "calls.wait", "is not a known key here; known are"),
        (f"[calls]\n{CALLS}team = 5", "calls.team", "must be a table"),
        (f"[calls]\n{CALLS}team = {{ constant = [1] }}", "calls.team.constant", "must be a text, a number"),
        (f"[calls]\n{CALLS}team = {{ colum = 'x' }}", "calls.team.column", "is missing"),
        (f"[calls]\n{CALLS}team = {{ column = 'x', values = 5 }}", "calls.team.values", "must be a table of"),
        (f"[calls]\n{CALLS}team = {{ column = 'x', values = {{ a = [] }} }}", "calls.team.values.a", "must be a text"),
        (f"[calls]\n{CALLS}talk_seconds = {{ column = 'x', unit = 'h' }}", "calls.talk_seconds.unit", "accepted is"),
        (f"[calls]\n{CALLS}team = {{ column = 'x', unit = 'days' }}", "calls.team.unit", "is not a known key here"),
        (f"[calls]\n{CALLS}rows = [{{ column = 'x' }}]", "calls.rows[0]", "needs either is"),
        (f"[calls]\n{CALLS}from = 'call'", "calls.from", "accepted is one of calls"),
        ("[calls]\nstarted_at = { column = 'x', format = '%Q' }", "calls.started_at.format", "not a pattern"),
        ("[calls]\nstarted_at = { column = 'x', format = '' }", "calls.started_at.format", "not a pattern"),
        ("[calls]\nstarted_at = { column = 'x', format = '%Y %' }", "calls.started_at.format", "not a pattern"),
        ("[calls]\nstarted_at = { column = 'x', format = ['%Y', '%Y %z'] }", "calls.started_at.format", "in all"),
    ],
)  # fmt: skip
def test_a_document_that_breaks_its_rules_is_refused_with_the_key(text, where, message):
    with pytest.raises(MappingError) as refusal:
        parse_mapping(text, "ours.toml")
    assert str(refusal.value).startswith("ours.toml: ")
    assert any(problem.where == where and message in problem.message for problem in refusal.value.problems)


def test_a_column_that_the_mapping_names_but_the_file_lacks_is_refused(tmp_path):
    path = make_csv(tmp_path / "c.csv", "id,at,ok\nc1,2021-01-05,Y\n")
    with pytest.raises(FileRefusedError, match=r"has no column squad for calls; its header reads: id, at, ok"):
        outcome_of({"calls": path}, f'[calls]\n{CALLS}team = "squad"')
    with pytest.raises(FileRefusedError, match="has no column kind, by which the mapping chooses rows"):
        outcome_of({"calls": path}, f"[calls]\n{CALLS}rows = [{{ column = 'kind', is = 'call' }}]")


@pytest.mark.parametrize(
    ("unit", "text", "seconds"),
    [
        ("seconds", "90", 90),
        ("minutes", "1.5", 90),
        ("days", "0.25", 21_600),
        ("mm:ss", "1:30", 90),
        ("mm:ss", "125:30.5", 7530.5),
        ("hh:mm:ss", "0:01:30", 90),
        ("hh:mm:ss", "30:00:01", 108_001),
        ("mm:ss", "1:75", None),
        ("mm:ss", "1:30:00", None),
        ("hh:mm:ss", "1:30", None),
        ("hh:mm:ss", "-0:01:30", None),
        ("minutes", "1:30", None),
    ],
)  # fmt: skip
def test_units_of_durations(tmp_path, unit, text, seconds):
    path = make_csv(tmp_path / "c.csv", f"id,at,ok,t\nc1,2021-01-05,Y,{text}\nc2,2021-01-05,Y,\n")
    mapping = f'[calls]\n{CALLS}talk_seconds = {{ column = "t", unit = "{unit}" }}'
    assert outcome_of({"calls": path}, mapping).rejected == (seconds is None)
    assert totals_of({"calls": path}, mapping)["handle_seconds"] == pytest.approx(seconds or 0)


def test_a_blank_may_stand_for_zero_else_its_call_leaves_the_handling_time(tmp_path):
    path = make_csv(tmp_path / "c.csv", "id,at,ok,t,h\nc1,2021-01-05,Y,60,\nc2,2021-01-05,Y,30,10\nc3,2021-01-05,N,,\n")
    mapping = f'[calls]\n{CALLS}talk_seconds = "t"\nhold_seconds = '
    left_out = totals_of({"calls": path}, mapping + '"h"')
    assert (left_out["handled_contacts"], left_out["handle_seconds"], left_out["contacts_answered"]) == (1, 40, 2)
    zero = totals_of({"calls": path}, mapping + '{ column = "h", blank = 0 }')
    assert (zero["handled_contacts"], zero["handle_seconds"]) == (2, 100)


def test_rows_that_are_not_blank_leave_out_the_marks_for_blank(tmp_path):
    path = make_csv(tmp_path / "c.csv", "id,at,ok,score\na,2021-01-05,Y,5\nb,2021-01-05,Y,?\nc,2021-01-05,Y,\n")
    rows = "rows = [{ column = 'score', blank = false }]"
    assert outcome_of({"calls": path}, f"blanks = ['?']\n[calls]\n{CALLS}{rows}").loaded == 1
    assert outcome_of({"calls": path}, f"[calls]\n{CALLS}{rows}").loaded == 2


def test_value_maps_constants_marks_for_blanks_and_conditions(tmp_path):
    text = "id,at,state,who,type\na,2021-01-05,接,?,in\nb,2021-01-05,弃,anna,in\n"
    text += "c,2021-01-05,Y,n/a,in\nd,2021-01-05,接,x,out\n"
    path = make_csv(tmp_path / "c.csv", text)
    mapping = """
        blanks = ["?", "n/a"]
        [calls]
        rows = [{ column = "type", is = ["in", "inbound"] }, { column = "id", blank = false }]
        call_id = "id"
        started_at = "at"
        answered = { column = "state", values = { "接" = true, "弃" = false } }
        agent = "who"
        site = { constant = "north" }
    """
    frame = measures_of({"calls": path}, mapping, keys=("site", "agent")).set_index("agent")
    assert frame.loc["unassigned", "contacts_answered"] == 2  # a and c: the map leaves other words as they are
    assert frame.loc["anna", "contacts_abandoned"] == 1
    assert set(frame["site"]) == {"north"}
    assert len(frame) == 2


def test_delimiter_decimal_comma_encoding_header_row_and_sheet(tmp_path):
    text = "report of\n\nid^at^ok^t\nc1^2021-01-05^是^1,5\n"
    path = make_csv(tmp_path / "c.csv", text, encoding="gb18030")
    mapping = (
        f'delimiter = "^"\ndecimal = ","\nencoding = "gb18030"\nheader_row = 3\n[calls]\n{CALLS}talk_seconds = "t"'
    )
    assert totals_of({"calls": path}, mapping)["handle_seconds"] == 1.5
    tabs = make_csv(tmp_path / "t.csv", "id\tat\tok\nc1\t2021-01-05\tY\n")
    assert outcome_of({"calls": tabs}, f'delimiter = "\\t"\n[calls]\n{CALLS}').loaded == 1


def test_dates_written_in_two_ways_in_one_column(tmp_path):
    """As in the Comcast sample: dashes are DD-MM-YY, slashes M/D/YYYY."""
    rows = ["id,day,clock", "1,22-04-15,3:53:50 PM", "2,4/8/2015,10:22:56 AM", "3,18-13-15,10:00:00 AM"]
    path = make_csv(tmp_path / "c.csv", "\n".join(rows))
    mapping = """
        [complaints]
        complaint_id = "id"
        received_at = { date = "day", time = "clock", format = ["%d-%m-%y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"] }
    """
    with opened({"complaints": path}, mapping) as facts:
        found = facts._connection.execute(
            "SELECT complaint_id, CAST(received_at AS VARCHAR) FROM complaints"
        ).fetchall()
    assert dict(found) == {"1": "2015-04-22 15:53:50", "2": "2015-04-08 10:22:56"}
    assert outcome_of({"complaints": path}, mapping).rejects[0].columns == ("day + clock",)


def test_patterns_with_an_offset_give_instants(tmp_path):
    path = make_csv(tmp_path / "c.csv", "id,at,ok\nc1,05/01/2021 23:30 +0000,Y\n")
    mapping = f"[calls]\n{CALLS}".replace('"at"', '{ column = "at", format = "%d/%m/%Y %H:%M %z" }')
    assert measures_of({"calls": path}, mapping, zone="Asia/Shanghai")["day"].iloc[0].day == 6


def test_a_kind_in_the_rows_of_another_and_a_kind_without_its_file(tmp_path):
    path = make_xlsx(
        tmp_path / "c.xlsx", [["id", "at", "ok", "s"], ["c1", "2021-01-05", "Y", 5], ["c2", "2021-01-05", "N", None]]
    )
    surveys = '[surveys]\nfrom = "calls"\nrows = [{ column = "s", blank = false }]\nsurvey_id = "id"\ncall_id = "id"\n'
    surveys += 'answered_at = "at"\nchannel = { constant = "ivr" }\nscale = { constant = "5" }\nscore = "s"\n'
    with opened({"calls": path}, f"[calls]\n{CALLS}{surveys}") as facts:
        facts.measures(make_weights())
        assert {outcome.kind: outcome.loaded for outcome in facts.outcomes} == {"calls": 2, "surveys": 1}
    complaints = make_csv(tmp_path / "k.csv", "complaint_id,received_at\n1,2021-01-05\n")
    with opened({"complaints": complaints}, surveys) as facts:
        assert list(facts.records) == ["complaints"]


def test_a_line_that_no_kind_can_read_is_told_once_by_the_kind_whose_file_it_is(tmp_path):
    path = make_csv(tmp_path / "c.csv", "id,at,ok,s\nc1,2021-01-05,Y,5\nc2,2021-01-05,Y\n")
    surveys = '[surveys]\nfrom = "calls"\nsurvey_id = "id"\nanswered_at = "at"\nchannel = { constant = "ivr" }\n'
    surveys += 'scale = { constant = "5" }\nscore = "s"\n'
    with opened({"calls": path}, f"[calls]\n{CALLS}{surveys}") as facts:
        facts.measures(make_weights())
        assert {outcome.kind: outcome.rejected for outcome in facts.outcomes} == {"calls": 1, "surveys": 0}
