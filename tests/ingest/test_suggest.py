"""csi mapping suggest: drafts from headers, that score once they are complete."""

import datetime as dt
import functools
import re
import tomllib
from pathlib import Path

import openpyxl
import pytest

from csi_service import language as language_module
from csi_service.errors import MappingError
from csi_service.facts.duck import workspace
from csi_service.facts.kinds import KINDS
from csi_service.ingest.mapping import parse_mapping
from csi_service.ingest.suggest import suggest
from csi_service.ingest.synonyms import DATE_WORDS, SYNONYMS, TIME_WORDS
from tests.files import make_csv, make_xlsx, measures_of, outcome_of, totals_of
from tests.shared import shared_data


def draft(path: Path, language: str = "en") -> str:
    with workspace() as (connection, folder):
        tell = functools.partial(language_module.tell, translate=language_module.translator(language))
        return suggest(connection, path, folder, "Asia/Shanghai", tell)


def drafted(tmp_path: Path, text: str) -> dict:
    """Return the document drafted for a CSV text."""
    return tomllib.loads(draft(make_csv(tmp_path / "export.csv", text)))


# --- real exports


def test_the_pwc_export_scores_with_its_draft_as_it_is():
    path = shared_data("pwc_call_centre/calls.csv")
    for file in (path, path.with_name("Call-Center-Dataset.xlsx")):
        text = draft(file)
        found = totals_of({"calls": file}, text)
        counts = [found[name] for name in ("contacts_answered", "contacts_abandoned", "resolution_confirmed")]
        assert counts == [4054, 946, 3646]
        assert found["answered_within_threshold"] == 374
        assert found["handle_seconds"] / found["handled_contacts"] == pytest.approx(224.923, abs=0.0005)
        assert (found["responses.ivr"], found["satisfied_responses.ivr"]) == (4054, 1180 + 843)


def test_the_comcast_export_has_two_kinds_of_dates_of_which_one_is_ambiguous():
    path = shared_data("comcast_complaints_sample/complaints_sample.csv")
    text = draft(path)
    assert '"%d-%m-%y %I:%M:%S %p", "%d/%m/%Y %I:%M:%S %p"' in text
    assert "# or %m/%d/%Y %I:%M:%S %p: the first rows fit both" in text
    mended = text.replace('"%d/%m/%Y %I:%M:%S %p"', '"%m/%d/%Y %I:%M:%S %p"')  # as the data's README says
    days = measures_of({"complaints": path}, mended)
    months = days.groupby(days["day"].dt.month)["complaints_received"].sum()
    assert months.to_dict() == {4: 58, 5: 32, 6: 133}


def test_the_incident_log_scores_as_tickets():
    path = shared_data("incident_event_log_sample/incident_event_log.csv")
    outcome = outcome_of({"tickets": path}, draft(path))
    assert (outcome.loaded, outcome.rejected) == (890, 0)  # the last row of each incident


def test_the_daily_table_has_no_record_that_could_be_scored():
    text = draft(shared_data("daily_service_level/Call Center Data.csv"))
    assert "# No header was recognised" in text
    assert list(tomllib.loads(text)) == ["time_zone"]


# --- made-up exports


