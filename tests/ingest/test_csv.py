"""CSV files as foreign systems write them: what loads, what is rejected on which line, what is refused and why."""

import gzip

import pytest

from csi_service.errors import FileRefusedError
from tests.files import make_csv, make_xlsx, outcome_of, totals_of

HEADER = "call_id,started_at,answered,team"
GOOD = "c1,2021-01-05 10:00:00,Y,a"
LAST = "c9,2021-01-05 10:00:00,N,b"


def lines(*texts: str) -> str:
    return "\n".join((HEADER, *texts)) + "\n"


def told(outcome) -> list[tuple[int | None, str]]:
    return [(reject.line, reject.columns[0]) for reject in outcome.rejects]


@pytest.mark.parametrize(
    "data",
    [
        lines(GOOD, LAST).encode(),
        b"\xef\xbb\xbf" + lines(GOOD, LAST).encode(),
        lines(GOOD, LAST).replace(",", ";").encode(),
        lines(GOOD, LAST).replace(",", "\t").encode(),
        lines(GOOD, LAST).replace(",", "|").encode(),
        lines(GOOD, LAST).replace("\n", "\r\n").encode(),
        lines(GOOD, LAST).replace("\n", "\r").encode(),
        lines(GOOD, LAST).rstrip("\n").encode(),
        lines("", GOOD, "", "", LAST, "", "").encode(),
        lines(GOOD, LAST).encode("utf-16"),
        b"\xfe\xff" + lines(GOOD, LAST).encode("utf-16-be"),
        gzip.compress(lines(GOOD, LAST).encode(), mtime=0),
        gzip.compress(lines(GOOD).encode(), mtime=0) + gzip.compress(LAST.encode(), mtime=0),
        lines(GOOD, LAST).replace("Y", "是").replace("N", "否").encode("gb18030"),
        gzip.compress(lines(GOOD, LAST).replace("Y", "是").replace("N", "否").encode("gb18030"), mtime=0),
        lines(GOOD.replace("a", '"a\nb"'), LAST.replace("b", 'b "x" c')).encode(),
        lines(GOOD, LAST).replace("team", '"te\nam"').encode(),
        lines(GOOD, LAST).replace("team", "x,,x,").replace(",a\n", ",,,a,\n").replace(",b\n", ",,,b,\n").encode(),
    ],
)  # fmt: skip
def test_every_usual_way_of_writing_is_read(tmp_path, data):
    path = tmp_path / "calls.csv"
    path.write_bytes(data)
    outcome = outcome_of({"calls": path})
    assert (outcome.loaded, outcome.rejected) == (2, 0)


@pytest.mark.parametrize(
    ("bad", "line", "reason"),
    [
        ("c2,2021-01-05 10:00:00", 4, "has too few fields for the header"),
        ("c2", 4, "has too few fields for the header"),
        ("c2,2021-01-05 10:00:00,Y,a,more", 4, "has more fields than the header"),
        ('c2,2021-01-05 10:00:00,Y,"a"b', 4, "has a quotation mark that is not closed where it should be"),
        ("c2,2021-01-05 10:00:00,Y," + "x" * 17 * 2**20, 4, "is longer than 16 MiB"),
        ("c2,2021-01-05 10:00:00,Y,a\0b", 4, "is longer than 64 characters or holds a NUL"),
        ("c2\0,2021-01-05 10:00:00,Y,a", 4, "is longer than 64 characters or holds a NUL"),
        ("c" * 65 + ",2021-01-05 10:00:00,Y,a", 4, "is longer than 64 characters or holds a NUL"),
        (",2021-01-05 10:00:00,Y,a", 4, "is blank; every row needs it"),
        ("c2,2021-01-05 10:00:00,,a", 4, "is blank; every row needs it"),
        ("c2,yesterday,Y,a", 4, "is not an instant such as 2021-01-31 09:12:58 between 2000 and 2099"),
    ],
)  # fmt: skip
def test_a_bad_row_is_rejected_with_its_line_and_the_others_load(tmp_path, bad, line, reason):
    outcome = outcome_of({"calls": make_csv(tmp_path / "calls.csv", lines(GOOD, "", bad, LAST))})
    assert (outcome.loaded, outcome.rejected) == (2, 1)
    (reject,) = outcome.rejects
    assert (reject.file, reject.line, reject.reasons) == ("calls.csv", line, (reason,))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_one_broken_byte_costs_one_line(tmp_path, encoding):
    text = lines(*(f"c{number},2021-01-05 10:00:00,是,一组" for number in range(5))).encode(encoding)
    broken = text + b"c7,2021-01-05 10:00:00,Y,\xff\n" + LAST.encode()
    (tmp_path / "calls.csv").write_bytes(broken)
    outcome = outcome_of({"calls": tmp_path / "calls.csv"})
    assert (outcome.loaded, outcome.rejected) == (6, 1)
    assert outcome.rejects[0].line == 7
    assert "not text in the file's encoding" in outcome.rejects[0].reasons[0]


