"""The report as HTML, PDF and XLSX, in both languages, for every kind of month."""

import dataclasses
import functools
import hashlib
import io
import itertools
import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import openpyxl
import pypdfium2
import pytest

from csi_service.core.told import Told
from csi_service.errors import InvalidInputError
from csi_service.language import LANGUAGES
from csi_service.report.document import Tiles
from csi_service.report.font import drawable, has_glyph
from csi_service.report.layout import document_of
from csi_service.report.pdf import compiled, typst_data
from csi_service.report.quality import Counts, DataQuality
from csi_service.report.words import words_of
from csi_service.report.writers import WRITERS, write_report
from tests.make import GONE, MONTH, ROOT, make_weights
from tests.report.reports import RARE, FewFacts, make_part, make_report, report_from
from tests.report.test_monthly import DAY, NO_COMPLAINTS, NO_QA

BAD = {**NO_COMPLAINTS, "answered_within_threshold": 500}
MONTHS = {
    "usual": lambda: make_report(
        before=make_part("2020-12", {"complaints_received": 6}), groups=make_part(teams=("甲", "乙"))
    ),
    "empty": lambda: report_from(FewFacts({("2020-12-10", "甲"): DAY}), "2021-01", ("team",)),
    "no component": lambda: make_report(make_part(changes=NO_COMPLAINTS), before=make_part("2020-12")),
    "no index": lambda: make_report(make_part(changes=NO_COMPLAINTS | NO_QA, rated=None, delight=None)),
    "one group": lambda: make_report(groups=make_part(teams=("only",))),
    "rare names": lambda: make_report(groups=make_part(teams=RARE)),
    "not ended": lambda: make_report(
        make_part(changes=BAD, in_progress=True), make_part("2020-12"), quality=DataQuality(20, 4, 100, 50, 0.5)
    ),
    "a week": lambda: report_from(FewFacts({("2021-01-10", "甲"): DAY}), "2021-W01", ("team",)),
    "bank": lambda: make_report(
        make_part(weights=make_weights(base="bank")),
        warnings=[Told("weights {name}: {warning}", name="a", warning="b")],
    ),
    "telecom": lambda: make_report(make_part(weights=make_weights(base="telecom")), before=make_part("2020-12")),
}  # fmt: skip


NO_FCR = {name: GONE for name in MONTH if name.startswith(("tickets_", "resolution_", "first_contacts"))}


def tiles_of(model):
    return next(b for b in document_of(model, words_of("en")).first_page if isinstance(b, Tiles)).tiles


class Page(HTMLParser):
    """What a page says, and what it would load."""

    def __init__(self, html: bytes, whole: bool = True) -> None:
        super().__init__()
        self.whole = whole
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "rect", "path", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("rect", "path", "circle"):
            if self.open and self.open[-1] == tag:
                self.open.pop()
            else:
                assert not self.whole

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["desc"]) and data.strip():
            self.texts.append(data.strip())


def pages_of(pdf):
    with pypdfium2.PdfDocument(pdf) as document:
        texts = []
        for page in document:
            text = page.get_textpage()
            texts.append(text.get_text_bounded().replace("\u200b", ""))
            text.close()
            page.close()
        return texts


def book_of(model, language="en"):
    return openpyxl.load_workbook(io.BytesIO(write_report(model, "xlsx", language)))


