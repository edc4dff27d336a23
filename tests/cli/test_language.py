"""The command line in Chinese: tables, what is said of the rows, complaints; and what stays as it is."""

import csv
import re
import unicodedata

import pytest

from csi_service.language import LANGUAGES
from tests.cli.terminal import calls, complaint, csi, make_calls, make_month, options
from tests.files import make_csv
from tests.store.bring import calls_file, row

HEADS = ["得分", "实测", "权重", "贡献", "依据"]


@pytest.fixture
def month(tmp_path):
    return make_month(tmp_path)


@pytest.fixture
def folder(tmp_path):
    file = calls_file(tmp_path / "calls.csv", row("C1", "2026-03-02 09:00:00"), row("", "2026-03-03 09:00:00"))
    data = tmp_path / "data"
    assert csi("import", "calls", file, "--data", data).code == 0
    return data


def places(text):
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def ends(line):
    """Return the places at which the columns of a line end, two spaces or more standing between them."""
    return [places(line[: found.end()]) for found in re.finditer(r"\S+( \S+)*", line)]


def test_one_group_in_full_in_chinese(month):
    ran = csi("score", *options(month), "--period", "2021-01", "--lang", "zh")
    heading, _, head, rule, *lines = ran.out.splitlines()
    assert heading == "2021-01 - 权重 default（自 2000-01-01 起生效）"
    assert head.split() == HEADS
    assert set(rule) == {"-"}
    assert lines[0].split() == ["客户满意度指数（CSI）", "86.43", "%"]
    names = [line.split()[0] for line in lines[1:6]]
    assert names == [
        "内部流程满意度（I-CSI）",
        "服务水平（SLA）",
        "平均通话时长（AHT）",
        "一次性解决率（FCR）",
        "录音监听成绩（QA）",
    ]
    assert "360.00 秒" in lines[3]
    assert ran.err.splitlines()[0] == "通话：计入 1,000 行，拒绝 0 行（calls.csv）"


@pytest.mark.parametrize("language", LANGUAGES)
def test_columns_stand_under_each_other_whatever_the_width_of_their_signs(tmp_path, language):
    file = make_calls(tmp_path / "calls.csv", calls(3), calls(2, "L", team="呼入一组"))
    ran = csi("score", "--calls", file, "--by", "team", "--lang", language)
    head, rule, *rows = ran.out.split("\n\n")[0].splitlines()
    assert len(rows) == 3
    assert {places(line) for line in (head, rule, *rows)} == {len(rule)}
    to_the_right = ends(head)[2:]
    assert [ends(line)[2:] for line in rows] == [to_the_right] * 3
    assert len(to_the_right) == 9


def test_the_lines_of_a_tree_stand_under_each_other(month):
    lines = csi("score", *options(month), "--lang", "zh").out.splitlines()[2:]
    head, rule, csi_line, *_ = lines
    assert ends(head)[0] == ends(csi_line)[1]  # the score: the first column has no head
    leaves = [line for line in lines if line.startswith("    ") and " / " in line]
    assert len(leaves) == 5
    assert len({tuple(ends(line)[1:5]) for line in leaves}) == 1  # score, measured, weight, what it adds
    assert len(rule) >= max(map(places, lines[2:]))


def test_the_language_is_that_of_the_option_else_of_the_setting_else_english(month):
    asked = ("score", *options(month, "calls"), "--period", "2021-01")
    chinese = csi(*asked, CSI_LANGUAGE="zh")
    assert "权重" in chinese.out
    assert csi("--lang", "zh", *asked).out == csi(*asked, "--lang", "zh").out == chinese.out
    english = csi(*asked)
    assert english.out.startswith("2021-01 - weights default (valid from 2000-01-01)")
    assert csi(*asked, "--lang", "en", CSI_LANGUAGE="zh").out == english.out


@pytest.mark.parametrize("command", ["", "score", "sample plan", "sample", "restore", "report publish"])
def test_help_is_told_in_the_language_chosen_and_fits_the_terminal(command):
    shown = csi(*command.split(), "--help", CSI_LANGUAGE="zh").out
    assert shown.startswith("用法：csi")
    assert "显示此帮助并退出。" in shown
    told = [line for line in shown.splitlines() if re.search("[a-z]{4,} [a-z]{3,} [a-z]{3,}", line)]
    assert [line for line in told if "csi report 2021-01" not in line] == []  # no English sentence is left
    assert max(map(places, shown.splitlines())) <= 80
    assert csi(*command.split(), "--help").out.startswith("Usage: csi")


def test_help_in_chinese_tells_what_click_adds():
    shown = csi("sample", "plan", "--lang", "zh", "--help").out
    assert "计划名称。  [必填]" in shown
    assert "[默认：random]" in shown


@pytest.mark.parametrize("name", ["json", "csv"])
def test_formats_for_programs_are_the_same_in_each_language(month, name):
    asked = ("score", *options(month), "--by", "team", "--format", name)
    english = csi(*asked)
    assert (english.code, b"csi.internal.sla" in english.data) == (0, True)
    assert csi(*asked, "--lang", "zh").data == csi(*asked, CSI_LANGUAGE="zh").data == english.data