def test_an_unclosed_quotation_mark_tells_how_many_lines_it_takes(tmp_path):
    text = lines(GOOD, 'c2,2021-01-05 10:00:00,Y,"a', LAST, LAST)
    outcome = outcome_of({"calls": make_csv(tmp_path / "calls.csv", text)})
    assert (outcome.loaded, outcome.rejected) == (1, 3)
    assert outcome.rejects[0].line == 3
    assert outcome.rejects[0].reasons[0].endswith("it takes 3 lines with it")


@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_right_behind_quoted_line_breaks_blank_lines_and_a_mark(tmp_path, packed):
    text = "\ufeff" + lines(
        'c1,2021-01-05 10:00:00,Y,"a\n\nb"', "", "c2,x,Y,", '"c\n3",y,Y,a', "c4,z,Y", "", "c5,z,Y,é"
    )
    outcome = outcome_of({"calls": make_csv(tmp_path / ("calls.csv" + ".gz" * packed), text)})
    assert outcome.loaded == 1
    # line 1 the header, 2-4 c1, 5 blank, 6 c2, 7-8 c3, 9 c4, 10 blank, 11 c5
    assert [reject.line for reject in outcome.rejects] == [6, 7, 9, 11]


def test_a_line_that_the_reader_could_not_take_apart_is_rejected_whichever_columns_are_used(tmp_path):
    header = "call_id,started_at,answered," + ",".join(f"unused{number}" for number in range(20))
    rows = [f"c{number},2021-01-05 10:00:00,Y" + ",u" * 20 for number in range(50)]
    rows[20] = rows[20].removesuffix(",u")
    rows[30] += ",u"
    path = make_csv(tmp_path / "calls.csv", "\n".join((header, *rows)))
    assert told(outcome_of({"calls": path})) == [(22, ""), (32, "")]
    assert totals_of({"calls": path})["contacts_answered"] == 48