@functools.cache
def written(month, format_, language):
    return write_report(MONTHS[month](), format_, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("month", MONTHS)
def test_every_month_gives_every_document_the_same_bytes_again(month, language):
    for format_ in WRITERS:
        assert write_report(MONTHS[month](), format_, language) == written(month, format_, language)


def digests():
    """Return what a month comes to, by format and language."""
    texts = itertools.product(WRITERS, LANGUAGES)
    return " ".join(hashlib.sha256(write_report(MONTHS["usual"](), *each)).hexdigest() for each in texts)


def test_another_process_makes_the_same_bytes_some_seconds_later():
    ours, made = digests(), time.time() // 2
    while time.time() // 2 == made:  # an archive tells times by two seconds
        time.sleep(0.1)
    code = "from tests.report.test_documents import digests; print(digests())"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ours


def test_the_writers_are_those_of_the_issue_and_others_are_refused():
    assert list(WRITERS) == ["html", "pdf", "xlsx"]
    with pytest.raises(InvalidInputError, match="'docx' is no format of a report; accepted are html, pdf, xlsx"):
        write_report(MONTHS["empty"](), "docx", "en")
    with pytest.raises(InvalidInputError, match="accepted are en, zh"):
        write_report(MONTHS["empty"](), "html", "de")


@pytest.mark.parametrize(
    ("month", "english", "chinese"),
    [
        (
            "usual",  # CSI 0.8643; with six complaints it was 0.8643 + 0.075 / 3 = 0.8893
            "In January 2021 the customer satisfaction index was 86.43\u00a0%, 2.50 points below December 2020. "
            "A difference of this size can be chance.",
            "2021年1月客户满意度指数为 86.43\u00a0%，比2020年12月低 2.50 个百分点。这样大小的差异可能出于偶然。",
        ),
        (
            "empty",
            "There are no records in January 2021, so there is no index.",
            "2021年1月没有任何记录，因此没有指数。",
        ),
        (
            "no component",  # (0.8978 + 0.92) / 2
            "In January 2021 the customer satisfaction index was 90.89\u00a0%, without: Complaint index.",
            "2021年1月客户满意度指数为 90.89\u00a0%，其中不含：投诉反馈满意度。",
        ),
        (
            "no index",
            "There is no customer satisfaction index for January 2021: only 33.33\u00a0% of its weight has data, "
            "50.00\u00a0% is needed. Missing: Internal process index, Complaint index.",
            "2021年1月没有客户满意度指数：有数据的权重只有 33.33\u00a0%，至少需要 50.00\u00a0%。"
            "缺少：内部流程满意度、投诉反馈满意度。",
        ),
    ],
)  # fmt: skip
def test_the_headline_is_made_from_the_figures(month, english, chinese):
    for language, sentence in (("en", english), ("zh", chinese)):
        assert sentence in Page(written(month, "html", language)).texts


def test_a_difference_that_is_more_than_chance_names_the_component_that_moved():
    better = {"responses.ivr": 15_000, "satisfied_responses.ivr": 15_000, "complaints_received": 0}
    model = make_report(before=make_part("2020-12", better | {"answered_within_threshold": 1000}))
    text = " ".join(Page(write_report(model, "html", "en")).texts)
    # C 1 -> 0.775: 7.50 points; O 15,043 / 15,050 -> 0.92: 2.65 points; SLA 1 -> 0.9444: 0.46 points
    assert "Most of the difference comes from: Complaint index (−7.50 points)." in text


def test_a_card_says_where_its_difference_can_be_chance_and_how_uncertain_its_figure_is():
    cards = [tile.detail for tile in tiles_of(make_report(before=make_part("2020-12", {"complaints_received": 8})))]
    assert cards[0] == "−0.83 points, can be chance; December 2020: 87.26\u00a0%"
    assert cards[1] == "0.00 points; December 2020: 89.78\u00a0%"
    # 25 times half the distance between 0.00429 and 0.01669, the limits of 9 complaints on 1,000 contacts
    assert cards[3] == "uncertain by 15.50 points; −2.50 points, can be chance; December 2020: 80.00\u00a0%"
    assert tiles_of(make_report())[3].detail == "uncertain by 15.50 points; nothing to compare with"


def test_definitions_are_of_what_stood_in_for_what_the_data_lack():
    facts = FewFacts({("2021-01-10", "甲"): DAY}, calls=("resolved", "talk_seconds"))
    model = report_from(facts, "2021-01", ("team",))
    text = " ".join(Page(write_report(model, "html", "en")).texts)
    assert "Answered calls that the agent marked as resolved, of all that carry the mark." in text
    assert "Mean of talk time of the answered calls." in text
    assert "not reactivated" not in text


def test_a_star_is_explained_and_stands_at_figures_only():
    partial, none = (make_report(make_part(changes=gone), make_part("2020-12")) for gone in (NO_FCR, NO_QA))
    texts = Page(write_report(partial, "html", "en")).texts
    assert any(text.startswith("* made of the parts with data, rescaled") for text in texts)
    assert "–*" not in Page(write_report(none, "html", "en")).texts


# --- HTML


@pytest.mark.parametrize("month", MONTHS)
def test_the_page_is_one_whole_file_without_script_or_request(month):
    html = written(month, "html", "zh")
    page = Page(html)
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "form"}
    urls = [name for _, attributes in page.tags for name in attributes if name in ("src", "href", "action")]
    assert urls == []
    assert not re.search(rb"url\(|@import|javascript:", html)
    assert ("html", {"lang": "zh-Hans"}) in page.tags


def test_names_are_text_and_nothing_else_on_the_page():
    page = Page(written("rare names", "html", "en"))
    for name in RARE[:-1]:
        assert name in page.texts
    assert "a?b?" in page.texts  # control signs are not passed on
    assert not any(tag == "b" for tag, _ in page.tags)