def test_reasons_of_rejected_rows_are_told_also_in_their_file(tmp_path):
    head = ["call_id", "started_at", "answered", "wait_seconds"]
    rows = [["C1", "2021-01-04 09:00:00", "Y", "20"], ["C2", "soon", "maybe", "-1"], ["", "2021-01-04 09:00", "Y", "1"]]
    file = make_csv(tmp_path / "calls.csv", [head, *rows])
    ran = csi("score", "--calls", file, "--rejects", tmp_path / "zh.csv", "--lang", "zh")
    assert ran.code == 0
    said = ran.err.splitlines()
    assert said[0] == "通话：计入 1 行，拒绝 2 行（calls.csv）"
    assert "  1 条：call_id 为空白；每行都须有值" in said
    assert "  1 条：started_at 不是形如 2021-01-31 09:12:58 的时刻，或不介于 2000 与 2099 年之间" in said
    assert any(line.startswith("  1 条：answered 不是“是”或“否”") for line in said)
    csi("score", "--calls", file, "--rejects", tmp_path / "en.csv")
    texts = [(tmp_path / name).read_text(encoding="utf-8-sig") for name in ("zh.csv", "en.csv")]
    zh, en = (list(csv.DictReader(text.splitlines())) for text in texts)
    assert [row.pop("reason") for row in zh][1] == "为空白；每行都须有值"
    assert [row.pop("reason") for row in en][1] == "is blank; every row needs it"
    assert zh == en


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["score"], "请至少给出一个文件，例如 --calls calls.csv"),
        (["score", "--calls", "none.csv"], "none.csv：没有此文件"),
        (["weights", "show", "none"], "没有权重 'none'；现有 bank, default, telecom"),
        (["score", "--calls", "a.csv", "--period", "May"], "period：'May' 不是期间；请写作 2021-01（月）、2021-W05"),
        (["key", "create", "--name", "a", "--role", "admin", "--expires", "soon"], "--expires：'soon' 不是日期"),
        (["calibration"], "请给出 --period 或 --batch，或两者都给"),
        (["report", "2026-03", "--output", "a.doc"], "output：以 'doc' 结尾；可接受 html, pdf, xlsx，或给出 --format"),
        (["imports", "undo", "7"], "没有导入 7"),
        (["mapping", "suggest", "none.csv"], "none.csv：没有此文件"),
    ],
)  # fmt: skip
def test_a_refused_run_ends_with_a_line_in_chinese(tmp_path, arguments, text):
    assert complaint(csi("--lang", "zh", *arguments, CSI_DATA=str(tmp_path / "data"))).startswith(text)


def test_a_setting_that_cannot_be_used_is_told_in_the_language_that_is_set(tmp_path):
    told = complaint(csi("settings", CSI_LANGUAGE="zh", CSI_PORT="x"))
    assert told == "CSI_PORT 为 'x'；可接受：1 至 65535 的整数"
    assert complaint(csi("settings", CSI_LANGUAGE="fr")) == "CSI_LANGUAGE is 'fr'; accepted is en or zh"
    assert csi("settings", "--lang", "zh").out.splitlines()[1] == "    数据文件夹；不存在时自动创建（默认：csi-data）"


def test_a_folder_s_tables_and_messages_in_chinese(tmp_path, folder):
    def zh(*arguments):
        ran = csi(*arguments, "--data", folder, "--lang", "zh")
        assert ran.code == 0, ran.err
        return ran

    head, rule, *rows = zh("imports", "list").out.splitlines()
    assert head.split() == ["编号", "状态", "类型", "文件", "创建时间", "操作人", "读入", "拒绝行数"]
    assert rows[0].split()[:4] == ["1", "已完成", "通话", "calls.csv"]
    assert {places(head), places(rows[0])} == {len(rule)}
    again = calls_file(tmp_path / "again.csv", row("", "2026-03-03 09:00:00"), row("C2", "2026-03-03 09:00:00"))
    assert zh("import", "calls", again).err.splitlines() == [
        "导入 2：已完成。csi imports undo 2 可撤销。",
        "通话：导入 1 行（新增 1，替换 0，未变 0），拒绝 1 行",
        "  1 条：call_id 为空白；每行都须有值",
        "被拒绝的行可用 csi imports rejects 2 取出。",
    ]
    assert zh("imports", "undo", 2).err == "导入 2 已撤销。\n"
    assert zh("key", "create", "--name", "甲", "--role", "viewer").err.startswith("密钥 csi_")
    assert zh("key", "list").out.splitlines()[0].split()[:4] == ["前缀", "名称", "角色", "班组"]
    assert [line.split()[0] for line in zh("doctor").out.splitlines() if "数据库程序库" not in line] == ["良好"] * 11
    assert zh("ratings", "2026-03").out.startswith("2026-03 质检员评级（非客户自评），按总体加权\n通话  批次")
    assert zh("calibration", "--period", "2026-03").out.startswith("Krippendorff α：无，没有由多人评级的通话\n")
    assert "<title>月度满意度报告" in zh("report", "2026-03").out
    assert "<title>月度满意度报告" in csi("report", "2026-03", CSI_DATA=str(folder), CSI_LANGUAGE="zh").out


def test_weights_and_forms_in_chinese(tmp_path):
    good = csi("weights", "list", "--lang", "zh")
    assert "* default      自 2000-01-01 起生效" in good.out
    file = tmp_path / "mine.toml"
    file.write_text('title = "X"\n[csi]\ntotal = 3\ninternal = -1\n', encoding="utf-8")
    bad = csi("weights", "check", file, "--lang", "zh")
    assert bad.err.splitlines()[0] == f"{file}: source：缺失；请给出文本"
    assert f"{file}: csi.internal：为 -1；请给出数字：至少 0" in bad.err
    assert bad.err.splitlines()[-1] == "csi: 1 个文件中有 1 个不可用"
    shown = csi("forms", "show", "default", "--lang", "zh").out.splitlines()
    assert shown[1].split() == ["项目", "分值", "需求类型", "关键项", "可不适用", "内容"]
    assert "客户，不合格则所属部分记零分" in "".join(shown)
    assert "合规，不合格则整份质检记零分" in "".join(shown)