CHINESE = """通话编号,来电日期,来电时刻,是否接通,班组,坐席工号,等待时长,通话时长,保持时长,话后时长,是否解决,满意度
K1,2021年1月4日,9:05:00,是,华东一组,A1,12,00:04:00,00:00:30,00:00:30,是,5
K2,2021年1月4日,9:06:00,否,华东一组,,40,,,,,
K3,2021年1月5日,23:59:00,是,华东二组,A2,25,00:05:00,00:00:00,00:01:00,否,2
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_chinese_export_scores_with_its_draft_as_it_is(tmp_path, encoding):
    path = make_csv(tmp_path / "话单.csv", CHINESE, encoding)
    text = draft(path)
    assert text.startswith("# Drafted from the headers of 话单.csv.")
    found = totals_of({"calls": path}, text)
    expected = {"contacts_answered": 2, "contacts_abandoned": 1, "answered_within_threshold": 1, "handle_seconds": 660}
    expected |= {"resolution_confirmed": 1, "responses.ivr": 2, "satisfied_responses.ivr": 1}
    assert {name: found[name] for name in expected} == expected


def test_a_workbook_with_real_dates_and_times_scores_with_its_draft(tmp_path):
    day, clock = dt.datetime(2021, 1, 4), dt.time(9, 5)  # noqa: DTZ001 - a cell has no zone
    path = make_xlsx(
        tmp_path / "calls.xlsx",
        [["Call ID", "Date", "Time", "Answered", "Talk time"], ["K1", day, clock, "Y", dt.time(0, 5)]],
    )
    found = totals_of({"calls": path}, draft(path))
    assert (found["contacts_answered"], found["handle_seconds"]) == (1, 300)


def test_what_stands_for_an_empty_cell_is_found(tmp_path):
    path = make_csv(
        tmp_path / "t.csv", "number,opened_at,closed_at\nT1,04-01-2021 09:00,?\nT2,04-01-2021 09:00,05-01-2021 09:00\n"
    )
    text = draft(path)
    assert 'blanks = ["?"]' in text
    assert totals_of({"tickets": path}, text)["tickets_closed"] == 1


def test_a_required_field_without_a_header_is_left_to_the_reader(tmp_path):
    text = draft(make_csv(tmp_path / "calls.csv", "Call ID,Start time,Wait time\nK1,2021-01-04 09:00:00,3\n"))
    assert '# answered = "..."  # every row needs it' in text
    with pytest.raises(MappingError, match="names no column for answered"):
        parse_mapping(text, "draft")
    parse_mapping(text.replace('# answered = "..."', 'answered = { constant = "Y" }'), "draft")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2021-01-04 09:05:00"], None),
        (["2021-01-04T09:05:00Z", "2021-01-04T09:05:00+08:00"], None),
        (["2021/01/31 9:05"], None),
        (["31.01.2021 09:05"], "%d.%m.%Y %H:%M"),
        (["20210131"], "%Y%m%d"),
        (["20210131090500"], "%Y%m%d%H%M%S"),
        (["31-01-21 9:05:00 PM"], "%d-%m-%y %I:%M:%S %p"),
        (["1/31/2021 9:05:00 PM"], "%m/%d/%Y %I:%M:%S %p"),
        (["31/01/2021", "2021-01-31"], ["%Y-%m-%d", "%d/%m/%Y"]),
        (["2021年1月31日 09:05"], "%Y年%m月%d日 %H:%M"),
        (["yesterday"], "?"),
        ([], None),
    ],
)
def test_how_instants_are_written_is_found_as_the_import_reads_them(tmp_path, texts, expected):
    rows = "".join(f"K{number},{text},Y\n" for number, text in enumerate(texts))
    column = drafted(tmp_path, "call_id,started_at,answered\n" + rows)["calls"]["started_at"]
    if expected is None:
        assert column == "started_at"
    else:
        found = column["format"]
        assert (sorted(found), column["column"]) == (sorted(expected), "started_at")


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        ("90 0 12.5", None),
        ("00:01:30 0:00:00", "hh:mm:ss"),
        ("1:30 0:00", "mm:ss"),
        ("0.00104 0", "days"),
        ("0 0", None),
        ("1:30 90", None),  # of two minds: the reader decides
    ],
)
def test_the_unit_of_durations_is_found(tmp_path, texts, unit):
    rows = "".join(f"K{n},2021-01-04 09:00:00,Y,{text}\n" for n, text in enumerate(texts.split()))
    column = drafted(tmp_path, "call_id,started_at,answered,talk_time\n" + rows)["calls"]["talk_seconds"]
    assert column == ({"column": "talk_time", "unit": unit} if unit else "talk_time")


@pytest.mark.parametrize(
    ("header", "texts", "unit"),
    [
        ("通话时长(秒)", "90 0", None),
        ("通话时长（分钟）", "1.5 0", "minutes"),
        ("通话时长 【分】", "2 0", "minutes"),
        ("Talk time (min)", "2 0", "minutes"),
        ("Talk time [s]", "0.5 0.25", None),  # not shares of a day
        ("Talk time (days)", "0.5 0", "days"),
        ("通话时长(时:分:秒)", "0:01:30 0:00:10", "hh:mm:ss"),
        ("通话时长(hh:mm:ss)", "0.00104 0", "days"),
        ("通话时长(分钟)", "1:30 0:10", "mm:ss"),  # the cells say it better
        ("通话时长(分钟)", "", "minutes"),
    ],
)
def test_a_unit_in_brackets_is_no_part_of_the_header(tmp_path, header, texts, unit):
    rows = "".join(f"K{n},2021-01-04 09:00:00,Y,{text}\n" for n, text in enumerate(texts.split()))
    column = drafted(tmp_path, f"call_id,started_at,answered,{header}\n{rows}")["calls"]["talk_seconds"]
    assert column == ({"column": header, "unit": unit} if unit else header)


def test_hours_are_no_unit_of_a_mapping_so_the_column_is_left_to_the_reader(tmp_path):
    text = draft(make_csv(tmp_path / "a.csv", "call_id,started_at,answered,通话时长(小时)\nK1,2021-01-04,Y,1\n"))
    assert "# Columns not used: 通话时长(小时)" in text


@pytest.mark.parametrize(
    ("header", "kind", "fields"),
    [
        ("通话流水号,来电时间,是否接通,等待秒数", "calls", "call_id started_at answered wait_seconds"),
        ("呼叫ID,呼叫时间,是否接起,等待时长(秒),坐席编号", "calls", "call_id started_at answered wait_seconds agent"),
        ("评价编号,评价时间,评价渠道,分值,评价内容", "surveys", "survey_id answered_at channel score comment"),
        ("工单编号,创建时间,结单时间,工单类型", "tickets", "ticket_id opened_at closed_at topic"),
    ],
)  # fmt: skip
def test_common_chinese_headers_are_known(tmp_path, header, kind, fields):
    found = drafted(tmp_path, f"{header}\n")[kind]
    assert {name: found[name] for name in fields.split()} == dict(zip(fields.split(), header.split(","), strict=True))


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["非常满意", "满意", "一般", "不满意", "非常不满意"], [5, 4, 3, 2, 1]),
        (["很满意", "满意", "一般", "不满意", "很不满意"], [5, 4, 3, 2, 1]),
        (["Very satisfied", "Satisfied", "Neutral", "Dissatisfied", "Very dissatisfied"], [5, 4, 3, 2, 1]),
        (["very_satisfied", "satisfied", "neutral", "dissatisfied", "very_dissatisfied"], [5, 4, 3, 2, 1]),
    ],
)
def test_words_for_scores_get_their_values(tmp_path, texts, values):
    rows = "".join(f"S{n},2021-01-04 09:00:00,ivr,{text}\n" for n, text in enumerate(reversed(texts)))
    path = make_csv(tmp_path / "s.csv", f"survey_id,answered_at,channel,满意度\n{rows}")
    text = draft(path)
    surveys = tomllib.loads(text)["surveys"]
    assert surveys["score"] == {"column": "满意度", "values": dict(zip(texts, values, strict=True))}
    assert surveys["scale"] == {"constant": "5"}
    found = totals_of({"surveys": path}, text)
    assert (found["responses.ivr"], found["satisfied_responses.ivr"]) == (5, 2)  # 5 and 4


def test_words_that_the_first_rows_lack_are_drafted_in_the_same_letters(tmp_path):
    surveys = drafted(tmp_path, "survey_id,answered_at,channel,score\nS1,2021-01-04,ivr,Very Satisfied\nS2,,,1\n")[
        "surveys"
    ]
    words = ["Very Satisfied", "Satisfied", "Neutral", "Dissatisfied", "Very Dissatisfied"]
    assert (list(surveys["score"]["values"]), surveys["scale"]) == (words, {"constant": "5"})


def test_words_are_no_scores_of_evaluations(tmp_path):
    header = "evaluation_id,call_id,evaluated_at,rater,form,score"
    found = drafted(tmp_path, f"{header}\nE1,K1,2021-01-04 09:00:00,ann,f,满意\n")
    assert found["evaluations"]["score"] == "score"


def test_other_sheets_are_named_with_the_keys_of_the_mapping(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "说明"
    book.active.append(["本表为话单"])
    for title in ('话"单', "十月"):
        book.create_sheet(title).append(["call_id", "started_at", "answered"])
    book.create_sheet("空")
    book.save(tmp_path / "a.xlsx")
    lines = draft(tmp_path / "a.xlsx").splitlines()
    assert lines[2] == r'''# sheet = "话\"单"  # read was "说明"; the workbook also has "话\"单", "十月"'''
    assert lines[3].startswith("# header_row = 2  #")
    assert lines[4].startswith("# No header was recognised")
    chosen = tmp_path / "b.xlsx"
    del book["说明"]
    book.save(chosen)
    lines = draft(chosen).splitlines()
    assert lines[2] == r'''# sheet = "十月"  # read was "话\"单"; the workbook also has "十月"'''
    assert lines[4] == "[calls]"
    assert "header_row" not in "".join(lines)


@pytest.mark.parametrize(
    ("scores", "scale"),
    [
        ("1 5 3", "5"),
        ("0 1", "binary"),
        ("1 2 3", "3"),
        ("7 6", "7"),
        ("1 10", "10"),
        ("0 10", "nps"),
        ("", "5"),
        ("a", "5"),
    ],
)
def test_the_scale_is_guessed_from_the_scores(tmp_path, scores, scale):
    rows = "".join(f"S{n},2021-01-04 09:00:00,ivr,{text}\n" for n, text in enumerate(scores.split()))
    surveys = drafted(tmp_path, "survey_id,answered_at,channel,score\n" + rows)["surveys"]
    assert surveys["scale"] == {"constant": scale}


@pytest.mark.parametrize(
    ("header", "instant"),
    [
        ("call_id,Call Date,Call Time,answered", {"date": "Call Date", "time": "Call Time"}),
        ("call_id,Date,answered,x", "Date"),
        ("call_id,Call Time,answered,x", "Call Time"),
        ("call_id,Start Time,answered,Date", "Start Time"),
    ],
)
def test_a_day_and_a_time_are_joined_where_no_column_holds_both(tmp_path, header, instant):
    row = {
        "Date": "2021-01-04",
        "Call Date": "2021-01-04",
        "Call Time": "2021-01-04 09:00" if "Date" not in header else "09:00",
    }
    row |= {"Start Time": "2021-01-04 09:00", "call_id": "K1", "answered": "Y", "x": "x"}
    text = f"{header}\n{','.join(row[name] for name in header.split(','))}\n"
    assert drafted(tmp_path, text)["calls"]["started_at"] == instant


def test_words_that_are_neither_yes_nor_no_are_listed_for_the_reader(tmp_path):
    calls = drafted(tmp_path, "call_id,started_at,answered\nK1,2021-01-04 09:00:00,ANS\nK2,2021-01-04 09:00:00,ABD\n")[
        "calls"
    ]
    assert calls["answered"] == {"column": "answered", "values": {"ANS": False, "ABD": False}}


def test_headers_with_quotes_and_backslashes_give_good_toml(tmp_path):
    header = 'call_id,started_at,answered,"C:\\a ""b"""'
    text = draft(make_csv(tmp_path / "odd.csv", f"{header}\nK1,2021-01-04 09:00:00,Y,x\n"))
    assert '# Columns not used: C:\\a "b"' in text
    assert parse_mapping(text, "draft").kinds.keys() == {"calls"}