def test_the_figures_of_the_page_are_those_of_the_score_table_rounded_half_up():
    texts = Page(written("usual", "html", "en")).texts
    for share in ("86.43", "89.78", "92.00", "77.50", "85.00", "94.44", "83.33"):
        assert f"{share}\u00a0%" in texts
    assert "360.00\u00a0s" in texts


@pytest.mark.parametrize("month", ["usual", "no index", "not ended", "telecom"])
def test_a_chinese_page_has_no_english_word(month):
    said = []
    for section in written(month, "html", "zh").decode().split("<section>"):
        if "<h2>所用权重" not in section:  # names and sources of weights are data
            said += Page(section.encode(), whole=False).texts
    assert set(re.findall(r"[A-Za-z]{4,}", " ".join(said))) <= {"service"}  # csi_service, in the footer


# --- PDF


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("month", MONTHS)
def test_no_page_of_the_pdf_is_nearly_empty_and_each_is_numbered(month, language):
    pages = pages_of(written(month, "pdf", language))
    for number, text in enumerate(pages, 1):
        assert len(text.splitlines()) > 8
        place = f"page {number} of {len(pages)}" if language == "en" else f"第{number}页，共{len(pages)}页"
        assert place in (text if language == "en" else text.replace(" ", ""))


def test_the_pdf_says_what_the_page_says():
    said = re.sub(r"\s", "", "".join(pages_of(written("usual", "pdf", "zh"))))
    page = Page(written("usual", "html", "zh"))
    at = page.texts.index("月度满意度报告")
    missing = [text for text in page.texts[at:] if re.sub(r"\s", "", text) not in said]
    assert missing == []


def test_names_are_text_and_nothing_else_in_the_pdf():
    text = "\n".join(pages_of(written("rare names", "pdf", "en")))
    for name in ("<b>A & B</b>", "\"quoted\" 'name'", "=1+1", "#strong[x] *y* $z$"):
        assert name in text
    assert "[rocket]" in text
    assert "𠮷田[U+2A6A5]㐂" in text


def test_what_the_font_lacks_is_named():
    assert drawable("华东 é ▲ − ° –") == "华东 é ▲ − ° –"
    assert drawable("👍🏽\u200d!") == "[thumbs up sign]!"
    assert not has_glyph("\U0002a6a5")
    assert has_glyph("𠮷")


def test_a_thousand_groups_fill_pages_with_the_head_of_the_table_on_each():
    model = make_report(groups=make_part(teams=[f"T{n:04}" for n in range(1000)]))
    pages = pages_of(write_report(model, "pdf", "en"))
    full = [text for text in pages if text.count("\nT0") > 20]
    assert len(full) >= 10
    assert all("contacts" in text for text in full)
    found = re.findall(r"\bT(\d{4})\b", "\n".join(pages))
    assert [int(number) for number in found] == list(range(1000))


def test_a_warning_of_the_typesetter_is_an_error(monkeypatch):
    data = typst_data(document_of(MONTHS["empty"](), words_of("en")))
    monkeypatch.setattr("csi_service.report.pdf._prepared", lambda: (b'#set text(font: "No Such Font")\nx', []))
    with pytest.raises(RuntimeError, match="no such font"):
        compiled(data)


# --- XLSX


def test_the_workbook_holds_the_unrounded_figures_of_the_score_table():
    model = MONTHS["usual"]()
    sheet = book_of(model)["Figures"]
    rows = [row for row in sheet.iter_rows(min_row=2, max_row=1 + len(model.figures))]
    for row, figure in zip(rows, model.figures, strict=True):
        index = figure.key.count(".") < 2
        assert row[1].value == pytest.approx(figure.value if index else figure.raw, rel=1e-15)
        assert row[6].value == pytest.approx(figure.value, rel=1e-15)
        assert row[1].number_format == ('#,##0.00" s"' if figure.unit == "seconds" else "0.00%")
    assert sheet.freeze_panes == "B2"
    assert rows[2][0].comment.text.startswith("Calls answered within 20 s")