def test_rejects_of_several_files_name_their_own_file_and_columns(tmp_path):
    one = make_csv(tmp_path / "one.csv", lines(GOOD, "c2,x,Y,a", "c3,2021-01-05 10:00:00"))
    two = make_csv(
        tmp_path / "two.csv", "team,answered,started_at,call_id\nb,?,2021-01-06 10:00:00,d1\nb,N,1,d2\nb,N\n"
    )
    outcome = outcome_of({"calls": [one, two]})
    assert (outcome.loaded, outcome.rejected) == (1, 5)
    assert [(reject.file, reject.line) for reject in outcome.rejects] == [
        ("one.csv", 3), ("one.csv", 4), ("two.csv", 2), ("two.csv", 3), ("two.csv", 4),
    ]  # fmt: skip
    assert outcome.rejects[2].row == {
        "team": "b",
        "answered": "?",
        "started_at": "2021-01-06 10:00:00",
        "call_id": "d1",
    }
    assert outcome.rejects[3].values == ("1",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "the file is empty"),
        ("\ufeff", "the file is empty"),
        ("\n\n", "the file is empty"),
        (lines(GOOD).replace(",", "^"), "Is the delimiter another"),
        ("\n".join((GOOD, LAST)), "has no column call_id, started_at, answered, team for calls".replace(", team", "")),
        (lines(GOOD).replace("started_at", "when"), "no column started_at for calls; its header reads: call_id, when"),
        (lines(GOOD).replace("started_at", "when"), "csi mapping suggest calls.csv"),
        (lines(GOOD).replace("team", "answered"), "the header has the column answered more than once"),
        ("x" * 17 * 2**20 + HEADER + "\n", "the header line is longer than 16 MiB"),
        (HEADER + ",x" * 2000 + "\n", "has more than 2,000 columns"),
        (lines(GOOD).encode("utf-16-le"), "is it UTF-16?"),
        (bytes(range(256)) * 10, "NUL"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, "is an old .xls workbook"),
        (gzip.compress(lines(*[GOOD] * 9).encode(), mtime=0)[:-12], "the gzip data are damaged"),
        (b"\x1f\x8b", "the gzip data are damaged"),
        ((lines(GOOD) + "c3,2021-01-05 10:00:00,Y,b\r\n" + LAST + "\n"), "lines end in different ways"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_as_a_whole_is_refused(tmp_path, data, message):
    (tmp_path / "calls.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(FileRefusedError) as refusal:
        outcome_of({"calls": tmp_path / "calls.csv"})
    assert str(refusal.value).startswith("calls.csv: ")
    assert message in str(refusal.value)


@pytest.mark.parametrize("fault", ["cut", "flipped"])
def test_gzip_data_that_are_damaged_far_behind_are_refused_not_partly_counted(tmp_path, fault):
    data = bytearray(
        gzip.compress(lines(*(f"c{i},2021-01-05 10:00:00,Y,{i * 7919 % 1000}" for i in range(400_000))).encode())
    )
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "calls.csv.gz").write_bytes(data[:-2000] if fault == "cut" else data)
    with pytest.raises(FileRefusedError, match=r"calls\.csv\.gz: .*gzip data are damaged"):
        outcome_of({"calls": tmp_path / "calls.csv.gz"})


@pytest.mark.parametrize("text", [HEADER, HEADER + "\n"])
def test_a_header_alone_is_no_row(tmp_path, text):
    outcome = outcome_of({"calls": make_csv(tmp_path / "calls.csv", text)})
    assert (outcome.loaded, outcome.rejected) == (0, 0)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(FileRefusedError, match="there is no such file"):
        outcome_of({"calls": tmp_path / "none.csv"})
    with pytest.raises(FileRefusedError, match="is a folder; name its files"):
        outcome_of({"calls": tmp_path})


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_last_row_of_an_id_counts_and_the_others_are_counted_as_repeated(tmp_path, kind):
    make = make_csv if kind == "csv" else make_xlsx
    header = ["call_id", "started_at", "answered"]
    one = make(
        tmp_path / f"one.{kind}", [header, ["c1", "2021-01-05 10:00:00", "Y"], ["c2", "2021-01-05 10:00:00", "Y"]]
    )
    two = make(
        tmp_path / f"two.{kind}", [header, ["c1", "2021-01-07 10:00:00", "N"], [" c2 ", "2021-01-05 10:00:00", "N"]]
    )
    outcome = outcome_of({"calls": [one, two]})
    assert (outcome.loaded, outcome.repeated, outcome.rejected) == (2, 2, 0)
    assert totals_of({"calls": [one, two]})["contacts_abandoned"] == 2
    assert totals_of({"calls": [two, one]})["contacts_answered"] == 2


def test_small_kinds_replace_by_their_identity_too(tmp_path):
    rows = "day,channel,invited,team\n2021-01-05,sms,10,a\n2021-01-05,sms,12,a\n2021-01-05,sms,5,b\n2021-01-05,sms,7,\n"
    path = make_csv(tmp_path / "invitations.csv", rows)
    outcome = outcome_of({"survey_invitations": path})
    assert (outcome.loaded, outcome.repeated) == (3, 1)
    assert totals_of({"survey_invitations": path}) == {"invitations.sms": 24}


def test_unused_columns_are_named_but_not_those_that_another_kind_of_the_file_uses(tmp_path):
    path = make_csv(tmp_path / "both.csv", "id,at,answered,score,extra\nc1,2021-01-05 10:00:00,Y,5,x\n")
    mapping = """
        [calls]
        call_id = "id"
        started_at = "at"
        answered = "answered"
        [surveys]
        from = "calls"
        rows = [{ column = "score", blank = false }]
        survey_id = "id"
        answered_at = "at"
        channel = { constant = "ivr" }
        scale = { constant = "5" }
        score = "score"
    """
    assert outcome_of({"calls": path}, mapping).ignored_columns == ["extra"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_the_encoding_shows_wherever_the_first_chinese_text_stands(tmp_path, packed, encoding):
    plain = [f"c{number},2021-01-05 10:00:00,Y,a" for number in range(200_000)]  # 6 MB
    chinese = [f"z{number},2021-01-05 10:00:00,是,客服{number}" for number in range(10)]
    data = lines(*plain, *chinese).encode(encoding)
    path = tmp_path / "calls.csv"
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    outcome = outcome_of({"calls": path})
    assert (outcome.loaded, outcome.rejected) == (200_010, 0)


def test_a_single_line_that_is_no_text_is_rejected_wherever_it_stands(tmp_path):
    plain = [f"c{number},2021-01-05 10:00:00,Y,a" for number in range(200_000)]
    path = tmp_path / "calls.csv"
    path.write_bytes(lines(*plain).encode() + b"x1,2021-01-05 10:00:00,Y,\xff\xff\nx2" + LAST.encode())
    outcome = outcome_of({"calls": path})
    assert (outcome.loaded, told(outcome)) == (200_001, [(200_002, "")])


def test_a_nul_behind_the_sample_of_a_gzipped_file_is_found(tmp_path):
    rows = [f"c{number},2021-01-05 10:00:00,Y,客服" for number in range(200_000)]
    path = tmp_path / "calls.csv.gz"
    path.write_bytes(gzip.compress(lines(*rows, "cx,2021-01-05 10:00:00,Y,a\0").encode(), 1))
    assert told(outcome_of({"calls": path})) == [(200_002, "team")]