def test_a_header_cannot_write_lines_of_its_own_into_the_draft(tmp_path):
    text = draft(
        make_csv(tmp_path / "a.csv", 'call_id,started_at,answered,"x\n[tickets]"\nK1,2021-01-04 09:00:00,Y,x\n')
    )
    assert parse_mapping(text, "draft").kinds.keys() == {"calls"}


# --- the words


def test_every_word_is_written_as_headers_are_compared_and_names_a_field():
    fields = {field.name for kind in KINDS.values() for field in kind.fields}
    assert SYNONYMS.keys() <= fields
    for words in (*SYNONYMS.values(), DATE_WORDS, TIME_WORDS):
        assert all(word == word.lower() and word.isalnum() for word in words)
        assert len(set(words)) == len(words)


MANY = """Call Id,Date,Time,Answered (Y/N),Satisfaction rating,Shade
C1,05/06/2021,09:00:00,si,4,red
C2,06/05/2021,09:00:00,?,,red
"""
UNCLEAR = "Call Id,started_at\nC1,when it was\n"
OF_MANY = ["请逐行核对", "时区", "空单元格", "两种都符合", "请写 true", "sms、callback", "根据分数推测", "列：Shade"]
OF_UNCLEAR = ["时间是怎样写的", '每行都须有值：写出列名，或写 { constant = "..." }']
HAN = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    ("text", "remarks"), [(MANY, OF_MANY), (UNCLEAR, OF_UNCLEAR), ("a,b\n1,2\n", ["未识别出任何表头"])]
)
def test_a_draft_in_chinese_is_the_same_but_for_its_remarks(tmp_path, text, remarks):
    path = make_csv(tmp_path / "export.csv", text)
    english, chinese = draft(path), draft(path, "zh")
    assert tomllib.loads(english) == tomllib.loads(chinese)
    assert [remark for remark in remarks if remark not in chinese] == []
    assert HAN.search(english) is None
    told = [line.partition("#")[2] for line in chinese.splitlines() if "#" in line]
    assert [remark for remark in told if not HAN.search(remark)] == []


def test_the_sheets_of_a_workbook_are_told_in_chinese(tmp_path):
    path = make_xlsx(tmp_path / "export.xlsx", [["a", "b"], ["1", "2"]])
    book = openpyxl.load_workbook(path)
    book.create_sheet("Feb").append(["a", "b"])
    book.save(path)
    text = draft(path, "zh")
    assert '该工作簿还有 "Feb"' in text
    assert "表头所在的行" in text