def test_the_workbook_has_native_charts_and_the_groups_with_their_head_in_sight():
    model = make_report(trend=[make_part(), None], groups=make_part(teams=("乙", "甲")))
    book = book_of(model, "zh")
    assert [len(book[name]._charts) for name in ("趋势", "五级满意度评级")] == [1, 1]
    groups = book["分组"]
    assert (groups.freeze_panes, groups.auto_filter.ref) == ("B2", "A1:J3")
    assert [row[0] for row in groups.iter_rows(min_row=2, max_row=3, values_only=True)] == ["乙", "甲"]
    trend = [row[1] for row in book["趋势"].iter_rows(min_row=2, max_row=4, values_only=True)]
    assert trend == [pytest.approx(0.8642592592592593), None, pytest.approx(0.8642592592592593)]


def test_the_workbook_marks_what_is_partial_better_or_worse_and_names_a_thin_group_apart():
    few = {name: [value, value / 50, value] for name, value in MONTH.items()} | NO_FCR
    few["answered_within_threshold"] = [700, 18, 935]  # of 1,100, 22 and 1,100
    groups = make_part(teams=("a", "small", "z"), changes=few)
    sheet = book_of(make_report(make_part(changes=NO_FCR), make_part("2020-12"), groups))["Groups"]
    head = [cell.value for cell in sheet[1]]
    sla, internal = head.index("SLA"), head.index("I-CSI")
    assert [sheet.cell(row, 1).value for row in (2, 3, 4)] == ["a", "small", "z"]
    formats = [sheet.cell(row, 1 + sla).number_format for row in (2, 3, 4)]
    assert formats == ['"▼"0.00%', "0.00%", '"▲"0.00%']
    assert sheet.cell(4, 1 + internal).number_format.endswith('0.00%"*"')
    notes = [cell.value for cell in sheet["A"][4:]]
    assert any(note and note.startswith("By name. Coloured only where more than chance") for note in notes)
    assert any(note and note.startswith("Index too thin to be relied on (1 of 3): small.") for note in notes)


def test_the_workbook_shows_no_difference_of_figures_made_of_other_parts():
    book = book_of(make_report(make_part(changes=NO_FCR), make_part("2020-12")))
    rows = {row[0]: row[1:5] for row in book["Overview"].iter_rows(values_only=True) if row[1] is not None}
    value, before, difference, remark = rows["Internal process index (I-CSI)"]
    assert (difference, remark) == (None, "made of other parts")
    # sla 0.85 / 0.9, aht 300 / 360, qa 0.9, weighed 25, 5 and 60 of 90; with fcr 0.8 of weight 10 it was 0.89777...
    assert value == pytest.approx((25 * 0.85 / 0.9 + 5 * 300 / 360 + 60 * 0.9) / 90, abs=1e-12)
    assert before == pytest.approx(0.9 * value + 0.1 * 0.8, abs=1e-12)
    assert rows["Complaint index (C-CSI)"][2] == 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("format_", ["html", "xlsx"])
def test_a_report_of_some_teams_says_so_before_any_figure(format_, language):
    model = dataclasses.replace(MONTHS["usual"](), teams=("甲", "<乙>"))
    told = {"en": "This report tells of these teams only: 甲, <乙>.", "zh": "本报告仅含以下班组：甲、<乙>。"}[language]
    if format_ == "html":
        texts = Page(write_report(model, "html", language)).texts
        assert texts.index(told) < min(place for place, text in enumerate(texts) if "86.43" in text)
    else:
        sheet = book_of(model, language).worksheets[0]
        assert sheet["A2"].value == told
    empty = dataclasses.replace(MONTHS["empty"](), teams=("甲",))
    none = {"en": "There are no records of these teams in January 2021", "zh": "2021年1月没有这些班组的记录"}[language]
    assert any(text.startswith(none) for text in Page(write_report(empty, "html", language)).texts)


@pytest.mark.parametrize("month", MONTHS)
def test_no_cell_of_the_workbook_is_a_formula_or_a_link(month):
    for sheet in book_of(MONTHS[month]()):
        for row in sheet.iter_rows():
            assert not any(cell.data_type == "f" or cell.hyperlink for cell in row)


def test_a_name_like_a_formula_stays_a_text():
    names = [cell.value for cell in book_of(MONTHS["rare names"]())["Groups"]["A"]]
    assert "=1+1" in names


def test_reports_without_channels_counts_or_comparison_say_so():
    bare = report_from(FewFacts({("2021-01-10", "甲"): DAY}), "2021-01")
    texts = Page(write_report(bare, "html", "en")).texts
    assert "There are no surveys in the data." in texts
    assert "There are no ratings of recordings in this period." in texts
    calm = make_report(make_part(changes={"complaints_received": 0}), counts=Counts())
    assert "Nothing stands out by the rules of this report." in Page(write_report(calm, "html", "en")).texts
